"""What programs, reports and prices ask reads no large table through (as tests/messaging/store/test_query_plans.py)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.orm import Session

from messaging.api import idempotency
from messaging.campaigns import repeats
from messaging.campaigns.counts import counts
from messaging.campaigns.repeats import Missed
from messaging.insight import campaigns, reports
from messaging.insight.report_counting import COUNTS
from messaging.insight.reports import By
from messaging.money import prices, spending
from messaging.store.api import IdempotencyKey
from messaging.store.campaigns import Campaign
from messaging.store.models import Message, Portal
from messaging.store.money import Price
from messaging.store.provider import ProviderMessage
from messaging.store.reports import ReportDay, ReportKey, ReportMonth
from messaging.worker import pool
from tests.api import test_switching
from tests.api.caller import TEMPLATE, Program
from tests.api.test_switching import LINE, days
from tests.flows.mailing import Mailing
from tests.flows.scenes import ONE_DATABASE, PHONES, jump_clock
from tests.flows.sms import Sms
from tests.messaging.store.test_query_plans import END_OF_TABLE, LARGE, MANY, a_year, listening, read_through
from tests.support.world import World
from tests.web.inside import Frame
from web.api.reports import GROUPS
from web.pages.reports.asked import FILTERS

#: The newest row before another one: one step into the primary key.
BEFORE = re.compile(r"FROM message\s+WHERE message.id < \S+ ORDER BY message.id DESC\s+LIMIT")
TABLES = ("report_day", "report_month", "report_key", "provider_message", "idempotency_key", "price")
KEYS = 2_000
FIRST = date(2026, 1, 1)


def a_year_of_figures(shop: World, token_id: int) -> None:
    """Counted days, keys of calls, prices and handed-over messages of another portal beside the shop's few."""
    of = 1 + 2 * 64
    blank = dict.fromkeys(("origin", "action", "template", "category", "country", "currency"), "")
    numbers = dict.fromkeys(("line_id", "campaign_id", "author_id"), 0)
    zeros = dict.fromkeys(COUNTS, 0)
    rows = range(1, MANY + 1)
    with shop.runtime.db.write() as session:
        mine = session.get_one(Portal, shop.line.portal_id)
        copied = {column.name: getattr(mine, column.name) for column in Portal.__table__.columns}
        session.add(Portal(**{**copied, "id": of, "member_id": "figures", "default_line_id": None}))
    with shop.runtime.db.engine.begin() as connection:
        connection.execute(
            insert(ReportKey),
            [{"id": n, "portal_id": of, "digest": f"d{n}", "last_day": FIRST, **blank, **numbers} for n in rows],
        )
        for table, name in ((ReportDay, "day"), (ReportMonth, "month")):
            counted = [
                {"portal_id": of, name: FIRST + timedelta(days=n % 300), "key_id": n, **zeros, "sent": 1} for n in rows
            ]
            connection.execute(insert(table), counted)
        fresh = {"body_digest": "b", "status": 202, "created_at": shop.now}
        connection.execute(insert(IdempotencyKey), [{"token_id": token_id, "digest": f"x{n}", **fresh} for n in rows])
        rate = {"portal_id": of, "country": "RU", "category": "marketing", "amount": 1, "currency": "USD"}
        connection.execute(
            insert(Price),
            [{**rate, "since": FIRST - timedelta(days=n), "user_id": 1, "changed_at": shop.now} for n in rows],
        )
        handed = {"portal_id": of, "shard": of % 64, "line_id": 1, "client": "c", "state": "sent"}
        times = dict.fromkeys(("created_at", "due_at"), shop.now)
        connection.execute(insert(ProviderMessage), [{**handed, **times, "message_id": f"m{n}"} for n in rows])
        connection.execute(text("ANALYZE"))


def every_question(shop: World, program: Program) -> None:
    """Each question of a program, of both doors; reports by everything; what a campaign may cost; the worker's counting."""
    mailing = Mailing(shop, PHONES[:2], per_minute=60)
    mailing.start(seconds=4)
    assert program.post("/messages", TEMPLATE, Idempotency_Key="k1").status_code == 202
    for path in ("/messages", "/replies", "/campaigns", "/optouts", "/lines", "/webhooks"):
        assert program.get(path).status_code == 200, path
    for query in ("status=failed", f"phone=%2B{PHONES[0]}", "since=2026-06-01T00:00:00Z&until=2026-06-02T00:00:00Z"):
        assert program.get(f"/messages?{query}").status_code == 200, query
    for query in ("", "group_by=day,line", "group_by=campaign&since=2026-02-03&until=2026-11-20", "group_by=robot"):
        assert program.get(f"/reports/messages?{query}").status_code == 200, query
    for state in ("", "?state=pending", "?state=delivered", "?state=replied", "?state=skipped&reason=duplicate"):
        assert program.get(f"/campaigns/{mailing.row.key}/recipients{state}").status_code == 200, state
    former, asked = test_switching.Program(shop), {"line_number": LINE, **days(shop)}
    for more in ({}, {"phone": PHONES[0]}, {"template_name": "order_ready"}, {"direction": "in"}, {"read": "1"}):
        former.result("messages.history.list", **asked, **more)
    for group in ("total", "day", "template"):
        former.result("messages.stats.get", **asked, group_by=group)
    former.result("templates.analytics.get", **asked)
    for method in ("campaigns.stats.get", "campaigns.recipients.list"):
        former.result(method, campaign_id=mailing.row.key)
    frame = Frame(shop)
    forms: list[dict[str, Any]] = [
        {"by1": by, "by2": "day", "period": "90"} for by in ("line", "template", "campaign", "country", "employee")
    ]
    forms += [{"period": "own", "first": "2026-02-03", "last": "2026-11-20", "campaign": "1"}, {"period": "today"}]
    for form in forms:
        assert frame.post("/app/reports", **form).status_code == 200, form
    for path in ("reports.csv", "reports.xlsx", "opt-outs.csv", "prices.csv"):
        assert frame.post(f"/app/{path}").status_code == 200, path
    assert frame.get("/app/prices").status_code == 200
    with shop.runtime.db.read() as session:
        portal = session.get_one(Portal, shop.line.portal_id)
        prices.table_of(shop.runtime, portal)
        spending.of_line(session, portal, shop.line.id, shop.now)
        spending.of_campaign(session, portal, mailing.row, shop.now)
        whom_it_has_missed(session, mailing.row)
    Sms(shop).send("Здравствуйте")
    jump_clock(shop, 1, 600)
    pool.Upkeep(shop.runtime)()
    shop.now += idempotency.KEPT
    shop.do_due_work()


def whom_it_has_missed(session: Session, campaign: Campaign) -> None:
    """As its page counts and lists them, and as the worker reads them for a new campaign."""
    repeats.missed_by(session, campaign.id, counts(session, campaign.id))
    repeats.failed(session, campaign.portal_id, campaign.id, ["131049"], 0, 50)
    for whom in (Missed.UNREAD, Missed.UNANSWERED, Missed.CANCELLED):
        repeats.missed(session, campaign.portal_id, campaign.id, whom, 0, 50)
    for silent in campaigns.SILENT:
        campaigns.recipients(session, campaign.id, campaigns.Shown(silent), 0, 50)


def test_no_question_of_a_program_or_a_report_reads_a_large_table_through(shop: World) -> None:
    a_year(shop)
    program = Program(shop)
    a_year_of_figures(shop, program.made.id)
    with listening(shop, TABLES) as heard:
        every_question(shop, program)
    assert len(heard) > 60, "some ask less than they did"
    missing = [table for table in TABLES if not any(f"FROM {table}" in one or f"JOIN {table}" in one for one in heard)]
    assert missing == []
    with shop.runtime.db.engine.connect() as connection:
        _choose_indexes(connection)
        found = {
            statement: bad
            for statement, values in heard.items()
            if (bad := read_through(connection, statement, values, TABLES))
        }
    assert found == {}, "\n".join(f"{bad}\n    {statement}" for statement, bad in found.items())


@ONE_DATABASE
def test_a_report_adds_up_counted_days_and_reads_the_newest_messages_alone(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whatever it is grouped and filtered, on the page, in a file and by the API: a year of messages costs it nothing."""
    a_year(shop)
    program, frame = Program(shop), Frame(shop)
    a_year_of_figures(shop, program.made.id)
    monkeypatch.setattr(reports, "LIVE", 3)
    with shop.runtime.db.read() as session:
        first = (session.scalar(select(func.max(Message.id))) or 0) - reports.LIVE
    with listening(shop, TABLES) as heard:
        for by, then in zip(By, [*list(By)[1:], ""], strict=True):
            grouped = {"by1": by, "by2": then, "period": "own", "first": "2026-02-03", "last": "2026-11-20"}
            assert frame.post("/app/reports", **grouped, target="found").status_code == 200, by
            assert frame.post("/app/reports.csv", **grouped).status_code == 200, by
        for by in FILTERS:
            assert frame.post("/app/reports", **{by: "1"}, target="found").status_code == 200, by
        for by in GROUPS:
            assert program.get(f"/reports/messages?group_by={by}").status_code == 200, by
    large = {
        statement: values for statement, values in heard.items() if re.search(rf"(FROM|JOIN) ({LARGE})\b", statement)
    }
    assert large, "the newest messages are counted as they stand"
    for statement, values in large.items():
        assert END_OF_TABLE.search(statement) or BEFORE.search(statement) or first in list(values), statement
        assert not re.search(rf"(FROM|JOIN) (?!message\b)({LARGE})\b", statement), statement


def _choose_indexes(connection: Connection) -> None:
    """All rows are one portal's here, and few: where an index would do, PostgreSQL reads them through."""
    if connection.dialect.name == "postgresql":
        for costly in ("seqscan", "hashjoin", "mergejoin"):
            connection.execute(text(f"SET enable_{costly} = off"))
