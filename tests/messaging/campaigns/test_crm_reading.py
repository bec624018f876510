"""Reading an audience out of the emulated portal: every item once, with its client's phone and texts for a template."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bx24.batch import BatchReply, Command
from bx24.client import Client
from bx24.emulator.state import crm, many_items
from bx24.errors import Postponed, Throttled, Unavailable
from messaging.campaigns.crm.audience import parsed
from messaging.campaigns.crm.filters import InvalidAudience
from messaging.campaigns.crm.reading import Page, Row, read_page
from messaging.portals.tokens import portal_client
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World


def rest(world: World) -> Client:
    return portal_client(world.runtime, 1)


def page(
    world: World, given: Mapping[str, Any], fields: Sequence[str] = (), cursor: Mapping[str, int] | None = None
) -> Page:
    return read_page(rest(world), parsed(given), cursor or {}, fields, "ru")


def everything(world: World, given: Mapping[str, Any], fields: Sequence[str] = ()) -> list[Row]:
    """All rows; each cursor goes through JSON."""
    rows: list[Row] = []
    cursor: dict[str, int] = {}
    for _ in range(40):
        found = page(world, given, fields, cursor)
        rows += found.rows
        cursor = json.loads(json.dumps(found.cursor))
        if found.is_last:
            return rows
    raise AssertionError("the audience has no end")


def numbers(rows: Sequence[Row]) -> list[int]:
    return [int(row.item.rpartition("_")[2]) for row in rows]


@ONE_DATABASE
def test_every_item_is_read_once_whatever_lies_between(shop: World) -> None:
    """Dense ids, gaps of ten and of thousands, and a filter that leaves out three of four."""
    many_items.seed(shop.portal.crm, 250)
    for number in [*range(400, 2400, 10), 70_000, *range(90_000, 90_130), 4_000_000]:
        shop.portal.crm.add(crm.DEAL, number, title="Редкая", stageId="WON", contactId=1)
    ids = list(shop.portal.crm.items.ids(crm.DEAL))
    assert numbers(everything(shop, {"type": "deal", "filter": {}})) == ids
    won = [one for one in ids if shop.portal.crm.items[crm.DEAL, one]["stageId"] == "WON"]
    assert numbers(everything(shop, {"type": "deal", "filter": {"stageId": "WON"}})) == won
    some = {"type": "deal", "filter": {">=id": 401, "<id": 90_050, "<=id": 90_060}}
    assert numbers(everything(shop, some)) == [one for one in ids if 401 <= one < 90_050]
    assert everything(shop, {"type": "deal", "filter": {"<id": 1}}) == []


@ONE_DATABASE
def test_three_hundred_deals_with_phones_cost_two_requests(shop: World) -> None:
    many_items.seed(shop.portal.crm, 300)
    before = shop.portal.counters.http
    found = page(shop, {"type": "deal", "filter": {">id": 5}})
    assert (len(found.rows), shop.portal.counters.http - before) == (300, 2)
    assert (found.rows[0], found.rows[-1].phone) == (Row("DEAL_6", "+79000000005", "Анна Лебедь"), "+79000000304")


@ONE_DATABASE
def test_an_audience_takes_the_memory_of_a_page_however_long_it_is(shop: World) -> None:
    """Nothing of a page is left behind it: 100,000 items are read within the memory of a few hundred."""
    many_items.seed(shop.portal.crm, 3_000)
    deals, fields = {"type": "deal", "filter": {}}, ("title", "CONTACT.NAME")
    cursor = page(shop, deals, fields).cursor  # what is loaded once is loaded
    tracemalloc.start()
    try:
        held = []
        for _ in range(5):
            tracemalloc.reset_peak()
            cursor = page(shop, deals, fields, cursor).cursor
            held.append(tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    (first, _), (last, _) = held[0], held[-1]
    assert last - first < 4 * 100_000, "bytes left behind by four pages"
    assert max(peak for _, peak in held) < 50_000_000


@ONE_DATABASE
@pytest.mark.parametrize("kind", ["lead", "company", "contact", "quote", "smart_invoice", "DYNAMIC_183"])
def test_every_type_is_an_audience(shop: World, kind: str) -> None:
    entity = parsed({"type": kind, "filter": {}}).entity_type_id
    made = many_items.seed(shop.portal.crm, 60, entity)
    rows = everything(shop, {"type": kind, "filter": {">=id": made[0]}})
    assert [row.item for row in rows] == [f"{kind.upper()}_{number}" for number in made]
    assert all(row.phone.startswith("+7900") for row in rows)


@ONE_DATABASE
def test_whose_phone_it_is(shop: World) -> None:
    store = shop.portal.crm
    store.add(crm.COMPANY, 9, title="ООО «Лён»", phones=["+7 495 555-00-11"])
    store.add(crm.CONTACT, 9, name="Лев", phones=[("HOME", "доб. 5"), ("HOME", "8 900 1"), ("WORK", "8 495 1234567")])
    store.add(crm.CONTACT, 10, name="Яна", companyId=9)
    store.add(crm.DEAL, 11, title="Первый контакт без телефона", contactIds=[3, 9], companyId=9)
    store.add(crm.DEAL, 12, title="Только компания с телефоном", contactIds=[3], companyId=9)
    store.add(crm.DEAL, 13, title="Контакт удалён", contactIds=[999])
    asked = {"type": "deal", "ids": [2, 4, 11, 12, 13]}
    rows = {row.item: (row.phone, row.name) for row in everything(shop, asked)}
    assert rows == {
        "DEAL_2": ("8 (916) 222-33-44", "Дмитрий Павлов"),
        "DEAL_4": ("", "Консультация"),
        "DEAL_11": ("8 495 1234567", "Лев"),
        "DEAL_12": ("+7 495 555-00-11", "ООО «Лён»"),
        "DEAL_13": ("", "Контакт удалён"),
    }
    assert [row.phone for row in everything(shop, {"type": "lead", "filter": {}})] == [
        "89261112233",
        "+7 (912) 345-67-89",
    ]
    assert "+79123" not in repr(page(shop, {"type": "lead", "filter": {}}))


@ONE_DATABASE
def test_values_are_texts_as_the_portal_writes_them(shop: World) -> None:
    shop.portal.crm.items[crm.CONTACT, 4]["ufCrmBonus"] = 7
    shop.portal.crm.items[crm.CONTACT, 2]["fm"] = []
    asked = {
        "TITLE": "Шкаф-купе на заказ",
        "opportunity": "48500",
        "DATE_CREATE": "18.11.2026 11:24",
        "CLOSEDATE": "15.12.2026",
        "UF_CRM_DELIVERY": "10.12.2026",
        "ufCrmPrepaid": "12 480 ₽",
        "UF_CRM_COLORS": "белый, дуб",
        "UF_CRM_PAYMENT_PRINTABLE": "Рассрочка",
        "UF_CRM_EXPRESS": "да",
        "UF_CRM_FITTER": "Пётр Иванов",
        "UF_CRM_1712043311": "Москва, Садовая ул., 10\nдомофон 42",
        "STAGE_ID": "Новая",
        "SOURCE_ID": "Сайт",
        "CONTACT.NAME": "Ольга",
        "CONTACT.BIRTHDATE": "17.04.1988",
        "CONTACT.PHONE": "+7 (912) 345-67-89",
        "CONTACT.UF_CRM_BONUS": "320",
        "COMPANY.TITLE": "ООО «Ромашка»",
        "UF_CRM_GONE": "",
    }
    found = page(shop, {"type": "deal", "ids": [1, 2, 99]}, list(asked))
    assert found.rows[0].values == asked
    second = found.rows[1].values
    assert (second["ufCrmPrepaid"], second["CONTACT.NAME"], second["CONTACT.UF_CRM_BONUS"]) == (
        "100 000.50 ₽",
        "John",
        "7",
    )
    assert found.rows[2] == Row("DEAL_99", is_found=False)
    own = page(shop, {"type": "contact", "ids": [1]}, ["CONTACT.NAME", "LAST_NAME", "EMAIL"]).rows[0]
    assert own.values == {"CONTACT.NAME": "Ольга", "LAST_NAME": "Никитина", "EMAIL": "olga@example.com"}


@ONE_DATABASE
def test_a_page_that_is_read_again_is_the_same(shop: World) -> None:
    """After a crash; what is deleted or added behind it changes nothing in front."""
    many_items.seed(shop.portal.crm, 650)
    given = {"type": "deal", "filter": {}}
    first = page(shop, given)
    second = page(shop, given, cursor=first.cursor)
    assert page(shop, given, cursor=first.cursor) == second
    at = int(second.rows[10].item.removeprefix("DEAL_"))
    del shop.portal.crm.items[crm.DEAL, at]
    del shop.portal.crm.items[crm.DEAL, first.cursor["after"]]
    again = page(shop, given, cursor=first.cursor)
    assert again.rows[:11] == [*second.rows[:10], second.rows[11]]
    rest_of_them = everything(shop, given)
    assert len({row.item for row in rest_of_them}) == len(rest_of_them) == len(shop.portal.crm.items.ids(crm.DEAL))


@ONE_DATABASE
@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({"query_limit": 1}, Throttled),
        ({"errors": {"crm.item.list": ["QUERY_LIMIT_EXCEEDED"]}}, Throttled),
        ({"time_limit": {"crm.item.list": 2e9}}, Postponed),
        ({"errors": {"crm.item.list": ["", "INTERNAL_SERVER_ERROR"]}}, Unavailable),
        ({"errors": {"crm.item.list": [*[""] * 6, "INTERNAL_SERVER_ERROR"]}}, Unavailable),
        ({"html_502": 1}, Unavailable),
        ({"errors": {"crm.item.list": ["INVALID_ARG_VALUE"]}}, InvalidAudience),
    ],
)
def test_a_portal_that_fails_loses_no_item(shop: World, faults: dict[str, Any], error: type[Exception]) -> None:
    many_items.seed(shop.portal.crm, 320)
    given = {"type": "deal", "filter": {}}
    shop.portal.faults.update(faults)
    with pytest.raises(error):
        page(shop, given)
    shop.portal.faults.update({"time_limit": {}, "errors": {}})
    assert len(everything(shop, given)) == 325


class Stuck(Client):
    """A portal whose lists always begin at the beginning."""

    def __init__(self) -> None:
        """Without a connection."""

    def batch(self, commands: Mapping[str, Command], halt: bool = False) -> BatchReply:
        return BatchReply({key: {"items": [{"id": number + 1} for number in range(50)]} for key in commands}, {}, {})


def test_a_list_that_does_not_move_on_is_no_endless_audience() -> None:
    with pytest.raises(Unavailable):
        read_page(Stuck(), parsed({"type": "deal", "filter": {}}), {"after": 5000}, [], "ru")
