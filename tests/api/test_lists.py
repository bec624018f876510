"""Lists: messages, replies and lines, their filters and pages."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, update

from messaging.store.models import Line, Message
from messaging.store.money import LineAccount
from tests.api.caller import TEMPLATE, Program
from tests.flows.scenes import template_robot
from tests.support.world import World

PHONE = "79161234567"


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def all_of(program: Program, path: str, limit: int) -> list[dict[str, Any]]:
    """Every row of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = program.get(
            f"{path}{'&' if '?' in path else '?'}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        ).json
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_pages_show_each_message_once_while_others_are_added(shop: World, program: Program) -> None:
    made = [program.post("/messages", {**TEMPLATE, "phone": f"7916123450{n}"}).json["id"] for n in range(7)]
    shop.advance_clock(5)
    first = program.get("/messages?limit=3").json
    program.post("/messages", TEMPLATE)
    second = program.get(f"/messages?limit=3&cursor={first['next_cursor']}").json
    third = program.get(f"/messages?limit=3&cursor={second['next_cursor']}").json
    shown = [row["id"] for page in (first, second, third) for row in page["items"]]
    assert shown == made[::-1]
    assert third["next_cursor"] is None


def test_a_cursor_belongs_to_its_filters_and_to_its_portal(shop: World, program: Program) -> None:
    for n in range(3):
        program.post("/messages", {**TEMPLATE, "phone": f"7916123450{n}"})
    cursor = program.get("/messages?limit=1").json["next_cursor"]
    assert program.get(f"/messages?limit=2&cursor={cursor}").status_code == 200
    for wrong in (
        f"/messages?origin=api&cursor={cursor}",
        f"/replies?cursor={cursor}",
        f"/messages?cursor={cursor[:-1]}",
    ):
        answer = program.get(wrong)
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["cursor"])


def test_messages_are_found_by_each_filter(shop: World, program: Program) -> None:
    shop.robots_start(template_robot(PHONE))
    shop.robots_start(("robot.check_window", {"phone": PHONE}))
    shop.advance_clock(5)
    made = program.post("/messages", {**TEMPLATE, "phone": "79161234500"}).json["id"]
    everything = all_of(program, "/messages", 1)
    assert [row["origin"] for row in everything] == ["api", "robot"]  # what sends nothing is no message
    robots = everything[1]
    since = everything[0]["created_at"].replace("+", "%2B")
    cases = {
        "origin=api": [made],
        "origin=robot": [robots["id"]],
        "origin=campaign": [],
        "status=queued": [made],
        "status=delivered": [robots["id"]],
        "phone=%2B7916123-45-67": [robots["id"]],
        f"line={shop.line.id}": [robots["id"]],
        "line=999": [],
        f"since={since}": [made],
        f"until={since}": [robots["id"]],
        "campaign=nothing": [],
    }
    for asked, ids in cases.items():
        assert [row["id"] for row in all_of(program, f"/messages?{asked}", 50)] == ids, asked
    assert robots["item"] == "DEAL_1"


def test_replies_are_listed_with_the_message_they_answer(shop: World, program: Program) -> None:
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(1)
    for number in range(4):
        shop.client_replies("79161234500" if number % 2 else PHONE, f"{number}")
        shop.advance_clock(1)
    rows = all_of(program, "/replies", 2)
    assert [row["text"] for row in rows] == ["3", "2", "1", "0", "Здравствуйте"]
    assert all(row["line"] == shop.line.id for row in rows)
    assert [row["text"] for row in all_of(program, "/replies?phone=79161234500", 1)] == ["3", "1"]
    assert all_of(program, "/replies?line=999", 5) == []
    since = rows[1]["at"].replace("+", "%2B")
    assert [row["text"] for row in all_of(program, f"/replies?since={since}", 5)] == ["3", "2"]


def test_lines_tell_how_they_stand(shop: World, program: Program) -> None:
    line = {
        "id": shop.line.id,
        "phone": "79001112233",
        "name": "acmeshop",
        "status": "connected",
        "window_hours": 24,
        "tier": None,
        "balance": None,
    }
    assert program.get("/lines").json == [line]
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(paused_at=shop.now, tier=1000))
    assert program.get("/lines").json == [{**line, "status": "paused", "tier": 1000}]
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(status="removed"))
    assert program.get("/lines").json == []


def asked_of_the_database(shop: World, program: Program, path: str) -> tuple[int, Any]:
    """How many statements an answer takes, and the answer."""
    engine, heard = shop.runtime.db.engine, []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    answer = program.get(path)
    event.remove(engine, "before_cursor_execute", hear)
    assert answer.status_code == 200, answer.text
    return len(heard), answer.json


def test_a_page_of_campaigns_is_counted_in_one_statement(shop: World, program: Program) -> None:
    for number in range(6):
        audience = {"phones": [{"phone": f"7916123450{nth}"} for nth in range(number)]} if number else {}
        new = {"name": f"Sale {number}", "template": "order_ready", "params": ["a", "b"], "audience": audience}
        assert program.post("/campaigns", new).status_code == 201
    one, _ = asked_of_the_database(shop, program, "/campaigns?limit=1")
    all_, page = asked_of_the_database(shop, program, "/campaigns?limit=200")
    assert all_ == one
    assert [row["counts"]["pending"] for row in page["items"]] == [5, 4, 3, 2, 1, 0]


def test_the_balances_of_all_lines_are_summed_in_one_statement(shop: World, program: Program) -> None:
    def told(line: Line, balance: int) -> None:
        at = shop.now - timedelta(minutes=1)
        with shop.runtime.db.write() as session:
            known = {"balance": balance, "balance_at": at, "currency": "USD", "overdraft": 0}
            session.merge(LineAccount(line_id=line.id, shard=0, **known))

    told(shop.line, 9_000_000)
    program.post("/messages", TEMPLATE)
    shop.advance_clock(5)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(cost=1_500_000, currency="USD"))
    one, _ = asked_of_the_database(shop, program, "/lines")
    for number in range(1, 4):
        told(shop.connect_line(f"branch{number}", f"7900111220{number}"), number * 1_000_000)
    all_, lines = asked_of_the_database(shop, program, "/lines")
    assert all_ == one
    assert [Decimal(line["balance"]["amount"]) for line in lines] == [Decimal("7.5"), 1, 2, 3]
