"""The story of a message names who has sent it: a robot's words are for robots alone."""

import re

import pytest

from activities.errors import CATALOGUE
from gupshup import refusals
from messaging.insight import reasons
from messaging.insight.steps import FIRST_SIGNS
from messaging.insight.wording import title
from messaging.store.models import Run
from messaging.store.states import Origin
from tests.api.caller import TEMPLATE, Program
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import Frame, seen

#: Codes that only robots can get: a phone that is looked for in the card, a step of a workflow.
OF_ROBOTS = {"no_phone", "message_not_found"}
ROBOT = re.compile(r"\brobot|робот", re.IGNORECASE)


@ONE_DATABASE
def test_the_story_of_a_programs_message_speaks_of_no_robot_and_no_workflow(shop: World) -> None:
    Program(shop).post("/messages", TEMPLATE)
    shop.advance_clock(5)
    page = seen(Frame(shop).page(f"messages/{shop.stored_rows(Run)[0].id}"))
    assert "Программа передала сообщение через API" in page
    assert "Доставлено на телефон" in page
    for words in ("Битрикс24 запустил", "Бизнес-процесс не ждал", "получил результат", "· ·"):
        assert words not in page, words


@ONE_DATABASE
def test_a_programs_message_that_waits_or_is_dropped_speaks_of_no_workflow(shop: World) -> None:
    program = Program(shop)
    body = {"phone": TEMPLATE["phone"], "type": "text", "text": "Ждём", "if_closed": "wait"}
    made = program.post("/messages", body)
    shop.advance_clock(2)
    frame, run_id = Frame(shop), shop.stored_rows(Run)[0].id
    assert "бизнес-процесс" not in seen(frame.page(f"messages/{run_id}")).lower()
    assert "бизнес-процесс" not in seen(frame.change(f"messages/{run_id}/drop")).lower()
    read = program.get(f"/messages/{made.json['id']}", Accept_Language="ru").json
    assert read["status"] == "failed"
    assert not ROBOT.search(read["error_text"])


@pytest.mark.parametrize("code", sorted(CATALOGUE.keys() - OF_ROBOTS))
def test_our_own_refusals_fit_every_sender(code: str) -> None:
    for text in (CATALOGUE[code], reasons.explained(code, "", "ru")):
        assert not ROBOT.search(f"{text.en} {text.ru}"), text


def test_the_providers_refusals_fit_every_sender() -> None:
    for codes in refusals.meanings():
        found = refusals.refusal(codes[0], "why")
        assert not ROBOT.search(f"{found.en} {found.ru}"), found


@pytest.mark.parametrize("origin", sorted(set(Origin) - {Origin.ROBOT, Origin.ACTIVITY}))
def test_every_other_origin_has_its_own_name_and_sign(origin: Origin) -> None:
    assert not ROBOT.search(title(origin, "send_text").en)
    assert FIRST_SIGNS[origin] != "robot"
