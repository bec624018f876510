"""Items of the CRM as a campaign's audience: the filter's form, what a person may take, and the button above the lists."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from bx24.emulator.state import crm
from messaging.policy import settings
from messaging.policy.rights import Grant, Right, Who
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import ADMINISTRATOR, EMPLOYEE, Frame, seen
from tests.web.posts import frame_form, open_frame
from tests.web.test_campaigns_page import Draft, only

TAKEN = "Получатели выбраны"


def token_of(world: World, user_id: int = ADMINISTRATOR) -> str:
    with world.bx.lock:
        return str(world.bx.tokens.issue(world.portal, user_id).access_token)


class Filter:
    """The form of a draft, filled in by a person with his own token."""

    def __init__(self, world: World, user_id: int = ADMINISTRATOR) -> None:
        self.draft = Draft(world)
        self.draft.frame = Frame(world, user_id)
        self.token = token_of(world, user_id)

    def post(self, target: str = "crm", **fields: Any) -> Any:
        """The answer of the form with these fields, for a place on the page."""
        form = {"access_token": self.token, "type": "2", **fields}
        return self.draft.frame.post(f"/app/campaigns/{self.draft.key}/crm", form, target=target)


def everybody_broadcasts(world: World) -> None:
    rights = {str(Right.BROADCAST): Grant(Who.ALL).stored()}
    settings.change(world.runtime, world.stored_rows(Portal)[0].id, rights=rights)


def button_pressed(world: World, place: str, user_id: int = ADMINISTRATOR) -> Any:
    """The page as the portal opens it from the button above a list."""
    options = json.dumps({"URI": "/crm/deal/list/"})
    form = frame_form(world, user_id=user_id, PLACEMENT=place, PLACEMENT_OPTIONS=options)
    return open_frame(world, "campaign", form)


@ONE_DATABASE
def test_stages_and_people_are_ticked_and_one_empty_condition_waits(shop: World) -> None:
    page = Filter(shop).post(stage="NEW", person="1").text
    assert "<select" in page
    assert "multiple" not in page
    assert re.search(r'type="checkbox" id="stage-NEW" name="stage" value="NEW" checked', page)
    assert re.search(r'type="checkbox" id="person-1" name="person" value="1" checked', page)
    assert page.count('name="field"') == 1
    two = Filter(shop).post(field=["title", "id", ""], compared=["%", "=", "="], value=["a", "1", ""]).text
    assert two.count('name="field"') == 3


@ONE_DATABASE
def test_a_value_is_chosen_where_the_portal_has_a_list_of_them(shop: World) -> None:
    form = Filter(shop)
    page = form.post(field="sourceId", compared="%", value="")
    chosen = re.search(r'<select id="f-value-1" name="value">(.*?)</select>', page.text)
    assert chosen, "a list, not a place to type"
    options = dict(re.findall(r'<option value="([^"]+)">([^<]+)', chosen[1]))
    assert options
    assert "содержит" not in page.text, "a chosen value is the field's or is not"
    assert "Укажите значение" in seen(page)
    assert "Нашлось" not in seen(page), "what is not filled in finds nothing"
    value = next(iter(options))
    assert "Нашлось: " in seen(form.post("found", field="sourceId", compared="=", value=value))
    form.post(take="1", field="sourceId", compared="%", value=value)
    assert only(shop).audience == {"kind": "crm", "type": 2, "filter": {"=sourceId": value}}
    for code, words in (("opened", "нет"), ("createdBy", "Иван")):
        shown = form.post(field=code, compared="=", value="").text
        assert '<select id="f-value-1"' in shown, code
        assert words in shown, code
    typed = form.post(field="begindate", compared=">", value="2026-01-01").text
    assert 'type="date" value="2026-01-01"' in typed


@ONE_DATABASE
def test_a_field_is_compared_as_its_kind_can_be(shop: World) -> None:
    form = Filter(shop)
    for code, offered in (("title", ["=", "%"]), ("opportunity", ["=", ">", "<"]), ("movedTime", [">=", "<="])):
        page = form.post(field=code, compared="=", value="").text
        shown = re.search(r'<select id="f-compared-1" name="compared">(.*?)</select>', page)
        assert shown, code
        ways = [html.unescape(way) for way in re.findall(r'<option value="([^"]+)"', shown[1])]
        assert ways == offered, code
    form.post(take="1", field=["movedTime", "movedTime"], compared=[">=", "<="], value=["2026-01-05", "2026-12-31"])
    audience = only(shop).audience
    assert audience is not None
    assert audience["filter"] == {">=movedTime": "2026-01-05T00:00:00", "<=movedTime": "2026-12-31T23:59:59"}, (
        "whole days"
    )
    again = form.draft.frame.post(f"/app/campaigns/{form.draft.key}/crm", access_token=form.token).text
    assert 'type="date" value="2026-01-05"' in again
    assert 'value=">=" selected' in html.unescape(again)


@ONE_DATABASE
def test_counting_leaves_the_form_alone_and_taking_says_what_is_missing(shop: World) -> None:
    form = Filter(shop)
    counted = form.post("found")
    assert "HX-Retarget" not in counted.headers
    assert "<form" not in counted.text
    assert "Нашлось: " in seen(counted)
    waiting = form.post("found", field="title", compared="%", value="")
    assert 'class="error"' not in waiting.text, "nobody has made a mistake yet"
    refused = form.post("main", take="1", field="title", compared="%", value="")
    assert refused.headers["HX-Retarget"] == "#crm"
    assert 'class="error"' in refused.text
    assert only(shop).audience is None
    shop.net.broken["acme.example"] = ConnectionError
    away = form.post("crm", stage="NEW")
    assert away.headers["HX-Retarget"] == "#found", "what was chosen stays"
    assert "Попробуйте через минуту" in seen(away)


@ONE_DATABASE
def test_nobody_but_an_administrator_takes_what_is_closed_to_him(shop: World) -> None:
    everybody_broadcasts(shop)
    with shop.bx.lock:
        shop.portal.faults.own_items.append(EMPLOYEE)
        for number, item in enumerate(shop.portal.crm.of(crm.DEAL)):
            item["assignedById"] = ADMINISTRATOR if number else EMPLOYEE
    closed = len(shop.portal.crm.of(crm.DEAL)) - 1
    form = Filter(shop, EMPLOYEE)
    assert "Нашлось: 1" in seen(form.post("found"))
    assert "которые видите в Битрикс24" in seen(form.post())
    refused = seen(form.post("main", take="1"))
    assert f"которых Битрикс24 вам не показывает: {closed}" in refused
    assert "Ответственный" in refused
    assert only(shop).audience is None
    assert TAKEN in seen(form.post("main", take="1", person=str(EMPLOYEE)))
    assert TAKEN in seen(Filter(shop).post("main", take="1")), "an administrator takes all"


@ONE_DATABASE
def test_ids_chosen_one_by_one_are_not_replaced_by_everything(shop: World) -> None:
    form = Filter(shop)
    with shop.runtime.db.write() as session:
        session.get_one(Campaign, only(shop).id).audience = {"kind": "crm", "type": 2, "ids": [1]}
    page = form.draft.post("crm", access_token=form.token)
    assert "Отмечено по одной: 1" in page
    assert "Взять этих" not in page


@ONE_DATABASE
def test_the_button_above_a_list_opens_a_new_campaign_for_its_items(shop: World) -> None:
    page = button_pressed(shop, "CRM_CONTACT_LIST_TOOLBAR")
    assert page.status_code == 200
    assert "Кто получит" in seen(page)
    assert "data-opened" in page.text
    wanted = json.loads(html.unescape(re.search(r"hx-vals='([^']+)'", page.text)[1]))  # type: ignore[index]
    frame, key = Frame(shop), only(shop).key
    shown = frame.post(f"/app/campaigns/{key}/crm", access_token=token_of(shop), **wanted)
    assert '<option value="3" selected>' in shown.text
    assert only(shop).audience is None, "opening is not choosing"
    assert only(shop).hours == "09:00-21:00"
    button_pressed(shop, "CRM_DEAL_LIST_TOOLBAR")
    assert len(shop.stored_rows(Campaign)) == 1, "a draft in which nothing is chosen is used again"
    frame.post(f"/app/campaigns/{key}/phones", phones="+79123456789")
    button_pressed(shop, "CRM_DEAL_LIST_TOOLBAR")
    assert len(shop.stored_rows(Campaign)) == 2
    assert shop.app.get("/bx24/campaign").status_code == 200


@ONE_DATABASE
def test_the_button_tells_who_may_not_send_campaigns(shop: World) -> None:
    refused = button_pressed(shop, "CRM_DEAL_LIST_TOOLBAR", EMPLOYEE)
    assert refused.status_code == 403
    assert shop.stored_rows(Campaign) == []
    everybody_broadcasts(shop)
    assert "Кто получит" in seen(button_pressed(shop, "CRM_DEAL_LIST_TOOLBAR", EMPLOYEE))
