"""A property longer than 64 KB: the run fails with words that name the field; nothing of it is read, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.base import MAX_FIELD
from messaging.store.models import Run
from tests.flows.scenes import ONE_DATABASE, PHONES, ending
from tests.support.world import World, returned
from tests.web.inside import Frame

LONG: list[tuple[str, str, Any, str]] = [
    ("robot.send_template", "phone", "8 999 123-45-67, " * 10_000, "Телефон"),
    ("robot.send_text", "text", "ы" * (MAX_FIELD + 1), "Текст"),
]


@ONE_DATABASE
@pytest.mark.parametrize(("code", "field", "value", "title"), LONG, ids=["phone", "text"])
def test_the_run_fails_and_names_the_field(shop: World, code: str, field: str, value: Any, title: str) -> None:
    given = {"template": "welcome", "language": "ru", "text": "x", "phone": PHONES[0], field: value}
    flow = shop.robot_runs(code, **given)
    assert ending(flow) == ("failed", "text_too_long")
    assert title in returned(flow)["error_text"]
    (run,) = shop.stored_rows(Run)[-1:]
    assert len(json.dumps(run.properties)) < 2 * MAX_FIELD


@ONE_DATABASE
def test_a_property_of_64_kb_is_taken(shop: World) -> None:
    given = {"template": "welcome", "language": "ru", "phone": PHONES[0] + ", 1" * ((MAX_FIELD - 20) // 3)}
    flow = shop.robot_runs("robot.send_template", **given)
    assert ending(flow) == ("accepted", "")


@ONE_DATABASE
def test_the_settings_page_says_so_too(shop: World) -> None:
    frame = Frame(shop)
    for field, value in (("phone", "8 999 123-45-67, " * 10_000), ("text", "ы" * (MAX_FIELD + 1))):
        body = {"side": "robots", "action": "send_text", "values": {"text": "x", "phone": "", field: value}}
        answer = shop.app.post("/settings/check", json=body, headers=frame.headers)
        assert [(one["field"], one["code"]) for one in answer.json["problems"]] == [(field, "text_too_long")]
