"""Files: fetched within bounds, resolved from every kind of reference, kept, forgotten."""

from __future__ import annotations

import os
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, redirect, request
from sqlalchemy import func, select
from urllib3.response import HTTPResponse

from activities.errors import Refused
from bx24.emulator.rest import disk
from bx24.errors import Bx24Error
from gupshup import limits
from messaging.files import problems, storage
from messaging.files.downloads import Downloaded, fetch
from messaging.files.problems import Unfetched, megabytes
from messaging.portals import crm, tokens
from messaging.store.models import File
from messaging.system import public_http
from messaging.system.public_http import file_session
from tests.gupshup.loopback import Act, Server, answer, closed_port, raw_answer, read_and_close, read_and_hang, serving
from tests.support import samples
from tests.support.world import PORTAL, World

DEAL = ["crm", "CCrmDocumentDeal", "DEAL", "DEAL_1"]
LEAD = ["crm", "CCrmDocumentLead", "LEAD", "LEAD_2"]
LIST = ["lists", "BizprocDocument", "iblock_7", "77"]
FOREIGN = "files.example"
HASH = "0123456789abcdef" * 2
#: Where rows are none of the question, one database is enough.
lite = pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)

# --- fetch: real sockets, on loopback ------------------------------------------------------------------------------


def get(server: Server, folder: Path, path: str = "/dir/%D0%A4.png?auth=secret", **more: Any) -> Downloaded:
    return fetch(file_session(allow_http=True), server.url + path, folder, allow_http=True, **more)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Limits of a test: images 1,000 bytes, everything else 5,000."""
    for media in limits.MAX_BYTES:
        monkeypatch.setitem(limits.MAX_BYTES, media, 1_000 if media == "image" else 5_000)
    return 1_000


def test_a_file_comes_into_a_private_temporary_file(tmp_path: Path) -> None:
    headers = ("Content-Type: image/png; charset=x", "Content-Disposition: attachment; filename*=utf-8''%D0%B0.png")
    with serving(answer(200, samples.png(), *headers)) as server:
        got = get(server, tmp_path / "tmp")
    assert got.path.read_bytes() == samples.png()
    assert (got.name, got.content_type, got.size) == ("а.png", "image/png", len(samples.png()))
    assert got.path.stat().st_mode & 0o777 == 0o600
    assert got.path.parent.stat().st_mode & 0o777 == 0o700
    sent = server.sent[0].headers
    assert sent["accept"] == "*/*"
    assert sent["user-agent"]
    assert sent["accept-language"]
    assert sent["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("", "Ф.png"),
        ("attachment", "Ф.png"),
        ("attachment; filename=plain.pdf", "plain.pdf"),
        ('attachment; filename="with space.pdf"', "with space.pdf"),
        ("attachment; filename=x.pdf; filename*=UTF-8''%D0%9F.pdf", "П.pdf"),
        ("attachment; filename=\"%D0%9F.pdf\"; filename*=utf-8''%D0%9F.pdf", "П.pdf"),
        ("attachment; filename*=utf-8'broken", "Ф.png"),
        ('attachment; filename="Дог.pdf"'.encode().decode("latin-1"), "Дог.pdf"),
    ],
)
def test_the_name_is_the_servers_else_the_links(disposition: str, name: str, tmp_path: Path) -> None:
    headers = (f"Content-Disposition: {disposition}",) if disposition else ()
    with serving(answer(200, "x", *headers)) as server:
        assert get(server, tmp_path).name == name


def lying(length: int, body: bytes) -> Act:
    return raw_answer(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + body)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> Act:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return raw_answer(head + f"{len(body):x}\r\n".encode() + body + b"\r\n" + end)


def endless(server: Server, connection: socket.socket) -> None:
    """A body without end or length, until the other side has had enough."""
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def dripping(server: Server, connection: socket.socket) -> None:
    """One byte whenever the other side's patience would have been renewed by it."""
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not server.released.wait(0.02):
        connection.sendall(b"x")


def headers_without_end(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not server.released.wait(0.02):
        connection.sendall(b"x")


def gzipped(body: bytes) -> Act:
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packed.compress(body) + packed.flush()
    return answer(200, data, "Content-Encoding: gzip")


FAULTS: dict[str, tuple[Act, str, str, bool]] = {
    # name: (what the server does, code, words, whether another try may help)
    "says it is too large": (lying(10_000, b"x"), "file_too_large", "0.1 MB", False),
    "says it is endless": (lying(10**30, b"x"), "file_unreachable", "half-way", True),
    "is larger than it says": (chunked(b"x" * 6_000), "file_too_large", "more than", False),
    "has no end": (endless, "file_too_large", "more than", False),
    "unpacks to too much": (gzipped(b"\0" * 1_000_000), "file_too_large", "more than", False),
    "is shorter than it says": (lying(4_000, b"x" * 100), "file_unreachable", "half-way", True),
    "stops inside a chunk": (chunked(b"x" * 100, b""), "file_unreachable", "half-way", True),
    "is packed badly": (answer(200, "no gzip", "Content-Encoding: gzip"), "file_unreachable", "half-way", True),
    "is empty": (answer(200), "file_unreachable", "is empty", False),
    "drips": (dripping, "file_unreachable", "too slow", True),
    "drips headers": (headers_without_end, "file_unreachable", "too slow", True),
    "says nothing": (read_and_hang, "file_unreachable", "too slow", True),
    "hangs up": (read_and_close, "file_unreachable", "cannot be reached", True),
    "speaks no http": (raw_answer(b"220 ready\r\n"), "file_unreachable", "cannot be reached", True),
    "wants a login": (answer(401), "file_unreachable", "answer 401", False),
    "forbids": (answer(403), "file_unreachable", "answer 403", False),
    "has no such file": (answer(404, "x" * 9_000), "file_unreachable", "answer 404", False),
    "is gone": (answer(410), "file_unreachable", "answer 410", False),
    "gives a part": (answer(206, "abc"), "file_unreachable", "206", False),
    "is busy": (answer(429), "file_unreachable", "429", True),
    "is broken": (answer(503), "file_unreachable", "503", True),
    "redirects nowhere": (answer(302), "file_unreachable", "302", False),
    "redirects for ever": (answer(302, "", "Location: /again"), "file_unreachable", "too often", False),
    "redirects into the machine": (
        answer(302, "", "Location: http://169.254.169.254/latest/meta-data/"),
        "file_unreachable",
        "private network",
        False,
    ),
    "redirects to a private address": (
        answer(307, "", "Location: https://10.0.0.5/"),
        "file_unreachable",
        "private network",
        False,
    ),
    "redirects to a file": (answer(301, "", "Location: file:///etc/passwd"), "file_unreachable", "https://", False),
    "redirects with a password": (
        answer(301, "", "Location: http://u:p@127.0.0.1/"),
        "file_unreachable",
        "password",
        False,
    ),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", FAULTS)
def test_what_goes_wrong_is_said_in_words(case: str, tmp_path: Path) -> None:
    act, code, words, passing = FAULTS[case]
    patience = 0.2 if words == "too slow" else 5.0
    with serving(act) as server, pytest.raises(Unfetched) as caught:
        get(server, tmp_path, seconds=patience)
    assert (caught.value.code, caught.value.passing) == (code, passing)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__  # they quote the whole link
    text = caught.value.text
    assert words in text.en
    assert re.search("[а-я]", text.ru)
    for said in (text.en, text.ru):
        assert "secret" not in said  # a link may hold a token
        assert "{" not in said
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Unfetched, match="cannot be reached") as caught:
        fetch(file_session(allow_http=True), f"http://127.0.0.1:{closed_port()}/a", tmp_path, allow_http=True)
    assert caught.value.passing


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("media", "size", "fits"), [("image", 1000, True), ("image", 1001, False), ("auto", 5000, True)]
)
def test_the_limit_is_that_of_the_kind(media: str, size: int, fits: bool, tmp_path: Path) -> None:
    for act in (answer(200, b"x" * size), chunked(b"x" * size)):
        with serving(act) as server:
            if fits:
                assert get(server, tmp_path, media=media).size == size
                continue
            with pytest.raises(Unfetched, match="images of up to"):
                get(server, tmp_path, media=media)


def test_five_redirects_are_followed_six_are_not(tmp_path: Path) -> None:
    hops = [answer(302, "", "Location: /next") for _ in range(5)]
    with serving(*hops, answer(200, "here")) as server:
        assert get(server, tmp_path).path.read_text() == "here"
    with serving(*hops, hops[0], answer(200, "here")) as server, pytest.raises(Unfetched, match="too often"):
        get(server, tmp_path)


def test_a_redirect_in_raw_utf8_is_understood(tmp_path: Path) -> None:
    where = "Location: /файл.pdf".encode().decode("latin-1")
    with serving(answer(301, "", where), answer(200, "x")) as server:
        assert get(server, tmp_path).name == "файл.pdf"


def test_what_is_said_to_one_host_is_not_said_to_another(tmp_path: Path) -> None:
    with serving(answer(200, "x")) as other:
        there = answer(302, "", f"Location: {other.url}/b", "Set-Cookie: PHPSESSID=s; Path=/; HttpOnly")
        with serving(answer(302, "", "Location: /a", "Set-Cookie: PHPSESSID=s"), there) as server:
            get(server, tmp_path, headers={"Referer": "https://acme/", "Authorization": "Bearer t", "X-Own": "1"})
    first, second = server.sent
    assert (first.headers["referer"], first.headers["authorization"]) == ("https://acme/", "Bearer t")
    assert "cookie" not in first.headers
    assert second.headers["cookie"] == "PHPSESSID=s"
    assert not {"referer", "authorization", "cookie"} & set(other.sent[0].headers)
    assert other.sent[0].headers["x-own"] == "1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://files.example/a", "https://"),
        ("ftp://files.example/a", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "no valid link"),
        ("https://[::1", "no valid link"),
        ("https://files.example:99999999/a", "no valid link"),
        ("https://user:secret@files.example/a", "password"),
        ("https://127.0.0.1/a", "private network"),
        ("https://169.254.169.254/a", "private network"),
        ("https://localhost/a", "private network"),
    ],
)
def test_links_that_are_not_even_tried(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unfetched) as caught:
        fetch(file_session(), url, tmp_path)
    assert caught.value.code == "file_unreachable"
    assert words in caught.value.text.en
    assert "secret" not in caught.value.text.en
    assert not caught.value.passing


def test_a_redirect_is_resolved_and_judged_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In production: from a public server to a name that lives on loopback."""
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        return real({"inside.example": "127.0.0.1"}.get(host, host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    session = file_session()
    with serving(answer(200, "inside")) as server:
        session.mount("https://outside.example", _Redirecting(f"https://inside.example:{server.port}/"))
        with pytest.raises(Unfetched, match="private network"):
            fetch(session, "https://outside.example/a", tmp_path)
        assert server.connections == 0


class _Redirecting(public_http.GuardedAdapter):
    def __init__(self, target: str) -> None:
        super().__init__(allow_http=False)
        self.target = target

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = 302, str(request.url), request
        response.headers["Location"], response.raw = self.target, HTTPResponse(b"")
        return response


@pytest.mark.parametrize(
    ("size", "text"), [(1, "0.1 MB"), (5 * 1024**2, "5 MB"), (5 * 1024**2 + 1, "5.1 MB"), (7_654_321, "7.3 MB")]
)
def test_sizes_are_rounded_up(size: int, text: str) -> None:
    assert megabytes(size).en == text
    assert megabytes(size).ru == text.replace(".", ",").replace("MB", "МБ")


# --- references: the whole world, over WSGI ------------------------------------------------------------------------


class Site:
    """A web site of somebody else: path → what it answers. `seen`: what it was asked."""

    def __init__(self, shop: World) -> None:
        self.pages: dict[str, Any] = {}
        self.seen: list[Any] = []
        app = Flask("site")

        @app.route("/<path:path>")
        def page(path: str) -> Any:
            self.seen.append((request.full_path, dict(request.headers)))
            return self.pages[f"/{path}"]

        shop.net.apps[FOREIGN] = app


@pytest.fixture
def site(shop: World) -> Site:
    return Site(shop)


def share(shop: World, reference: str, media: str = "auto", document: list[str] | None = None, **more: Any) -> Any:
    rest = tokens.portal_client(shop.runtime, 1)
    return storage.Files(shop.runtime, 1, rest, rest.endpoint).shared(
        document=DEAL if document is None else document,
        reference=reference,
        media=media,
        name=more.pop("name", ""),
        keep_until=more.pop("keep_until", shop.now + timedelta(days=1)),
    )


def refusal(shop: World, reference: str, *args: Any, kept_before: int = 0, **more: Any) -> Refused:
    """Why it is refused; nothing may be left behind."""
    with pytest.raises(Refused) as caught:
        share(shop, reference, *args, **more)
    assert re.search("[а-я]", caught.value.text.ru)
    assert not re.search(r"(?<!\{)\{\w", caught.value.text.ru + caught.value.text.en)
    assert (len(kept(shop)[0]), kept(shop)[1]) == (kept_before, kept_before)
    return caught.value


def kept(shop: World) -> tuple[list[Path], int]:
    """Files on disk, temporary ones included, and rows."""
    with shop.runtime.db.read() as session:
        rows = session.scalar(select(func.count()).select_from(File)) or 0
    return [path for path in storage.folder(shop.runtime).rglob("*") if path.is_file()], rows


def served(shop: World, url: str) -> Any:
    prefix = f"{shop.runtime.config.public_url}/files/"
    assert url.startswith(prefix)
    return shop.app.get(f"/files/{url.removeprefix(prefix)}")


@lite
@pytest.mark.parametrize(
    "reference",
    ["602", "DISK_602", "disk:602", "Disk: 602", " 602 ", "n602", f"{PORTAL}/disk/downloadFile/602/?&ncc=1"],
)
def test_a_disk_file_in_all_its_spellings(shop: World, reference: str) -> None:
    made = share(shop, reference)
    assert (made.media, made.name, made.content_type) == ("image", "shkaf.png", "image/png")
    answered = served(shop, made.url)
    assert answered.data == disk.FILES[602].content
    assert made.size == len(answered.data)
    assert "auth" not in made.url


@lite
def test_the_portal_gets_the_headers_its_front_end_wants(shop: World) -> None:
    share(shop, "601")
    asked = next(sent for sent in shop.net.seen if "download.json" in str(sent.url))
    assert asked.headers["Referer"] == f"{PORTAL}/"
    assert asked.headers["Accept"] == "*/*"
    assert asked.headers["User-Agent"]


@lite
@pytest.mark.parametrize("reference", ["UF_CRM_CONTRACT", "uf_crm_contract", "ufCrmContract", "DEAL|1|UF_CRM_CONTRACT"])
def test_a_crm_field_in_all_its_spellings(shop: World, reference: str) -> None:
    made = share(shop, reference)
    assert (made.media, made.name, made.content_type) == ("document", "Договор.pdf", "application/pdf")


@lite
def test_a_field_of_another_item(shop: World) -> None:
    assert share(shop, "DEAL|1|UF_CRM_CONTRACT", document=LEAD).name == "Договор.pdf"
    assert share(shop, "deal|1|ufCrmContract", document=LIST).name == "Договор.pdf"


@lite
def test_a_file_field_as_an_expression_shows_it(shop: World) -> None:
    path = "/bitrix/components/bitrix/crm.deal.show/show_file.php?ownerId=1&fieldName=UF_CRM_CONTRACT&dynamic=Y"
    assert share(shop, path, document=LIST).name == "Договор.pdf"
    assert share(shop, f"[url={PORTAL}{path}]Договор[/url]", document=LIST).name == "Договор.pdf"


@lite
def test_of_several_files_in_a_field_the_first(shop: World) -> None:
    deal = shop.portal.crm.get(2, 1)
    url = "/rest/download.json?token=disk%7C602&auth="
    token = shop.runtime.bx_session and _token(shop)
    deal["ufCrmScans"] = [{"id": 602, "urlMachine": url + token}, {"id": 501, "urlMachine": "/nowhere"}]
    deal["ufCrm5_17"] = {"0": {"id": 602, "urlMachine": url + token}}
    deal["ufCrmSite"] = f"https://{FOREIGN}/a.pdf"
    assert share(shop, "UF_CRM_SCANS").name.endswith(".png")
    assert share(shop, "UF_CRM_5_17").media == "image"
    Site(shop).pages["/a.pdf"] = Response(samples.PDF)
    assert share(shop, "UF_CRM_SITE").name == "a.pdf"


def _token(shop: World) -> str:
    from messaging.portals.tokens import PortalTokens

    return PortalTokens(shop.runtime, 1).token()


@lite
@pytest.mark.parametrize(
    ("reference", "document", "code", "words"),
    [
        ("699", DEAL, "file_unreachable", "Could not find entity"),
        ("UF_CRM_NOTHING", DEAL, "file_unreachable", "no field UF_CRM_NOTHING"),
        ("UF_CRM_EMPTY", DEAL, "file_unreachable", "field UF_CRM_EMPTY of the card is empty"),
        ("UF_CRM_EMPTY_LIST", DEAL, "file_unreachable", "is empty"),
        ("DEAL|999|UF_CRM_CONTRACT", DEAL, "file_unreachable", "Item not found"),
        ("UF_CRM_CONTRACT", LIST, "file_unreachable", "not run on a CRM item"),
        ("ORDER|1|UF_CRM_CONTRACT", DEAL, "file_unreachable", "not run on a CRM item"),
        ("{{Файл}}", DEAL, "value_invalid", "Drive file id"),
        ("price.pdf", DEAL, "value_invalid", "Drive file id"),
        ("https://a.example/x https://b.example/y", DEAL, "value_invalid", "Drive file id"),
        ("C:\\file.pdf", DEAL, "value_invalid", "Drive file id"),
        ("", DEAL, "value_invalid", "Drive file id"),
        ("http://files.example/a.pdf", DEAL, "file_unreachable", "https://"),
        ("https://nobody.example/a.pdf", DEAL, "file_unreachable", "cannot be reached"),
    ],
)
def test_a_reference_that_leads_nowhere(
    shop: World, reference: str, document: list[str], code: str, words: str
) -> None:
    shop.portal.crm.get(2, 1).update(ufCrmEmpty=None, ufCrmEmptyList=[])
    found = refusal(shop, reference, document=document)
    assert found.code == code
    assert words in found.text.en


@lite
def test_a_busy_portal_is_no_refusal(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.net.broken["acme.example"] = requests.exceptions.ConnectionError("down")
    with pytest.raises(Bx24Error) as caught:
        share(shop, "601")
    assert caught.value.retryable


@lite
def test_a_link(shop: World, site: Site) -> None:
    site.pages["/dir/photo.php"] = Response(samples.jpeg(), content_type="text/html")
    made = share(shop, f"https://{FOREIGN}/dir/photo.php?key=secret")
    assert (made.media, made.name, made.content_type) == ("image", "photo.jpg", "image/jpeg")
    asked = site.seen[0][1]
    assert "Referer" not in asked
    assert "secret" not in made.url


HEVC = samples.mp4(video=("hvc1",))


@pytest.mark.parametrize(
    ("content", "media", "sent_as"),
    [
        (samples.jpeg(), "auto", "image"),
        (samples.jpeg(), "image", "image"),
        (samples.jpeg(), "document", "document"),
        (samples.WEBP, "auto", "document"),
        (samples.GIF, "auto", "document"),
        (samples.png(depth=16), "auto", "document"),
        (samples.mp4(), "auto", "video"),
        (samples.mp4(), "video", "video"),
        (HEVC, "auto", "document"),
        (HEVC, "document", "document"),
        (samples.opus(), "audio", "audio"),
        (samples.opus(), "auto", "audio"),
        (samples.mp3(), "auto", "audio"),
        (samples.PDF, "auto", "document"),
        (bytes(range(256)), "auto", "document"),
    ],
    ids=str,
)
def test_the_kind_is_chosen_by_content(content: bytes, media: str, sent_as: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert storage.prepare(path, len(content), media, "file")[0] == sent_as


@pytest.mark.parametrize(
    ("content", "media", "words"),
    [
        (samples.WEBP, "image", "image/webp, WhatsApp takes JPEG and PNG"),
        (samples.PDF, "image", "application/pdf, WhatsApp takes JPEG and PNG"),
        (samples.png(depth=16), "image", "16 bits"),
        (samples.mp4(), "audio", "video/mp4, WhatsApp takes AAC"),
        (samples.jpeg(), "video", "image/jpeg, WhatsApp takes MP4"),
        (HEVC, "video", "HEVC (H.265), WhatsApp takes H.264"),
        (HEVC, "image", "video/mp4, WhatsApp takes JPEG"),
        (samples.ogg(b"\x01vorbis" + b"\0" * 23), "audio", "vorbis, WhatsApp takes Opus"),
    ],
    ids=str,
)
def test_a_forced_kind_must_fit(content: bytes, media: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        storage.prepare(path, len(content), media, "file")
    assert caught.value.code == "file_type"
    assert words in caught.value.text.en
    assert re.search("[а-я]", caught.value.text.ru)


@lite
def test_headers_of_the_source_say_nothing(shop: World, site: Site) -> None:
    site.pages["/price.csv"] = Response(b"a;b\n1;2\n", content_type="image/jpeg")
    made = share(shop, f"https://{FOREIGN}/price.csv")
    assert (made.media, made.content_type) == ("document", "text/csv")
    assert served(shop, made.url).headers["Content-Type"] == "text/csv"
    assert refusal(shop, f"https://{FOREIGN}/price.csv?2", "image", kept_before=1).code == "file_type"


@lite
@pytest.mark.usefixtures("small")
def test_limits_of_the_kinds(shop: World, site: Site) -> None:
    site.pages["/big.jpg"] = Response(samples.jpeg() + b"\0" * 1_000)
    site.pages["/huge.jpg"] = Response(samples.jpeg() + b"\0" * 6_000)
    found = refusal(shop, f"https://{FOREIGN}/big.jpg", "image")
    assert found.code == "file_too_large"
    assert "send it as a document" in found.text.en
    assert refusal(shop, f"https://{FOREIGN}/huge.jpg").code == "file_too_large"
    assert share(shop, f"https://{FOREIGN}/big.jpg").media == "document"


@lite
def test_a_web_page_is_not_a_file(shop: World, site: Site) -> None:
    site.pages["/view"] = Response("<!doctype html><title>Sign in</title>")
    assert "opens a web page" in refusal(shop, f"https://{FOREIGN}/view").text.en


@lite
def test_the_name_the_customer_gave_is_the_name(shop: World) -> None:
    assert share(shop, "601", name="Прайс на август").name == "Прайс на август.pdf"
    assert share(shop, "601", name="../../Прайс.pdf").name == "Прайс.pdf"


# --- public links of Disk: pages as the component disk.external.link writes them ------------------------------------


def _page(link: str) -> str:
    return f'<!DOCTYPE html><html><a class="bx-disk-btn" href="{link}">Скачать</a></html>'


@contextmanager
def _public(shop: World, page: str, file: bytes = samples.PDF) -> Iterator[list[Any]]:
    """The portal's public page: the download wants the session of the page, as the real one does."""
    seen: list[Any] = []
    app = Flask("public")

    @app.get("/~Xy12")
    def short() -> Any:
        return redirect(f"/docs/pub/{HASH}/default/")

    @app.get(f"/docs/pub/{HASH}/default/")
    def default() -> Any:
        answered = Response(page)
        answered.set_cookie("PHPSESSID", "session-of-the-page")
        return answered

    @app.get(f"/docs/pub/{HASH}/download/")
    def download() -> Any:
        seen.append(dict(request.headers))
        if request.cookies.get("PHPSESSID") != "session-of-the-page" or request.args.get("token") != "abc&1":
            return Response("<html>not found", status=404)
        return Response(file, headers={"Content-Disposition": 'attachment; filename="a.pdf"'})

    shop.net.apps["other.bitrix24.example"] = app
    yield seen


LINK = f"/docs/pub/{HASH}/download/?&amp;token=abc%261"


@lite
@pytest.mark.parametrize("path", ["/~Xy12", f"/docs/pub/{HASH}/default/"])
@pytest.mark.parametrize(
    "page",
    [
        _page(LINK),
        _page(f"https://other.bitrix24.example{LINK}"),
        "<html><script>var link = '" + LINK.replace("/", "\\/") + "';</script></html>",
    ],
)
def test_a_public_disk_link_leads_to_its_file(shop: World, path: str, page: str) -> None:
    with _public(shop, page) as seen:
        made = share(shop, f"https://other.bitrix24.example{path}")
    assert (made.name, made.media) == ("a.pdf", "document")
    assert seen[0]["Referer"] == f"https://other.bitrix24.example/docs/pub/{HASH}/default/"


@lite
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ('<html><form method="POST"><input name="PASSWORD" type="password"></form></html>', "protected by a password"),
        (f'<html><a href="/docs/pub/{HASH}/downloadFolderArchive/?&token=1">zip</a></html>', "opens a folder"),
        ("<html><p>Доступ по внешним ссылкам запрещён</p></html>", "opens a web page"),
        (_page(f"https://evil.example/docs/pub/{HASH}/download/"), "answer 404"),
    ],
)
def test_a_public_disk_link_without_a_file(shop: World, page: str, words: str) -> None:
    with _public(shop, page):
        assert words in refusal(shop, "https://other.bitrix24.example/~Xy12").text.en
    assert "evil.example" not in shop.net.hosts()


# --- one fetch for many robots -------------------------------------------------------------------------------------


def _downloads(shop: World) -> int:
    return sum("download.json" in str(sent.url) for sent in shop.net.seen)


def test_one_disk_file_for_many_robots_is_fetched_once(shop: World) -> None:
    first = share(shop, "601", keep_until=shop.now + timedelta(hours=1))
    second = share(shop, "DISK_601", keep_until=shop.now + timedelta(hours=9))
    assert first == second
    assert _downloads(shop) == 1
    assert len(kept(shop)[0]) == 1
    shop.now += timedelta(hours=8)
    assert served(shop, first.url).status_code == 200


def test_another_version_name_kind_or_portal_is_another_file(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = share(shop, "601")
    assert share(shop, "601", name="Другое").url != first.url
    assert share(shop, "601", "document").url != first.url
    monkeypatch.setitem(disk.FILES, 601, disk.StoredFile(601, "new.pdf", "application/pdf", samples.PDF))
    assert share(shop, "601").name == "new.pdf"
    assert _downloads(shop) == 4


def test_a_link_is_remembered_without_being_readable(shop: World, site: Site) -> None:
    site.pages["/a.pdf"] = Response(samples.PDF)
    first = share(shop, f"https://{FOREIGN}/a.pdf")
    assert share(shop, f"https://{FOREIGN}/a.pdf") == first
    assert len(site.seen) == 1
    redis = shop.runtime.redis
    (key,) = redis.keys("waba24:file:*")  # type: ignore[misc]  # typed as maybe awaitable
    assert FOREIGN.encode() not in key
    assert first.url.rpartition("/")[2].encode() not in bytes(redis.get(key) or b"")  # type: ignore[arg-type]
    assert 0 < int(redis.ttl(key)) <= 60  # type: ignore[arg-type]
    redis.flushall()
    assert share(shop, f"https://{FOREIGN}/a.pdf").url != first.url


def test_what_is_remembered_but_gone_is_fetched_again(shop: World) -> None:
    first = share(shop, "601")
    for path in kept(shop)[0]:
        path.unlink()
    second = share(shop, "601")
    assert second.url != first.url
    assert served(shop, second.url).status_code == 200
    shop.runtime.redis.set(shop.runtime.redis.keys("waba24:file:*")[0], b"rubbish")  # type: ignore[index]
    assert served(shop, share(shop, "601").url).status_code == 200


# --- keeping and forgetting ----------------------------------------------------------------------------------------


def test_only_the_digest_of_a_link_is_stored(shop: World) -> None:
    made = share(shop, "601")
    token = made.url.rpartition("/")[2]
    assert len(token) == 43
    with shop.runtime.db.read() as session:
        row = session.scalars(select(File)).one()
    assert token not in repr([getattr(row, column.key) for column in File.__table__.columns])
    assert re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{30}", row.path)
    assert (row.direction, row.portal_id, row.size) == ("out", 1, made.size)


def test_purge_deletes_what_has_expired_and_what_a_crash_left(shop: World) -> None:
    runtime, root = shop.runtime, storage.folder(shop.runtime)
    old = share(shop, "601", keep_until=shop.now + timedelta(hours=1))
    new = share(shop, "602", keep_until=shop.now + timedelta(days=3))
    left, fresh, orphan = root / "tmp" / "fetch-old", root / "tmp" / "fetch-new", root / "ab" / ("ab" * 16)
    orphan.parent.mkdir(exist_ok=True)
    for path in (left, fresh, orphan):
        path.write_bytes(b"x")
    shop.now += timedelta(days=2)
    day_ago = (shop.now - timedelta(days=1, minutes=1)).timestamp()
    for path in (left, orphan):
        os.utime(path, (day_ago, day_ago))
    os.utime(fresh, (shop.now.timestamp(), shop.now.timestamp()))
    assert storage.purge(runtime) == 3
    assert storage.purge(runtime) == 0
    assert (left.exists(), orphan.exists(), fresh.exists()) == (False, False, True)
    assert (served(shop, old.url).status_code, served(shop, new.url).status_code) == (404, 200)
    assert kept(shop)[1] == 1


def test_purge_takes_any_number(shop: World) -> None:
    with shop.runtime.db.write() as session:
        for number in range(1100):
            session.add(
                File(
                    portal_id=1,
                    direction="in",
                    token_digest=str(number),
                    name="a",
                    content_type="a/b",
                    size=1,
                    path=f"aa/{number}",
                    created_at=shop.now,
                    expires_at=shop.now,
                )
            )
    assert storage.purge(shop.runtime) == 1100


def test_a_portal_can_be_forgotten(shop: World) -> None:
    share(shop, "601")
    share(shop, "602")
    assert storage.forget(shop.runtime, 2) == 0
    assert storage.forget(shop.runtime, 1) == 2
    assert kept(shop) == ([], 0)


# --- what clients send -----------------------------------------------------------------------------------------------

MANAGER = "filemanager.gupshup.io"


def _manager(shop: World, content: bytes, content_type: str = "image/jpeg") -> str:
    app = Flask("manager")
    app.add_url_rule("/fm/<path:path>", view_func=lambda path: Response(content, content_type=content_type))
    shop.net.apps[MANAGER] = app
    return f"https://{MANAGER}/fm/wamedia/acmeshop/11-22?download=false"


@lite
@pytest.mark.parametrize(
    ("content", "name", "claimed", "shown", "content_type"),
    [
        (samples.jpeg(), "", "image/jpeg", "11-22.jpg", "image/jpeg"),
        (samples.WEBP, "", "image/webp", "11-22.webp", "image/webp"),
        (samples.opus(), "", "audio/ogg; codecs=opus", "11-22.ogg", "audio/ogg"),
        (samples.PDF, "Счёт.pdf", "application/pdf", "Счёт.pdf", "application/pdf"),
        (b"<html><script>alert(1)</script>", "photo.jpg", "image/jpeg", "photo.jpg", "application/octet-stream"),
        (bytes(range(256)), "чертёж.dwg", "application/acad", "чертёж.dwg", "application/octet-stream"),
    ],
)
def test_media_of_a_client_is_kept_for_thirty_days(
    shop: World, content: bytes, name: str, claimed: str, shown: str, content_type: str
) -> None:
    link = storage.keep_inbound(shop.runtime, 1, _manager(shop, content, claimed), name, claimed)
    answered = served(shop, link)
    assert (answered.data, answered.headers["Content-Type"]) == (content, content_type)
    with shop.runtime.db.read() as session:
        row = session.scalars(select(File)).one()
    assert (row.direction, row.name) == ("in", shown)
    shop.now += timedelta(days=30, seconds=-1)
    assert served(shop, link).status_code == 200
    shop.now += timedelta(seconds=1)
    assert served(shop, link).status_code == 404


@lite
def test_media_on_the_configured_api_host_is_fetched(shop: World) -> None:
    app = Flask("api")
    app.add_url_rule("/wa/media/<path:path>", view_func=lambda path: Response(samples.PDF))
    shop.net.apps["api.gupshup.example"] = app
    assert storage.keep_inbound(shop.runtime, 1, f"{shop.runtime.config.gupshup_url}/wa/media/1/a.pdf")


@lite
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.jpg",
        "https://filemanager.gupshup.io.evil.example/a.jpg",
        "https://evil.example@filemanager.gupshup.io/a.jpg",
        "https://filemanager.gupshup.io@evil.example/a.jpg",
        "https://filemanager.gupshup.io:8443/a.jpg",
        "http://filemanager.gupshup.io/a.jpg",
        "https://127.0.0.1/a.jpg",
        "file:///etc/passwd",
        "https://[",
        "",
    ],
)
def test_a_forged_event_fetches_nothing(shop: World, url: str) -> None:
    before = len(shop.net.seen)
    with pytest.raises(Unfetched) as caught:
        storage.keep_inbound(shop.runtime, 1, url)
    assert not caught.value.passing
    assert len(shop.net.seen) == before


@lite
def test_media_that_cannot_be_had_now_can_be_tried_again(shop: World) -> None:
    url = _manager(shop, samples.PDF)
    shop.net.broken[MANAGER] = requests.exceptions.ConnectionError("down")
    with pytest.raises(Unfetched) as caught:
        storage.keep_inbound(shop.runtime, 1, url)
    assert caught.value.passing
    assert kept(shop) == ([], 0)


# --- contact cards -----------------------------------------------------------------------------------------------------


@lite
@pytest.mark.parametrize("reference", ["1", "CONTACT_1", "C_1", " 1 ", "1, 2", "contact|1"])
def test_a_contact_as_a_card(shop: World, reference: str) -> None:
    contact = shop.portal.crm.get(3, 1)
    contact["post"] = "Директор"
    contact["fm"].append(dict(contact["fm"][0]))
    card = crm.contact_card(shop.runtime, 1, reference)
    assert (card.first_name, card.last_name) == ("Ольга", "Никитина")
    assert card.phones == ("+7 (912) 345-67-89",)
    assert card.emails == ("olga@example.com",)
    assert (card.company, card.position) == ("ООО «Ромашка»", "Директор")


@lite
def test_a_contact_without_a_company(shop: World) -> None:
    card = crm.contact_card(shop.runtime, 1, "2")
    assert card.phones == ("8 495 123-45-67", "8 (916) 222-33-44", "добавочный 12")
    assert (card.company, card.position, card.emails) == ("", "", ())


@lite
@pytest.mark.parametrize(
    ("reference", "words"),
    [("999", "no such contact"), ("3", "no phone"), ("Ольга", "number of a CRM"), ("", "number")],
)
def test_a_contact_that_cannot_be_sent(shop: World, reference: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        crm.contact_card(shop.runtime, 1, reference)
    assert caught.value.code == "contact_not_found"
    assert words in caught.value.text.en
    assert "{" not in caught.value.text.ru


@lite
def test_a_busy_portal_is_asked_for_the_contact_again(shop: World) -> None:
    shop.net.broken["acme.example"] = requests.exceptions.ConnectionError("down")
    with pytest.raises(Bx24Error) as caught:
        crm.contact_card(shop.runtime, 1, "1")
    assert caught.value.retryable


def test_every_reason_reads_well_in_both_languages() -> None:
    values = {"again": "later", "status": 500, "answer": "NO", "field": "UF"}
    for reason, text in problems.REASONS.items():
        shown = text.format(**values)
        assert re.search("[а-я]", shown.ru), reason
        for side in (shown.en, shown.ru):
            assert side == side.strip(), reason
            assert not side.endswith("."), reason
            assert "  " not in side, reason
