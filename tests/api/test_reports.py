"""`GET /reports/messages`: counts by status, replies and costs, grouped as asked."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from messaging.insight import reports
from messaging.store.campaigns import Campaign
from messaging.store.models import Message
from tests.api.caller import Program
from tests.flows.mailing import Mailing
from tests.flows.scenes import (
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import World


def asked(shop: World, query: str = "") -> Any:
    return Program(shop, "reports:read").get(f"/reports/messages{query}")


def nonzero(row: dict[str, Any]) -> dict[str, int]:
    return {status: count for status, count in row["counts"].items() if count}


def test_messages_are_added_up_by_what_is_asked(shop: World) -> None:
    open_windows(shop, PHONES[0])
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]), text_robot(PHONES[0]))
    Mailing(shop, PHONES[2:4]).start(seconds=4)
    shop.client_replies(PHONES[2], "Да")
    jump_clock(shop, 60)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(cost=None, currency="", billed=None))
        session.execute(update(Message).where(Message.origin == "campaign").values(cost=80_200, currency="USD"))
    key = shop.stored_rows(Campaign)[0].key
    whole = asked(shop).json
    assert (whole["since"], whole["until"]) == ("2026-10-25", "2026-11-23")
    assert [nonzero(row) for row in whole["items"]] == [{"delivered": 5}]
    assert whole["total"] == whole["items"][0]
    by_robot = asked(shop, "?group_by=robot,campaign&group_by=origin").json["items"]
    assert [(row["origin"], row["robot"], row["campaign"], nonzero(row), row["replied"]) for row in by_robot] == [
        ("campaign", None, key, {"delivered": 2}, 1),
        ("robot", "send_template", None, {"delivered": 2}, 0),
        ("robot", "send_text", None, {"delivered": 1}, 0),
    ]
    assert [row["cost"] for row in by_robot] == [[{"amount": "0.1604", "currency": "USD"}], [], []]
    by_day = asked(shop, "?group_by=day&group_by=line,template,category").json["items"]
    assert {(row["day"], row["line"], row["template"]) for row in by_day} == {
        ("2026-11-23", shop.line.id, "welcome"),
        ("2026-11-23", shop.line.id, None),
    }


@ONE_DATABASE
def test_a_moment_stands_for_the_day_it_lies_in(shop: World) -> None:
    answer = asked(shop, "?since=2026-11-01T23:30:00%2B03:00&until=2026-11-02T00:10:00Z").json
    assert (answer["since"], answer["until"], answer["items"]) == ("2026-11-01", "2026-11-02", [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?group_by=phone", "group_by"),
        ("?group_by=day&group_by=employee", "group_by"),
        ("?since=yesterday", "since"),
        ("?since=2026-11-23T09:00:00", "since"),
        ("?since=0001-01-01T00:00:00%2B14:00", "since"),
        ("?until=2026-13-01", "until"),
        ("?since=2026-11-02&until=2026-11-01", "until"),
        ("?since=2025-10-19&until=2026-11-23", "since"),
        ("?colour=red", "colour"),
    ],
)
@ONE_DATABASE
def test_what_cannot_be_asked_is_refused_at_its_field(shop: World, query: str, field: str) -> None:
    answer = asked(shop, query)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), answer.text


@ONE_DATABASE
def test_400_days_are_the_most(shop: World) -> None:
    assert asked(shop, "?since=2025-10-20&until=2026-11-23").status_code == 200


@ONE_DATABASE
def test_a_report_needs_its_scope_and_has_a_limit(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Program(shop, "messages:write").get("/reports/messages").status_code == 403
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]))
    jump_clock(shop, 5)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).where(Message.id == 1).values(template="other"))
    monkeypatch.setattr(reports, "MOST_ROWS", 1)
    assert asked(shop, "?group_by=template").status_code == 422
