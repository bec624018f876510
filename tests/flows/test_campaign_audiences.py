"""Where a campaign's recipients come from: a file, the CRM; what breaks off in between is taken up again."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from messaging.campaigns import changes, sources, uploads
from messaging.store.campaigns import Recipient, RefusedRow
from tests.flows.mailing import Mailing
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, add_template, set_portal_faults
from tests.support.world import World

FILE = "Телефон;Имя\n8 912 345-67-89;Ольга\n{};Пётр\n;Без телефона\n7,91612E+10;Excel\n+{};Ольга\n"
BODY = "Здравствуйте, {{1}}! Ваш заказ готов."


def file_of(world: World, text: str) -> dict[str, Any]:
    key = uploads.save(world.runtime, world.line.portal_id, io.BytesIO(text.encode("cp1251")), "клиенты.csv")
    return {"kind": "file", "file": key, "name": "клиенты.csv", "phone": "Телефон"}


@pytest.fixture
def shop_with_names(shop: World) -> World:
    add_template(shop, "named", "UTILITY", BODY)
    return shop


def by_name(*params: Any) -> dict[str, Any]:
    return {"template": "named", "mapping": {"params": list(params)}}


def test_a_file(shop_with_names: World) -> None:
    shop = shop_with_names
    audience = file_of(shop, FILE.format(PHONES[0], OLGA))
    mailing = Mailing(shop, None, audience=audience, **by_name({"value": "Имя"}))
    mailing.do(changes.check)
    shop.advance_clock(2)
    assert mailing.counted() == {"pending": 2, "skipped": {"duplicate": 1}}
    with shop.runtime.db.read() as session:
        refused = [(row.line_no, row.reason) for row in session.scalars(select(RefusedRow).order_by(RefusedRow.id))]
    assert refused == [(4, "no_phone"), (5, "exponent")]
    mailing.start()
    assert mailing.params() == {"Ольга", "Пётр"}


def test_an_empty_value_needs_a_substitute(shop_with_names: World) -> None:
    shop = shop_with_names
    rows = f"Телефон;Имя\n{PHONES[0]};\n{PHONES[1]};Пётр\n"
    mailing = Mailing(shop, None, audience=file_of(shop, rows), **by_name({"value": "Имя"}))
    mailing.do(changes.check)
    shop.advance_clock(2)
    assert mailing.counted() == {"pending": 1, "skipped": {"missing_value": 1}}
    mailing.do_edit(**by_name({"value": "Имя", "if_empty": "клиент"}))
    mailing.start()
    assert mailing.params() == {"клиент", "Пётр"}


def test_items_of_the_crm(shop_with_names: World) -> None:
    shop = shop_with_names
    audience = {"kind": "crm", "type": 2, "filter": {"@id": [1, 2, 999]}}
    mailing = Mailing(shop, None, audience=audience, **by_name({"field": "CONTACT.NAME", "if_empty": "клиент"}))
    mailing.start()
    with shop.runtime.db.read() as session:
        items = {row.item for row in session.scalars(select(Recipient).where(Recipient.state == "queued"))}
    assert "DEAL_1" in items
    assert mailing.reached()[OLGA] == 1
    assert mailing.state == ("finished", "")


@ONE_DATABASE
def test_reading_is_taken_up_where_it_broke_off(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal is away in the middle; then the worker dies."""
    monkeypatch.setattr(sources, "ROWS", 2)
    text = "Телефон\n" + "\n".join(PHONES)
    mailing = Mailing(shop, None, audience=file_of(shop, text))
    whole = sources.Sources._rows
    broken = iter([True, False])

    def rows(self: Any, path: Any, behind: int) -> Any:
        for number, part in enumerate(whole(self, path, behind)):
            if number == 2 and next(broken):
                raise ConnectionResetError
            yield part

    monkeypatch.setattr(sources.Sources, "_rows", rows)
    mailing.start(seconds=2)
    assert mailing.state == ("preparing", "")
    assert mailing.row.cursor["line"] > 1
    shop.replace_worker()
    shop.advance_clock(60)
    assert mailing.reached() == Counter(PHONES)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"audience": {"kind": "crm", "type": 2, "filter": {"=noSuchField": 1}}}, "value_invalid"),
        ({"audience": {"kind": "file", "file": "ab/gone", "name": "x.csv", "phone": "Телефон"}}, "value_invalid"),
        ({"audience": None}, "value_missing"),
        ({"audience": {"kind": "phones"}, "template": "no_such"}, "template_not_approved"),
        ({"audience": {"kind": "phones"}, "line_ids": []}, "line_not_connected"),
    ],
)
@ONE_DATABASE
def test_what_cannot_be_prepared_says_why(shop: World, settings: dict[str, Any], code: str) -> None:
    mailing = Mailing(shop, None, **settings)
    mailing.start()
    assert mailing.state == ("draft", "")
    assert mailing.row.problem["code"] == code
    assert mailing.row.problem["ru"]


@ONE_DATABASE
def test_a_portal_that_is_away_delays_it(shop: World) -> None:
    mailing = Mailing(shop, None, audience={"kind": "crm", "type": 3, "filter": {"@id": [1]}})
    set_portal_faults(shop, html_502=3)
    mailing.start(seconds=120)
    assert mailing.reached()[OLGA] == 1
