"""No statement of ours reads a large table through: a year of rows must cost what a day does.

The statements are those the product makes while a shop lives through a day; they are explained on tables of thousands of rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, insert, text

from bx24.emulator.rules import frames
from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import Wanted
from messaging.campaigns import changes
from messaging.campaigns.counts import counts, failures
from messaging.insight import search_rows
from messaging.insight.line_checks import CHECKS
from messaging.lines import lines
from messaging.store.callbacks import Endpoint
from messaging.store.models import SHARDS, Run, shard_of
from messaging.store.open_channels import OperatorMessage, OperatorState
from messaging.worker import pool
from messaging.worker.due_work import due_shards
from tests.flows.mailing import Mailing
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    gupshup_control,
    jump_clock,
    open_windows,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_payload,
    text_robot,
)
from tests.support.rows import copies
from tests.support.world import APP, PORTAL, World
from tests.web.inside import Frame

MANY = 6_000
LARGE = "run|message|inbound_event|reply|conversation|portal_task|opt_out|operator_message|recipient|callback"
#: The first row, the last row: one step into the primary key, whatever a plan calls it.
END_OF_TABLE = re.compile(r"FROM (\w+) ORDER BY \1\.id( DESC)?\s+LIMIT", re.DOTALL)
#: A stretch of the primary key: as long as a day, or a piece of it (in these small tables perhaps all of it).
STRETCH = re.compile(r"WHERE (\w+)\.id >= ")
#: What the tests' own world asks, to see when something is due next.
OF_THE_WORLD = "SELECT min(portal_task.due_at)"
#: The partial indexes that are as small as what waits: reading one through is what they are for.
QUEUES = {
    *("ix_run_stored", "ix_run_deadline", "ix_run_answer", "ix_run_replied", "ix_reply_fetch", "ix_inbound_due"),
    *("ix_message_queued", "ix_message_turn", "ix_message_lane", "ix_inbound_ref"),
    *("ix_message_held_client", "ix_run_awaits"),
    *("ix_message_held", "ix_operator_message_due", "ix_recipient_pending"),
    *("ix_callback_new", "ix_callback_waiting", "ix_callback_next", "ix_callback_lane"),
    "ix_provider_message_lane",
}


@contextmanager
def listening(world: World, tables: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Every statement made meanwhile about a large table, or one of these, with the parameters of the last time."""
    heard: dict[str, Any] = {}
    large = "|".join((LARGE, *tables))

    def hear(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and not statement.startswith(("INSERT", "PRAGMA")) and re.search(rf"\b({large})\b", statement):
            heard[statement] = parameters

    event.listen(world.runtime.db.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(world.runtime.db.engine, "before_cursor_execute", hear)


def a_day(shop: World) -> None:
    """Sends with every ending, replies, a lost worker, an unclear send, figures, questions, retention, a removed line."""
    endpoint = a_webhook(shop)
    open_windows(shop, OLGA, PHONES[0])
    buttons = ("robot.send_buttons", {"text": "?", "phone": OLGA, "buttons": ["Да|yes", "Нет|no"], "until": "replied"})
    start_each(
        shop,
        template_robot(until="delivered"),
        text_robot(PHONES[0], until="read"),
        buttons,
        template_robot(PHONES[1], template="no"),
    )
    start_each(shop, ("robot.wait_reply", {"phone": PHONES[0]}), ("robot.check_window", {"phone": OLGA}))
    shop.advance_clock(2)
    shop.client_replies(OLGA, "Да", context_gs_id=shop.sent[-1].id)
    shop.client_replies(PHONES[0], "Нет")
    shop.client_replies(PHONES[0], "Картинка", type="image")
    post_webhook(shop, status_payload("delivered", "nobody-knows"))
    post_webhook(shop, status_payload("failed", shop.sent[0].id, code=470, reason="late"))
    post_webhook(shop, {"type": "mismatch", "destination": OLGA, "wa_id": "5219"})
    tap = {"type": "button_reply", "payload": {"id": "0123456789ab", "title": "Да"}}
    post_webhook(shop, text_payload("US.13491208655302741918", "Да", **tap), kind="message")
    start_each(shop, *(("robot.opt_out", {"phone": PHONES[5], "mode": mode}) for mode in ("stop", "allow")))
    gupshup_control(
        shop, "apps/acmeshop/templates", {"name": "sale", "language": "ru", "category": "MARKETING", "body": "!"}
    )
    start_each(shop, *[template_robot(PHONES[4], template="sale")] * 3)
    a_campaign(shop)
    endpoints.send_failed_again(shop.runtime, endpoint.portal_id, endpoint.key)
    endpoints.switch_on(shop.runtime, endpoint.portal_id, endpoint.key)
    shop.set_gupshup_faults(next=["502"])
    shop.robots_start(template_robot(PHONES[2], until="delivered"))
    shop.robots_start(("robot.wait_reply", {"phone": OLGA, "wait_minutes": 5}))
    jump_clock(shop, 1, 40, 700)
    shop.replace_worker()
    shop.do_due_work()
    pool.Upkeep(shop.runtime)()
    assert shop.app.get("/metrics").status_code == 200
    with shop.bx.lock:
        page = frames.new_frame(shop.portal, f"{APP}/bx24/app")
    assert shop.app.post(page.url.removeprefix(APP), data=page.form).status_code == 200
    shown = shop.flask.test_cli_runner().invoke(args=["messages", "show", "1", "--json"])
    assert json.loads(shown.output)["id"] == 1
    lines.pause(shop.runtime, shop.line.id)
    shop.robots_start(template_robot(PHONES[3]))
    jump_clock(shop, 1)
    lines.unpause(shop.runtime, shop.line.id)
    lines.pause(shop.runtime, shop.line.id)
    lines.remove(shop.runtime, shop.line.id)
    shop.advance_clock(40)
    assert shop.control.post("/emulator/uninstall", json={"clean": 0}, base_url=PORTAL).json["sent"] == 1


def a_webhook(shop: World) -> Endpoint:
    """Nobody lives there: every event is tried again and again."""
    wanted = Wanted("https://93.184.216.34/hooks", endpoints.EVENTS)
    return endpoints.make(shop.runtime, shop.line.portal_id, wanted)


def a_campaign(shop: World) -> None:
    """It is looked at, started, paused, resumed and cancelled; a client replies."""
    mailing = Mailing(shop, PHONES, per_minute=60)
    mailing.do(changes.check)
    shop.advance_clock(1)
    mailing.start(seconds=2)
    mailing.do(changes.pause)
    mailing.do(changes.resume)
    shop.client_replies(PHONES[0], "Спасибо")
    shop.advance_clock(2)
    mailing.do(changes.cancel)
    with shop.runtime.db.read() as session:
        assert counts(session, mailing.row.id).audience == len(PHONES)
        failures(session, mailing.row.id)
    shop.advance_clock(1)


def a_year(shop: World) -> None:
    """Rows long done around the few that live."""
    open_windows(shop)
    start_each(shop, template_robot(until="delivered"))
    jump_clock(shop, 2, 40, 40)
    Mailing(shop, PHONES[:2]).start(seconds=4)
    shop.client_replies(OLGA, "Да")
    shop.client_replies(PHONES[6], "Стоп")
    webhook = a_webhook(shop)
    endpoints.test(shop.runtime, webhook.portal_id, webhook.key)
    shop.do_due_work()
    old = "'2026-06-01 09:00:00.000000'"
    talk = "(SELECT min(id) FROM conversation) + n % 900"
    with shop.runtime.db.engine.begin() as connection:
        event_id = connection.scalar(text("SELECT min(id) FROM inbound_event WHERE state = 'done'"))
        top = connection.scalar(text("SELECT max(id) FROM run"))
        copies(connection, "conversation", 1, 5_000, phone_key="'k' || n")
        times = dict.fromkeys(("stored_at", "deadline_at", "ended_at", "plan_at", "answered_at"), old)
        copies(connection, "run", 1, MANY, token_digest="'t' || n", conversation_id=talk, trace="'r' || n", **times)
        ids = {"run_id": f"{top} + n", "gupshup_id": "'g' || n", "whatsapp_id": "'w' || n", "conversation_id": talk}
        times = dict.fromkeys(("created_at", "send_at", "claimed_at"), old)
        copies(connection, "message", 1, MANY, **ids, **times)
        copies(connection, "inbound_event", event_id, MANY, key="'e' || n", ref="'g' || n", received_at=old, due_at=old)
        copies(connection, "recipient", 1, MANY, phone_key="'k' || n", message_id="n", replied_at=old)
        copies(connection, "opt_out", 1, MANY, phone_key="'o' || n", alias_key="'a' || n")
        times = dict.fromkeys(("created_at", "done_at"), old)
        copies(connection, "portal_task", 1, MANY, key="'waba24_read m' || n", state="'done'", **times)
        # A portal that left: its open tasks stay, on the shard of the portal that lives.
        copies(connection, "portal", 1, 1, id=str(1 + SHARDS), member_id="'left'", status="'inactive'")
        left = {"portal_id": str(1 + SHARDS), "state": "'due'", "created_at": old, "due_at": old, "done_at": "NULL"}
        copies(connection, "portal_task", 1, MANY, key="'left m' || n", **left)
        taken = dict.fromkeys(("created_at", "due_at", "ended_at"), old)
        copies(connection, "callback", 1, MANY, key="'c' || n", state="'done'", **taken)
        connection.execute(insert(OperatorMessage), [an_operators_message(shop)])
        times = dict.fromkeys(("created_at", "due_at"), old)
        copies(
            connection, "operator_message", 1, MANY, key="'o' || n", conversation_id=talk, im_message_id="n", **times
        )
        copies(connection, "reply", 1, MANY, provider_id="'p' || n", run_id=f"{top} + n", conversation_id=talk)
        connection.execute(text("ANALYZE"))


def an_operators_message(shop: World) -> dict[str, Any]:
    """One that has become a message long ago."""
    of_line = {"portal_id": shop.line.portal_id, "shard": shard_of(shop.line.portal_id), "line_id": shop.line.id}
    times = dict.fromkeys(("created_at", "due_at"), shop.now)
    return {**of_line, **times, "conversation_id": 1, "key": "im 1 0", "state": OperatorState.SENT}


def test_nothing_reads_a_large_table_through(shop: World) -> None:
    a_year(shop)
    with listening(shop) as heard:
        a_day(shop)
    assert len(heard) > 60, "the day was shorter than it should be"
    with shop.runtime.db.engine.connect() as connection:
        found = {
            statement: bad
            for statement, values in heard.items()
            if (bad := read_through(connection, statement, values))
        }
    assert found == {}, "\n".join(f"{bad}\n    {statement}" for statement, bad in found.items())


def test_whether_anything_is_due_is_found_by_steps_into_the_indexes_however_much_waits(shop: World) -> None:
    """Of one busy shard a planner concludes that any row will do, and reads the tables to their ends for the other 63."""
    start_each(shop, template_robot(until="delivered"))
    jump_clock(shop, 1)
    now = "'2026-11-23 09:00:00.000000'"
    with shop.runtime.db.engine.begin() as connection:
        top = connection.scalar(text("SELECT max(id) FROM run"))
        copies(connection, "run", 1, MANY, token_digest="'t' || n", answer_at=now)
        waiting = {"status": "'queued'", "send_at": now, "run_id": f"{top} + n", "gupshup_id": "'g' || n"}
        copies(connection, "message", 1, MANY, **waiting)
        connection.execute(text("ANALYZE"))
    with listening(shop) as heard, shop.runtime.db.read() as session:
        assert due_shards(session, shop.runtime) == {shop.stored_rows(Run)[0].shard}
    asked = {statement: values for statement, values in heard.items() if "FROM lease" in statement}
    assert len(asked) == 1
    with shop.runtime.db.engine.connect() as connection:
        read = [line for statement, values in asked.items() for line in read_through(connection, statement, values)]
    assert [line for line in read if re.search(r"\b(run|message)\b", line)] == []


@ONE_DATABASE
def test_what_waits_on_a_paused_line_is_not_read_again_in_each_round(shop: World) -> None:
    lines.pause(shop.runtime, shop.line.id)
    with listening(shop) as heard:
        start_each(shop, template_robot(PHONES[0]))
        jump_clock(shop, 1)
    put_off = next(statement for statement in heard if statement.startswith("UPDATE message SET send_at"))
    with shop.runtime.db.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {put_off}", heard[put_off]).all()
    read = [row[3] for row in plan if "message" in row[3]]
    assert read == ["SEARCH message USING INDEX ix_message_queued (shard=? AND send_at>?)"]


def test_no_page_reads_a_large_table_through(shop: World) -> None:
    a_year(shop)
    start_each(shop, template_robot(PHONES[4], until="read"))
    with listening(shop) as heard:
        every_page(shop)
    assert len(heard) > 40, "some pages ask less than they did"
    with shop.runtime.db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # All rows are one portal's here, and few: where an index would do, reading them through is cheaper.
            for costly in ("seqscan", "hashjoin", "mergejoin"):
                connection.execute(text(f"SET enable_{costly} = off"))
        found = {
            statement: bad
            for statement, values in heard.items()
            if (bad := read_through(connection, statement, values))
        }
    assert found == {}, "\n".join(f"{bad}\n    {statement}" for statement, bad in found.items())


def every_page(shop: World) -> None:
    """Each page, each check, and the list of messages by everything it can be asked for."""
    frame, line = Frame(shop), f"/app/lines/{shop.line.id}"
    paths = [
        "start",
        "start/figures",
        "start/needs",
        "lines",
        "robots",
        "robots/week",
        "triggers",
        "templates",
        "health",
        "reports",
        "rules",
        "messages",
        "messages/1",
        "opt-outs",
        "opt-outs/1",
        "opt-outs/rules",
        "webhooks",
    ]
    asked = [*(f"/app/{path}" for path in paths), line, f"{line}/hours", f"{line}/robots"]
    with shop.runtime.db.read() as session:
        asked += [f"/app/webhooks/{endpoint.key}" for endpoint in endpoints.listed(session, shop.line.portal_id)]
    for path in [*asked, *(f"{line}/checks/{name}" for name in CHECKS)]:
        assert frame.get(path).status_code == 200, path
    filters: list[dict[str, Any]] = [{"status": status} for status in search_rows.STATUSES]
    filters += [{"line": shop.line.id, "status": "failed"}, {"action": "send_text"}, {"period": "7"}, {"code": "1002"}]
    filters += [{"period": "own", "first": "2026-06-01", "last": "2026-06-02"}, {"before": "3000"}]
    words = (f"+{OLGA}", "0000007", "4242424242", "сделка 7", "77", "#1", "gs-77", "0000000000ff")
    filters += [{"words": text, "status": status} for text in words for status in ("", "delivered")]
    for fields in filters:
        assert frame.post("/app/messages", **{"period": "all", **fields}).status_code == 200, fields
    assert frame.post("/app/messages.csv", period="all").status_code == 200
    for fields in ({"words": f"+{PHONES[6]}"}, {"before": "3000"}):
        assert frame.post("/app/opt-outs", fields, target="found").status_code == 200


def read_through(connection: Connection, statement: str, parameters: Any, tables: Collection[str] = ()) -> list[str]:
    """The lines of the plan that read a large table, one of these, or all of a portal's runs."""
    large = "|".join((LARGE, *tables))
    if END_OF_TABLE.search(statement) or STRETCH.search(statement) or statement.startswith(OF_THE_WORLD):
        return []
    if connection.dialect.name == "sqlite":
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        return [line for line in plan if _is_through(line, large)]
    plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    through = rf"Seq Scan on ({large})\b|Index (Only )?Scan using (?!{'|'.join(QUEUES)})\w+ on ({large})\b"
    return [
        line
        for line, following in zip(plan, [*plan[1:], ""], strict=True)
        if (found := re.search(through, line)) and (found[0].startswith("Seq") or "Index Cond" not in following)
    ]


def _is_through(line: str, large: str) -> bool:
    """SQLite: a table read through, by itself or by an index as large; or all runs a portal ever had."""
    if not re.match(rf"SCAN ({large})(_\d+)?\b", line):
        return any(f"USING INDEX {name} (portal_id=?)" in line for name in ("sqlite_autoindex_run_1", "ix_run_portal"))
    return not QUEUES & set(line.split())
