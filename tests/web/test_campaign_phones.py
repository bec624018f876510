"""Phones in campaigns: whoever may broadcast and not see phones finds none, on no page and in no file."""

from __future__ import annotations

import io
import re
from typing import Any

from openpyxl import load_workbook

from messaging.policy import settings
from messaging.policy.rights import Grant, Right, Who
from messaging.store.models import Portal
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen
from tests.web.test_campaigns_page import Draft

#: A file whose second column holds phones, too; one row is no phone, one is a repetition, and one has an Excel phone.
FILE = f"Телефон;Ещё\n+7 912 345-67-89;+7 912 345-67-89\n89162223301;Иван\n+{OLGA};x\n8912345;x\n7,91612E+10;x\n"
MASKED = "+7 912 ***-**-89"
_WHOLE = re.compile(r"345-?67-?89|9162223301|222-33-01|8912345|91612E")


class Employee(Draft):
    """A draft of somebody who may broadcast and not see phones."""

    def __init__(self, world: World) -> None:
        policy = {str(Right.BROADCAST): Grant(Who.ALL).stored(), str(Right.PHONES): Grant(Who.ADMINS).stored()}
        settings.change(world.runtime, world.stored_rows(Portal)[0].id, rights=policy)
        super().__init__(world)
        self.frame = Frame(world, EMPLOYEE)

    def raw(self, path: str, **fields: Any) -> Any:
        return self.frame.post(f"/app/campaigns/{self.key}/{path}", fields)


def hidden(text: str) -> str:
    """The same text, if it holds no phone."""
    found = _WHOLE.search(text)
    assert found is None, text[max(0, found.start() - 100) : found.end() + 100] if found else ""
    return text


@ONE_DATABASE
def test_whoever_may_not_see_phones_sees_none_of_a_campaign(shop: World) -> None:
    draft = Employee(shop)
    assert "***" in hidden(draft.upload(FILE.encode()))
    shop.advance_clock(2)
    read = hidden(draft.get("/read"))
    assert "2 строки не подошли" in read
    assert "***" in hidden(draft.raw("rows.csv").text)
    mapped = {"source": [":Ещё", ":Телефон"], "text": ["", ""]}
    draft.template(**mapped)
    shown = hidden(draft.post("preview", lines=str(shop.line.id), template="ru order_ready", **mapped))
    assert "***" in shown
    assert MASKED in hidden(draft.post("test", test_phone="+7 912 345-67-89"))
    draft.template(next="1", **mapped)
    draft.post("timing", when="now")
    hidden(draft.checked())
    draft.post("start")
    shop.advance_clock(10)
    hidden(draft.get())
    hidden(draft.get("/live"))
    for fields in ({}, {"state": "skipped"}, {"state": "skipped", "reason": "duplicate"}):
        assert MASKED in hidden(draft.post("recipients", **fields)), fields
    csv = draft.raw("recipients.csv")
    assert "7 912 ***-**-89" in hidden(csv.text)
    rows = list(load_workbook(io.BytesIO(draft.raw("recipients.xlsx").data)).active.values)
    assert len(rows) == 4
    assert rows[1][0] == "7 912 ***-**-89"
    hidden(repr(rows))
    whole = Frame(shop)
    assert "+7 912 345-67-89" in seen(whole.post(f"/app/campaigns/{draft.key}/recipients"))
    assert OLGA in whole.post(f"/app/campaigns/{draft.key}/recipients.csv").text


@ONE_DATABASE
def test_a_file_whose_phones_can_be_read_two_ways_is_asked_about_with_masked_phones(shop: World) -> None:
    draft = Employee(shop)
    page = hidden(draft.upload("Телефон\n9123456789\n9123456780\n".encode()))
    assert "9123456789" not in page


def test_the_page_of_rights_says_that_campaigns_mask_phones(shop: World) -> None:
    assert "номера скрыты от тех, кому нельзя их видеть" in seen(Frame(shop).page("rights"))
