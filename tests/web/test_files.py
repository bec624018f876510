"""GET /files/<token>: as WhatsApp fetches it, as a browser would misuse it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import select, update

from messaging.files import storage
from messaging.files.downloads import Downloaded
from messaging.files.media_types import Content
from messaging.store.kept_files import File
from messaging.system import logs
from tests.support import samples
from tests.support.s3 import BOTH_STORES
from tests.support.world import World

pytestmark = pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)


def put(shop: World, content: bytes = samples.PDF, name: str = "Счёт №5.pdf", mime: str = "application/pdf") -> str:
    """Keep a file for a day; the path of its link."""
    temporary = storage.temporary(shop.runtime)
    temporary.mkdir(parents=True, exist_ok=True)
    path = temporary / "x"
    path.write_bytes(content)
    got = Downloaded(path, name, mime, len(content), "")
    url, _ = storage.keep(shop.runtime, 1, "in", got, Content(mime), name, shop.now + timedelta(days=1))
    return url.removeprefix(shop.runtime.config.public_url)


@BOTH_STORES
def test_a_file_comes_whole_without_a_redirect(shop: World) -> None:
    answer = shop.app.get(put(shop))
    assert answer.status_code == 200
    assert answer.data == samples.PDF
    headers = answer.headers
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Length"] == str(len(samples.PDF))
    assert headers["Cache-Control"] == "private, max-age=600"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment; ")
    assert unquote(headers["Content-Disposition"]).endswith("filename*=UTF-8''Счёт №5.pdf")
    assert "Set-Cookie" not in headers


@BOTH_STORES
def test_head_tells_the_same_without_the_body(shop: World) -> None:
    path = put(shop)
    answer = shop.app.head(path)
    assert (answer.status_code, answer.data) == (200, b"")
    whole = shop.app.get(path)
    for name in ("Content-Type", "Content-Length", "Content-Disposition", "ETag"):
        assert answer.headers[name] == whole.headers[name]


@BOTH_STORES
@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-3", 206, samples.PDF[:4]),
        ("bytes=4-", 206, samples.PDF[4:]),
        ("bytes=-5", 206, samples.PDF[-5:]),
        ("bytes=100000-", 416, None),
    ],
)
def test_parts(shop: World, wanted: str, status: int, part: bytes | None) -> None:
    answer = shop.app.get(put(shop), headers={"Range": wanted})
    assert answer.status_code == status
    if part is not None:
        assert answer.data == part
        assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers.get("X-Content-Type-Options", "nosniff") == "nosniff"


@BOTH_STORES
def test_what_the_reader_has_is_not_sent_again(shop: World) -> None:
    path = put(shop)
    tag = shop.app.get(path).headers["ETag"]
    assert shop.app.get(path, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("mime", "in_place"),
    [("image/jpeg", True), ("audio/ogg", True), ("video/mp4", True), ("application/pdf", False), ("text/plain", False)],
)
def test_only_media_is_shown_in_place(shop: World, mime: str, in_place: bool) -> None:
    answer = shop.app.get(put(shop, b"x", "a", mime))
    assert answer.headers["Content-Type"] == mime
    assert answer.headers["Content-Disposition"].startswith("inline" if in_place else "attachment")


@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"])
def test_nothing_that_runs_is_called_by_its_name(shop: World, mime: str) -> None:
    """Neither when the row is written, nor when a row says so all the same."""
    path = put(shop, b"<script>", "a.html", mime)
    for _ in range(2):
        answer = shop.app.get(path)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        with shop.runtime.db.write() as session:
            session.execute(update(File).values(content_type=mime))


@pytest.mark.parametrize("method", ["get", "head"])
def test_unknown_and_expired_links_are_404(shop: World, method: str) -> None:
    path = put(shop)
    ask: Any = getattr(shop.app, method)
    assert ask(path).status_code == 200
    for wrong in ("/files/", "/files/x", path[:-1], f"{path}A", f"/files/{'x' * 5000}", "/files/..%2f..%2fwaba24.db"):
        assert ask(wrong).status_code == 404, wrong
    shop.now += timedelta(days=1)
    assert ask(path).status_code == 404


@BOTH_STORES
def test_a_file_that_is_gone_from_the_store_is_404(shop: World) -> None:
    path = put(shop)
    with shop.runtime.db.read() as session:
        row = session.scalars(select(File)).one()
    shop.runtime.files.remove([row.path])
    assert shop.app.get(path).status_code == 404


def test_other_methods_are_refused(shop: World) -> None:
    assert shop.app.post(put(shop)).status_code == 405


def test_no_link_reaches_a_log(shop: World, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "debug")
    path = put(shop)
    token = path.rpartition("/")[2]
    shop.app.get(path)
    shop.now += timedelta(days=2)
    assert shop.app.get(path).status_code == 404
    said = "".join(capsys.readouterr())
    assert "/files/" in said
    assert token not in said
    assert token[:12] not in said
