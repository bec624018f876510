"""What fills a template's variables when a person sends it from a card, and how a card's values are written."""

from __future__ import annotations

from typing import Any

import pytest

from gupshup.templates import TemplateInfo
from messaging.portals.client_card import Value, shown
from messaging.templates.suggestions import suggested

OFFERED = [
    Value("Номер", "4512", "номер заказ сделка order deal"),
    Value("Сумма", "48 500", "сумма стоимость amount"),
    Value("Номер заказа", "А-1042"),
    Value("Дата доставки", "10.12.2026"),
    Value("Ответственный", "Пётр Орлов", "менеджер manager"),
]


@pytest.mark.parametrize(
    ("body", "names", "expected"),
    [
        ("Здравствуйте, {{1}}! Заказ {{2}} готов.", "1 2", ["Ольга", "А-1042"]),
        ("Сделка {{1}} на сумму {{2}}", "1 2", ["4512", "48 500"]),
        ("Доставим {{1}}, ваш менеджер — {{2}}.", "1 2", ["10.12.2026", "Пётр Орлов"]),
        (
            "Hi {{name}}, your order {{order_no}}: {{total_amount}}",
            "name order_no total_amount",
            ["Ольга", "4512", "48 500"],
        ),
        ("Код {{1}}", "1", [""]),
        ("{{1}}{{2}}", "1 2", ["", ""]),
    ],
)
def test_a_variable_takes_what_the_words_before_it_speak_of(body: str, names: str, expected: list[str]) -> None:
    info = TemplateInfo(id="1", name="t", language="ru", status="APPROVED", category="UTILITY", kind="TEXT", body=body)
    info = TemplateInfo(**{**info.to_dict(), "body_vars": tuple(names.split()), "buttons": ()})
    assert suggested(info, "Ольга", OFFERED) == expected


@pytest.mark.parametrize(
    ("value", "more", "expected"),
    [
        ("2026-12-15T03:00:00+03:00", {"is_day": True}, "15.12.2026"),
        ("2026-11-24T14:00:00+03:00", {}, "24.11.2026 14:00"),
        (48500, {}, "48\u00a0500"),
        ("12480.5|RUB", {}, "12\u00a0480,50"),
        ("72", {"items": [{"ID": "72", "VALUE": "Рассрочка"}]}, "Рассрочка"),
        ("0012", {}, "0012"),
        (["белый", "дуб"], {}, "белый, дуб"),
        (True, {}, ""),
        ({"id": 5}, {}, ""),
        (None, {}, ""),
        ("Москва,\n дом 1", {}, "Москва, дом 1"),
    ],
)
def test_a_value_is_written_as_a_person_would(value: Any, more: dict[str, Any], expected: str) -> None:
    assert shown(value, **more) == expected
