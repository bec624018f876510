"""The list of messages names items and clients once it stands: to administrators, and without waiting for the portal."""

from __future__ import annotations

import re

import requests

from messaging.portals import surveys
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE, PHONES, start_each, template_robot
from tests.support.world import PORTAL, World
from tests.web.inside import EMPLOYEE, Frame

PORTAL_HOST = PORTAL.partition("://")[2]
ANCHOR = r'id="(o-[0-9]+-[0-9]+)"'


def rows_of(page: str) -> str:
    """What the list asks for: each row's place and item."""
    return re.findall(r'"rows": "([^"]*)"', page)[0]


@ONE_DATABASE
def test_an_item_is_named_by_its_title_and_its_client(shop: World) -> None:
    start_each(shop, template_robot(), template_robot(PHONES[1]))
    shop.advance_clock(2)
    frame = Frame(shop)
    page = frame.page("messages")
    asked = rows_of(page)
    anchors = re.findall(ANCHOR, page)
    assert [part.partition(":")[0] for part in asked.split()] == anchors
    deals = [part.partition(":")[2] for part in asked.split()]
    shop.portal.crm.items[2, int(deals[0].removeprefix("DEAL_"))]["title"] = "Кухня <b>"
    named = frame.post("/app/messages/titles", rows=asked).text
    assert re.findall(ANCHOR, named) == anchors
    assert f'<div id="{anchors[0]}" hx-swap-oob="innerHTML"><bdi>Кухня &lt;b&gt;</bdi>' in named


@ONE_DATABASE
def test_a_portal_that_is_away_leaves_the_list_as_it_is(shop: World) -> None:
    start_each(shop, template_robot())
    shop.advance_clock(2)
    frame = Frame(shop)
    asked = rows_of(frame.page("messages"))
    shop.net.broken[PORTAL_HOST] = lambda request: requests.ConnectionError()
    answer = frame.post("/app/messages/titles", rows=asked)
    assert (answer.status_code, answer.text.strip()) == (200, "")


@ONE_DATABASE
def test_nonsense_is_not_asked_for(shop: World) -> None:
    answer = Frame(shop).post("/app/messages/titles", rows="x:DEAL_1 o-1-0:NOTHING_1 o-1-0:DEAL_ o-1-0:<b>")
    assert (answer.status_code, answer.text.strip()) == (200, "")


@ONE_DATABASE
def test_only_administrators_see_titles(shop: World) -> None:
    start_each(shop, template_robot())
    shop.advance_clock(2)
    reader = Frame(shop, EMPLOYEE)
    assert '"rows"' not in reader.page("messages")
    reader.change("messages/titles", 403, rows="o-1-0:DEAL_1")


@ONE_DATABASE
def test_one_page_of_a_portal_asks_for_titles_at_a_time(shop: World) -> None:
    """A portal that answers a byte a second may hold one thread of the web, however many open their lists."""
    start_each(shop, template_robot())
    shop.advance_clock(2)
    frame = Frame(shop)
    asked = rows_of(frame.page("messages"))
    before = dict(shop.portal.counters.methods)
    with shop.runtime.db.read() as session:
        portal = session.get_one(Portal, shop.line.portal_id)
    with surveys.surveying(shop.runtime, portal):
        answer = frame.post("/app/messages/titles", rows=asked)
    assert (answer.status_code, answer.text.strip()) == (200, "")
    assert shop.portal.counters.methods == before
