"""Help: what every error code means, inside the portal and at the server's own address."""

from __future__ import annotations

import pytest

from activities.errors import CATALOGUE
from gupshup.refusals import KNOWN_CODES
from tests.flows.scenes import ONE_DATABASE, start_each, text_robot
from tests.support.world import World
from tests.web.inside import Frame, seen
from web.pages.help_page import contents


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_code_is_explained_without_blanks(language: str) -> None:
    shown = contents(language)
    assert [entry.codes for entry in shown["ours"]] == [[code] for code in CATALOGUE]
    assert not [entry for entry in shown["ours"] if "…" in entry.words or "{" in entry.words]
    named = {code for entry in shown["theirs"] for code in entry.codes}
    ends = {end for code in named for end in code.split("–")}
    assert not [code for code in KNOWN_CODES - ends if not code.isdecimal()], "only numbers stand in ranges"
    assert {"2000–2017", "131026", "gupshup_401"} <= named


@ONE_DATABASE
def test_a_code_leads_to_its_explanation(shop: World) -> None:
    start_each(shop, text_robot("+7 916 222-33-02", "Окно закрыто"))
    shop.advance_clock(5)
    frame = Frame(shop)
    assert 'hx-get="/app/help?code=window_closed"' in frame.page("messages/1")
    assert seen(frame.page("help?code=window_closed")).count("Окно 24 часа закрыто: клиент не писал больше суток") == 2
    assert "код &lt;b&gt;" in frame.page("help?code=<b>"), "a code that nobody knows is quoted back, as text"


@ONE_DATABASE
def test_a_browser_outside_the_portal_is_told_where_to_go(shop: World) -> None:
    front = shop.app.get("/", headers={"Accept-Language": "ru"})
    assert "Откройте приложение в Битрикс24" in front.text
    assert 'href="/help"' in front.text
    for language, words in (("ru", "Коды Gupshup и WhatsApp"), ("en", "Codes of Gupshup and WhatsApp")):
        page = shop.app.get(f"/help?LANG={language}")
        assert (page.status_code, words in page.text) == (200, True)
        assert "/app/" not in page.text, "no way into the portal's pages"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert 'href="/help"' in shop.app.get("/app/lines").text, "whoever opens a page outside the portal finds help, too"
