"""Files in an S3 bucket, against a real server; what one store can do, the folder can too."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from messaging.system import bucket_store
from messaging.system.bucket_store import Bucket
from messaging.system.config import Config
from messaging.system.file_store import FileStore, StoreAway, new_key
from messaging.system.folder_store import Folder
from tests.support import s3

NOBODY = "http://127.0.0.1:1"
LARGE = os.urandom(6 * 1024 * 1024 + 7)  # more than one part of an upload


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def bucket_of(settings: dict[str, str], owner: str = "us", clock: Clock | None = None) -> Bucket:
    return Bucket(replace(Config(), **settings), owner, clock or Clock())  # type: ignore[arg-type]  # texts all of them


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return Folder(tmp_path / "files")
    return bucket_of(request.getfixturevalue("bucket"))


def put(store: FileStore, tmp_path: Path, content: bytes) -> str:
    key, path = new_key(), tmp_path / "fetched"
    path.write_bytes(content)
    store.add(path, key)
    return key


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
def test_a_file_is_kept_and_read_whole_and_in_parts(store: FileStore, tmp_path: Path, content: bytes) -> None:
    key = put(store, tmp_path, content)
    with store.open(key) as file:
        assert file.read() == content
        assert file.read(1) == b""
        file.seek(len(content) // 2)
        assert file.tell() == len(content) // 2
        assert file.read(100) == content[len(content) // 2 :][:100]
        assert file.seek(-1, os.SEEK_END) == len(content) - 1
        assert file.read() == content[-1:]


def test_a_file_that_is_not_there(store: FileStore, tmp_path: Path) -> None:
    kept, gone = put(store, tmp_path, b"kept"), put(store, tmp_path, b"gone")
    store.remove([gone, new_key(), gone])
    assert (store.has(kept), store.has(gone)) == (True, False)
    with pytest.raises(FileNotFoundError):
        store.open(gone)


def test_files_are_listed_by_age_and_nothing_else_is(store: FileStore, tmp_path: Path) -> None:
    keys = sorted(put(store, tmp_path, b"x") for _ in range(3))
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"x")
    store.add(foreign, "backups/database.dump")
    now = datetime.now(UTC)
    assert sorted(key for group in store.older(now + timedelta(hours=1)) for key in group) == keys
    assert not list(store.older(now - timedelta(hours=1)))


def test_an_upload_that_breaks_off_leaves_nothing(
    bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bucket_of(bucket)
    monkeypatch.setattr(bucket_store, "UPLOAD_S", -1.0)
    with pytest.raises(StoreAway, match="no answer from"):
        put(store, tmp_path, LARGE)
    assert not list(bucket_of(bucket).older(datetime.now(UTC) + timedelta(hours=1)))


def test_each_installation_has_a_prefix_of_its_own(bucket: dict[str, str], tmp_path: Path) -> None:
    ours, theirs = bucket_of(bucket), bucket_of(bucket, owner="they")
    assert (ours.prepare(), ours.problem()) == ("", "")
    key = put(ours, tmp_path, b"x")
    assert "another installation" in theirs.prepare()
    with pytest.raises(StoreAway, match="another installation"):
        list(theirs.older(datetime.now(UTC) + timedelta(days=2)))
    with pytest.raises(StoreAway, match="another installation"):
        put(theirs, tmp_path, b"y")  # ours would sweep it away
    assert ours.has(key)
    elsewhere = {**bucket, "files_url": f"{bucket['files_url']}-2"}
    assert (bucket_of(elsewhere, owner="they").prepare(), bucket_of(elsewhere).has(key)) == ("", False)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"files_url": "s3://no-such-bucket"},
            "the bucket no-such-bucket does not exist: create it, or correct FILES_URL",
        ),
        ({"files_access_key": "nobody"}, "FILES_ACCESS_KEY is refused"),
        ({"files_secret_key": "wrong-secret"}, "FILES_SECRET_KEY is refused"),
        ({"files_endpoint": NOBODY}, f"no answer from {NOBODY}"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_told_with_the_remedy(
    bucket: dict[str, str], wrong: dict[str, str], words: str, tmp_path: Path
) -> None:
    assert words in bucket_of(bucket | wrong).prepare()
    assert words in bucket_of(bucket | wrong).problem()
    for act in (lambda store: store.has(new_key()), lambda store: put(store, tmp_path, b"x")):
        with pytest.raises(StoreAway) as caught:
            act(bucket_of(bucket | wrong))
        assert words in str(caught.value)
        assert s3.SECRET_KEY not in repr(caught.value)


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A server that refuses everything; its address. The body is MinIO's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>…</Message></Error>'
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode() if code else b"")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "RequestTimeTooSkewed", "set this machine's by NTP"),
        (403, "AccessDenied", "the key has too few rights"),
        (400, "AuthorizationHeaderMalformed", "correct FILES_REGION"),
        (403, "Unheard", "the file store answers Unheard"),
        (503, "SlowDown", "the file store answers SlowDown"),
        (502, "", "the file store answers 502"),
    ],
)
def test_refusals_that_the_server_of_the_tests_cannot_be_brought_to(status: int, code: str, words: str) -> None:
    with answering(status, code) as url:
        assert words in bucket_of(s3.settings(url)).problem()


def test_a_store_that_is_away_is_left_in_peace_for_a_moment(
    bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    store, asked = bucket_of(bucket, clock=clock), 0
    key = put(store, tmp_path, b"x")

    def away(*args: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        raise bucket_store.BaseError("error sending request")

    with monkeypatch.context() as patched:
        patched.setattr(bucket_store.obstore, "get", away)
        for _ in range(3):
            with pytest.raises(StoreAway):
                store.has(key)
    assert asked == 1
    clock.now += timedelta(seconds=11)
    assert store.has(key)
