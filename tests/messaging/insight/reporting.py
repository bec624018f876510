"""What the tests of reports share: the worker's counting, a report, and the same counted in the messages' rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from messaging.insight import reports
from messaging.insight.daily import Tallies
from messaging.insight.reports import By, Figures, Question, Rows
from messaging.store.models import Message, Portal
from messaging.store.reports import Recount, ReportDay, ReportKey
from tests.support.world import World

VLADIVOSTOK = "Asia/Vladivostok"
EVERYTHING = (By.LINE, By.ORIGIN, By.ROBOT, By.TEMPLATE, By.CATEGORY, By.COUNTRY, By.CAMPAIGN, By.EMPLOYEE, By.DAY)


def count(world: World) -> None:
    """What the worker counts while nothing else happens."""
    tallies = Tallies(world.runtime)
    while tallies.step():
        pass


def report(world: World, *by: By, days: int = 60, **only: Any) -> Rows:
    with world.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        today = world.now.astimezone(reports.zone_of(portal)).date()
        asked = Question(today - timedelta(days=days), today, by, {By(name): value for name, value in only.items()})
        return reports.rows(session, portal, asked, reports.live_from(session, portal, world.now))


def of_the_worker(world: World, monkeypatch: pytest.MonkeyPatch, *by: By, **more: Any) -> Rows:
    """The report without the newest rows: only what the worker has counted."""
    monkeypatch.setattr(reports, "LIVE", -1)
    try:
        return report(world, *by, **more)
    finally:
        monkeypatch.undo()


def of_rows(world: World, zone: str) -> dict[tuple[Any, ...], Counter[str]]:
    """The same, counted one by one in the messages' rows."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for row in world.stored_rows(Message):
        robot = row.action if row.origin in ("robot", "activity") else ""
        day = row.created_at.astimezone(ZoneInfo(zone)).date()
        key = (
            *(row.line_id, row.origin, robot, row.template, row.category, row.country),
            *(row.campaign_id or 0, row.author_id or 0, day),
        )
        counted = found.setdefault(key, Counter())
        counted[row.status] += 1
        counted["replied"] += row.replied_at is not None
        counted["opted out"] += row.opted_out_at is not None
        is_charged = row.billed is not None or row.status in ("delivered", "read")
        counted[f"cost {row.currency}"] += row.cost if is_charged and row.cost else 0
    return {key: +counted for key, counted in found.items()}


def plain(rows: Rows) -> dict[tuple[Any, ...], Counter[str]]:
    """A report as `of_rows` says it."""
    return {
        key: +Counter(
            {
                **figures.by_status,
                "replied": figures.replied,
                "opted out": figures.opted_out,
                **{f"cost {currency}": amount for currency, amount in figures.costs.items()},
            }
        )
        for key, figures in rows.items()
    }


def kept(world: World) -> tuple[int, int]:
    """How many days and keys there are."""
    with world.runtime.db.read() as session:
        days, keys = (session.scalar(select(func.count()).select_from(table)) for table in (ReportDay, ReportKey))
    return days or 0, keys or 0


def again(world: World) -> list[Recount]:
    """The days that are to be counted once more."""
    with world.runtime.db.read() as session:
        return list(session.scalars(select(Recount)))


def sums(rows: Rows) -> Figures:
    return reports.total(rows)
