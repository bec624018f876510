"""Prices: who sees and who sets them, wrong input, files in and out, other portals."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from sqlalchemy import select

from messaging.store.models import Portal
from messaging.store.money import Price
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

RUSSIA = {"country": "RU", "category": "marketing", "since": "2026-11-01", "amount": "0,09", "currency": "USD"}
HEAD = "country,category,since,amount,currency\n"


def stored(world: World) -> list[tuple[Any, ...]]:
    with world.runtime.db.read() as session:
        rows = session.scalars(select(Price).order_by(Price.id))
        return [(row.country, row.category, str(row.since), row.amount, row.currency) for row in rows]


def load(frame: Frame, content: str, name: str = "prices.csv") -> str:
    return seen(frame.post("/app/prices/import", file=(io.BytesIO(content.encode()), name)))


def test_a_price_is_set_replaced_and_removed(shop: World) -> None:
    frame = Frame(shop)
    assert "Своих цен нет" in seen(frame.page("prices"))
    assert "Сохранена 1 цена" in seen(frame.change("prices", **RUSSIA))
    assert stored(shop) == [("RU", "marketing", "2026-11-01", 90_000, "USD")]
    frame.change("prices", **{**RUSSIA, "amount": "0.1"})
    assert stored(shop) == [("RU", "marketing", "2026-11-01", 100_000, "USD")]
    page = seen(frame.page("prices"))
    assert "0,1000 $" in page.replace("\N{NO-BREAK SPACE}", " ")
    with shop.runtime.db.read() as session:
        price_id = session.scalars(select(Price.id)).one()
    assert "Цена удалена" in seen(frame.change(f"prices/{price_id}/remove"))
    assert stored(shop) == []


@ONE_DATABASE
def test_everybody_reads_and_administrators_change(shop: World) -> None:
    reader = Frame(shop, EMPLOYEE)
    page = seen(reader.page("prices"))
    assert "администратор" in page
    assert "Сохранить цену" not in page
    for path, fields in (("prices", RUSSIA), ("prices/1/remove", {}), ("prices/import", {})):
        reader.change(path, 403, **fields)
        assert shop.app.post(f"/app/{path}").status_code == 401
    assert stored(shop) == []


@ONE_DATABASE
@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("country", "", "Выберите страну"),
        ("country", "XX", "Выберите страну"),
        ("category", "sale", "Выберите категорию"),
        ("since", "31.02.2026", "Укажите день"),
        ("since", "0001-01-01", "Укажите день"),
        ("amount", "-1", "Укажите число"),
        ("amount", "=1+1", "Укажите число"),
        ("amount", "1e9", "Укажите число"),
        ("currency", "доллар", "Укажите валюту"),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(shop: World, field: str, value: str, remedy: str) -> None:
    page = seen(Frame(shop).change("prices", **{**RUSSIA, field: value}))
    assert "Исправьте 1 поле" in page
    assert remedy in page
    assert stored(shop) == []


@ONE_DATABASE
def test_a_file_is_loaded_whole_or_not_at_all(shop: World) -> None:
    frame = Frame(shop)
    good = "RU,marketing,2026-11-01,0.09,USD\n*,gupshup,2026-11-01,0.002,usd\n"
    page = load(frame, HEAD + good + "DE,marketing,tomorrow,cheap,USD\n")
    assert "Из файла ничего не сохранено" in page
    assert "Строка 4" in page
    assert "tomorrow" in page
    assert stored(shop) == []
    assert "Сохранены 2 цены" in load(frame, HEAD + good)
    assert stored(shop) == [
        ("RU", "marketing", "2026-11-01", 90_000, "USD"),
        ("*", "gupshup", "2026-11-01", 2_000, "USD"),
    ]


@ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "В этом файле нет цен"),
        ("a,b\n1,2\n", "В первой строке должны стоять названия столбцов"),
        (HEAD, "В этом файле нет цен"),
        ("PK\x03\x04", "Это не текстовый файл"),
        (HEAD + "RU,marketing,2026-11-01,0.09,USD\n" * 5_001, "больше 5 000 строк"),
        ("x" * (512 * 1024 + 1), "Файл больше 512 КБ"),
    ],
)
def test_what_is_no_list_of_prices_is_told(shop: World, content: str, words: str) -> None:
    assert words in load(Frame(shop), content).replace("\N{NO-BREAK SPACE}", " ")
    assert stored(shop) == []


def test_the_exported_file_can_be_loaded_again_and_runs_no_formula(shop: World) -> None:
    frame = Frame(shop)
    frame.change("prices", **RUSSIA)
    text = frame.post("/app/prices.csv").text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert rows[0] == ["country", "category", "since", "amount", "currency", "whose"]
    assert ["RU", "marketing", "2026-11-01", "0.09", "USD", "own"] in rows
    assert ["DE", "marketing", "2026-01-01", "0.1365", "USD", "waba24"] in rows
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t" and cell]
    again = load(frame, text)
    assert "Исправьте" not in again
    assert len(stored(shop)) > 100


@ONE_DATABASE
def test_another_portals_price_is_neither_seen_nor_removed(shop: World) -> None:
    Frame(shop).change("prices", **RUSSIA)
    with shop.runtime.db.write() as session:
        session.add(
            Portal(id=77, member_id="other", client_endpoint="https://other.example/rest/", installed_at=shop.now)
        )
        session.flush()
        price = session.scalars(select(Price)).one()
        price.portal_id = 77
        price_id = price.id
    frame = Frame(shop)
    assert "Своих цен нет" in seen(frame.page("prices"))
    frame.change(f"prices/{price_id}/remove")
    assert len(stored(shop)) == 1
