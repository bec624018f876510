"""Where a file is found: Drive, a field of a CRM card, a link, a public page of Drive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from flask import Flask, Response, redirect, request

from bx24.emulator.state import files as disk
from bx24.errors import Bx24Error
from messaging.portals.tokens import PortalTokens
from tests.flows.scenes import ONE_DATABASE
from tests.messaging.files.shared import DEAL, FOREIGN, Site, refusal, served, share
from tests.support import samples
from tests.support.world import PORTAL, World

LEAD = ["crm", "CCrmDocumentLead", "LEAD", "LEAD_2"]
LIST = ["lists", "BizprocDocument", "iblock_7", "77"]
HASH = "0123456789abcdef" * 2


@ONE_DATABASE
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


@ONE_DATABASE
def test_the_portal_gets_the_headers_its_front_end_wants(shop: World) -> None:
    share(shop, "601")
    asked = next(sent for sent in shop.net.seen if "download.json" in str(sent.url))
    assert asked.headers["Referer"] == f"{PORTAL}/"
    assert asked.headers["Accept"] == "*/*"
    assert asked.headers["User-Agent"]


@ONE_DATABASE
@pytest.mark.parametrize("reference", ["UF_CRM_CONTRACT", "uf_crm_contract", "ufCrmContract", "DEAL|1|UF_CRM_CONTRACT"])
def test_a_crm_field_in_all_its_spellings(shop: World, reference: str) -> None:
    made = share(shop, reference)
    assert (made.media, made.name, made.content_type) == ("document", "Договор.pdf", "application/pdf")


@ONE_DATABASE
def test_a_field_of_another_item(shop: World) -> None:
    assert share(shop, "DEAL|1|UF_CRM_CONTRACT", document=LEAD).name == "Договор.pdf"
    assert share(shop, "deal|1|ufCrmContract", document=LIST).name == "Договор.pdf"


@ONE_DATABASE
def test_a_file_field_as_an_expression_shows_it(shop: World) -> None:
    path = "/bitrix/components/bitrix/crm.deal.show/show_file.php?ownerId=1&fieldName=UF_CRM_CONTRACT&dynamic=Y"
    assert share(shop, path, document=LIST).name == "Договор.pdf"
    assert share(shop, f"[url={PORTAL}{path}]Договор[/url]", document=LIST).name == "Договор.pdf"


@ONE_DATABASE
def test_of_several_files_in_a_field_the_first(shop: World) -> None:
    deal = shop.portal.crm.get(2, 1)
    url = "/rest/download.json?token=disk%7C602&auth="
    token = PortalTokens(shop.runtime, 1).token()
    deal["ufCrmScans"] = [{"id": 602, "urlMachine": url + token}, {"id": 501, "urlMachine": "/nowhere"}]
    deal["ufCrm5_17"] = {"0": {"id": 602, "urlMachine": url + token}}
    deal["ufCrmSite"] = f"https://{FOREIGN}/a.pdf"
    assert share(shop, "UF_CRM_SCANS").name.endswith(".png")
    assert share(shop, "UF_CRM_5_17").media == "image"
    Site(shop).pages["/a.pdf"] = Response(samples.PDF)
    assert share(shop, "UF_CRM_SITE").name == "a.pdf"


@ONE_DATABASE
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
        ("https://a.example/x\nhttps://b.example/y", DEAL, "value_invalid", "Drive file id"),
        ("https://a.example and more", DEAL, "value_invalid", "Drive file id"),
        ("https://[::1 x/a b", DEAL, "value_invalid", "Drive file id"),
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


@ONE_DATABASE
def test_a_busy_portal_is_no_refusal(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.net.broken["acme.example"] = requests.exceptions.ConnectionError("down")
    with pytest.raises(Bx24Error) as caught:
        share(shop, "601")
    assert caught.value.retryable


@ONE_DATABASE
def test_a_link(shop: World, site: Site) -> None:
    site.pages["/dir/photo.php"] = Response(samples.jpeg(), content_type="text/html")
    made = share(shop, f"https://{FOREIGN}/dir/photo.php?key=secret")
    assert (made.media, made.name, made.content_type) == ("image", "photo.jpg", "image/jpeg")
    asked = site.seen[0][1]
    assert "Referer" not in asked
    assert "secret" not in made.url


@ONE_DATABASE
@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("our price.pdf", "our price.pdf"),
        ("our\u00a0price.pdf", "our\u00a0price.pdf"),
        ("our%20price 5%.pdf", "our price 5%.pdf"),
        ("100%.pdf", "100%.pdf"),
        ("price.pdf?for=Anna B", "price.pdf"),
    ],
)
@pytest.mark.parametrize("written", [f"https://{FOREIGN}/{{}}", f" [url=https://{FOREIGN}/{{}}]x[/url]"])
def test_a_link_with_blanks_is_asked_for_as_browsers_do(
    shop: World, site: Site, typed: str, path: str, written: str
) -> None:
    site.pages[f"/{path}"] = Response(samples.PDF)
    assert share(shop, written.format(typed)).media == "document"


@ONE_DATABASE
def test_a_web_page_is_not_a_file(shop: World, site: Site) -> None:
    site.pages["/view"] = Response("<!doctype html><title>Sign in</title>")
    assert "opens a web page" in refusal(shop, f"https://{FOREIGN}/view").text.en


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


@ONE_DATABASE
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


@ONE_DATABASE
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
