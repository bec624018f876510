"""Whatever a run brings, an action makes a plan of it or refuses it in words."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities import ACTIONS, Person
from activities.base import Action, Card, Plan, load
from activities.errors import Refused
from bx24.properties import Properties
from gupshup.templates import TemplateButton, TemplateInfo
from robots import Client
from tests.activities.desk import NOW, FakeDesk, example

INFO = TemplateInfo(
    "t", "promo", "ru", "APPROVED", "MARKETING", "IMAGE", body="{{1}}", body_vars=("1",),
    buttons=(TemplateButton("URL", "Сайт", "https://a.org/{{1}}", has_variable=True), TemplateButton("QUICK_REPLY", "Да")),
)  # fmt: skip
CODES = (
    "value_missing", "value_invalid", "text_too_long", "buttons_invalid", "list_invalid", "template_params",
    "template_not_found", "contact_not_found",
)  # fmt: skip
PIECES = st.sampled_from(
    ["promo", "12", "C_12", "0", "54.9885, 73.3686", "73,3686", "−5", "Да", "Да|yes", "||", "# A\nОдин|два|три", "[1] a",
     "[0] a", "[template=ru]promo[/template]", "[body]x[/body]", "[header=image]DISK_1[/header]", "[template", "auto", "image",
     "replied", "60", "60.0", "1e5", "nan", "inf", "+79161234567", "a@b", "x" * 30, "x" * 1030, "x" * 4100, "\ud800", "\x00",
     "\u200b", "\n", " ", ""]
)  # fmt: skip
TEXTS = st.lists(PIECES, min_size=1, max_size=3).map("".join) | st.text(max_size=30)
SCALARS = TEXTS | st.none() | st.booleans() | st.integers() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("0123") | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=6,
)


def desk(is_listed: bool) -> FakeDesk:
    card = Card("Ольга", "", ("+79161234567",))
    return FakeDesk({"12": card, "C_12": card}, {"promo": INFO}, is_listed=is_listed, until=NOW)


def codes_of(name: str) -> list[str]:
    return ACTIONS[name].schema(Person).codes()


@pytest.mark.parametrize("side", [Person, Client])
@pytest.mark.parametrize("name", list(ACTIONS))
@settings(max_examples=100)
@given(data=st.data())
def test_no_value_of_any_shape_breaks_an_action(name: str, side: Any, data: st.DataObject) -> None:
    raw = example(name) | data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(codes_of(name), VALUES)))
    raw |= data.draw(st.dictionaries(st.text(max_size=5), VALUES, max_size=2))
    action = ACTIONS[name]
    outcome = carried_out(action, side, raw, desk(data.draw(st.booleans())))
    if isinstance(outcome, Plan):
        check(outcome)
    else:
        assert outcome.code in CODES
        assert outcome.text.en
        assert outcome.text.ru


def carried_out(action: Action, side: type[Properties], raw: dict[str, Any], at: FakeDesk) -> Plan | Refused:
    try:
        return action.plan(load(action.schema(side), action.tidy(raw)), at)
    except Refused as refusal:
        return refusal


def check(plan: Plan) -> None:
    ids = [choice for choice, _ in plan.choices]
    assert len(ids) == len(set(ids))
    if plan.message is not None:
        assert all(value.encode() for value in plan.message.form().values())


@pytest.mark.parametrize("name", list(ACTIONS))
def test_what_it_starts_from_is_sent(name: str) -> None:
    action = ACTIONS[name]
    check(action.plan(load(action.schema(Person), action.tidy(example(name))), desk(True)))
