"""Waiting for a message of an earlier step sends nothing and asks for no phone."""

from datetime import timedelta

import pytest

from activities import ACTIONS, Person
from activities.base import Plan
from bx24.properties import describe
from tests.activities.desk import planned, refusal, results, short

EXAMPLE = {"message": "ee4a68a0-1203-4c85-8dc3-49d0b3226a35"}


def test_its_fields() -> None:
    described = describe(ACTIONS["wait_delivery"].schema(Person))
    assert short(described) == ["message string!", "until select", "wait_minutes int"]
    assert list(described["until"]["Options"]) == ["sent", "delivered", "read"]
    assert described["until"]["Default"] == "delivered"


def test_it_waits_a_day_for_the_delivery_by_default() -> None:
    assert planned("wait_delivery", **EXAMPLE) == Plan(until="delivered", wait=timedelta(days=1))


@pytest.mark.parametrize(
    ("raw", "code"),
    [({"message": " "}, "value_missing"), ({**EXAMPLE, "until": "replied"}, "value_invalid")],
)
def test_what_it_refuses(raw: dict[str, str], code: str) -> None:
    assert refusal("wait_delivery", **raw).code == code


def test_its_results_are_those_of_a_send_without_a_reply() -> None:
    assert results("wait_delivery") == [
        "status string", "error_code string", "error_text string", "message_id string", "sent_to string",
        "sent_at string", "delivered_at string", "read_at string", "window_until string",
    ]  # fmt: skip
