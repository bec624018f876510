"""What a session message becomes while the client's window is closed."""

import json
from typing import Any

import pytest

from activities import ACTIONS
from activities.base import SendAction
from activities.errors import refused
from activities.session import SessionAction
from gupshup.templates import TemplateInfo
from tests.activities.desk import FakeDesk, example, planned, refusal
from tests.activities.test_send_template import info

SESSION = [name for name, action in ACTIONS.items() if isinstance(action, SessionAction)]
MACRO = "[template=ru]promo[/template][body]Анна[/body][body]512[/body]"
INSTEAD = {"if_closed": "template", "fallback_template": "promo", "fallback_params": ["[2] 512", "[1] Анна"]}
TWO = info(body="{{1}}, заказ {{2}} готов", body_vars=("1", "2"))


def closed(template: TemplateInfo = TWO) -> FakeDesk:
    return FakeDesk(templates={template.name: template}, until=None)


def test_every_send_but_the_template_has_the_choice() -> None:
    assert sorted([*SESSION, "send_template"]) == sorted(
        name for name, action in ACTIONS.items() if isinstance(action, SendAction)
    )


@pytest.mark.parametrize("name", SESSION)
def test_a_closed_window_brings_the_template_instead(name: str) -> None:
    own = {"text": "x"} if name == "send_text" else example(name)
    plan = planned(name, closed(), **{**own, **INSTEAD, "until": "read"})
    assert plan.message is not None
    assert json.loads(plan.message.form()["template"]) == {"id": "t-1", "params": ["Анна", "512"]}
    assert (plan.until, plan.waits_for_window) == ("read", False)
    assert plan.note is not None
    assert "promo" in plan.note.ru


@pytest.mark.parametrize(
    ("more", "desk", "is_template", "waits"),
    [
        pytest.param(INSTEAD, FakeDesk(), False, False, id="open: the text itself"),
        pytest.param({}, closed(), False, False, id="refused later, where messages are judged"),
        pytest.param({"if_closed": "wait"}, closed(), False, True, id="held later"),
        pytest.param({"if_closed": "wait", "text": MACRO}, closed(), True, True, id="a macro needs no window"),
        pytest.param({**INSTEAD, "text": MACRO}, closed(), True, False, id="nor anything instead"),
    ],
)
def test_what_else_is_planned(more: dict[str, Any], desk: FakeDesk, is_template: bool, waits: bool) -> None:
    plan = planned("send_text", desk, **{"text": "Добрый день", **more})
    assert plan.message is not None
    assert (plan.message.kind == "template", plan.waits_for_window) == (is_template, waits)


class Ambiguous(FakeDesk):
    def template(self, reference: str, language: str) -> TemplateInfo | None:
        raise refused("template_ambiguous", at="language", value=reference, languages="en, ru")


@pytest.mark.parametrize(
    ("more", "desk", "code", "at"),
    [
        ({"fallback_template": " "}, closed(), "value_missing", "fallback_template"),
        ({"fallback_template": " "}, FakeDesk(), "value_missing", "fallback_template"),
        ({"fallback_template": "gone"}, closed(), "template_not_found", "fallback_template"),
        ({"fallback_params": ["Анна"]}, closed(), "template_params", "fallback_params"),
        ({"fallback_params": ["1", "2", "3"]}, closed(), "template_params", "fallback_params"),
        ({"fallback_params": []}, closed(info("IMAGE")), "template_params", "fallback_template"),
        ({"fallback_params": []}, closed(info("CAROUSEL")), "template_params", "fallback_template"),
        ({}, Ambiguous(until=None), "template_ambiguous", "fallback_template"),
        ({"if_closed": "never"}, closed(), "value_invalid", "if_closed"),
        ({"quiet": "maybe"}, closed(), "value_invalid", "quiet"),
    ],
)
def test_refusals_stand_at_their_own_field(more: dict[str, Any], desk: FakeDesk, code: str, at: str) -> None:
    error = refusal("send_text", desk, **{"text": "x", **INSTEAD, **more})
    assert (error.code, error.at) == (code, at)
