"""(h) The page of reports over 30 million messages of one portal: 800 counted days, as the worker would have written them.

Messages themselves are few: a report reads none of them but the newest (messaging.insight.reports). Each question is asked in
a process of its own, as in `bench.pages`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from bench.filling import fill, vacuum
from bench.ground import Ground
from bench.pages import Call, show, timed
from messaging.insight.report_counting import COUNTS, KEY
from messaging.insight.reports import MOST_DAYS
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from messaging.store.reports import ReportDay, ReportKey, ReportMonth

MESSAGES, DAYS = 30_000_000, 2 * MOST_DAYS
#: A portal's usual keys, and those of the campaign that begins each week, with the clients' countries.
ROBOTS, TEMPLATES, EMPLOYEES, COUNTRIES = ("send_template", "send_text", "send_buttons"), 15, 10, 16
#: Of a hundred messages so many have come so far.
FATES = {"read": 50, "delivered": 30, "sent": 8, "accepted": 4, "failed": 8}
BATCH = 5_000


def run(ground: Ground) -> None:
    """On each database."""
    ground.each_database("reports", lambda database: _database(ground, database))


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database) as town:
        fill(town.runtime, 4_000, timedelta(hours=1))  # so many that today does not lie in the newest rows wholly
        days = ground.scaled(DAYS, least=60)
        count, rows = fill_reports(town.runtime, days)
        town.runtime.db.engine.dispose()
        today = town.runtime.clock().date()
        found = list(timed(town.env, calls(today), "reports"))
    show(database, f"{count:,} messages, {rows:,} rows", found)
    slowest = max(found, key=lambda one: one.again_ms)
    figures = f"{slowest.again_ms:.0f} ms ({slowest.call}); opened: {found[0].again_ms:.0f} ms"
    ground.row("reports", f"{count:,} messages in {days} days, slowest", database, figures)
    return {
        "messages": count,
        "rows": rows,
        "opened_ms": round(found[0].again_ms, 1),
        "slowest_ms": round(slowest.again_ms, 1),
        "calls": [one.__dict__ for one in found],
    }


def calls(today: date) -> list[Call]:
    """The page as it opens, then reports of the longest period beside the one before it."""
    longest = {"period": "own", "first": (today - timedelta(days=MOST_DAYS - 1)).isoformat(), "last": today.isoformat()}
    asked = {
        "30 days, by template and day": {"period": "30", "by1": "template", "by2": "day"},
        "90 days, by campaign": {"period": "90", "by1": "campaign"},
        "90 days, by day": {"period": "90", "by1": "day"},
        "400 days, by line": {**longest, "by1": "line"},
        "400 days, by robot": {**longest, "by1": "robot"},
        "400 days, by campaign": {**longest, "by1": "campaign"},
        "400 days, by employee": {**longest, "by1": "employee"},
        "400 days, by template and robot": {**longest, "by1": "template", "by2": "robot"},
        "400 days, of one template": {**longest, "by1": "line", "template": "template_1"},
        "400 days, by day": {**longest, "by1": "day"},
    }
    opened = Call("reports", "GET", "/app/reports")
    return [opened, *(Call(name, "POST", "/app/reports", "found", form) for name, form in asked.items())]


# --- the counted days -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Key:
    """A row of ReportKey: from which day (counted from the oldest) to which one it has messages, and its share of a day's."""

    values: dict[str, Any]
    first: int
    last: int
    share: float


def fill_reports(runtime: Runtime, days: int) -> tuple[int, int]:
    """Counted days of the filled portal, the last one today. Returns how many messages and how many rows they make."""
    begin = runtime.clock().date() - timedelta(days=days - 1)
    with runtime.db.write() as session:
        portal_id = session.scalars(select(Portal.id)).one()
        line_ids = list(session.scalars(select(Line.id)))
        for table in (ReportDay, ReportMonth, ReportKey):
            session.execute(delete(table))
    keys = list(_keys(line_ids, days))
    counted = {place: counts for back in range(days) for place, counts in _day(keys, begin, back)}
    months: dict[tuple[date, int], list[int]] = {}
    for (day, key_id), counts in counted.items():
        of_month = months.setdefault((day.replace(day=1), key_id), [0] * len(COUNTS))
        of_month[:] = [one + more for one, more in zip(of_month, counts, strict=True)]
    _insert(runtime, ReportKey, _key_rows(portal_id, begin, keys))
    for table, name, found in ((ReportDay, "day", counted), (ReportMonth, "month", months)):
        _insert(runtime, table, [_row(portal_id, name, place, counts) for place, counts in found.items()])
    vacuum(runtime.db.engine)
    return sum(counts[COUNTS.index(name)] for counts in counted.values() for name in FATES), len(counted)


def _day(keys: list[_Key], begin: date, back: int) -> Iterator[tuple[tuple[date, int], list[int]]]:
    """A day's rows: day and key, counts."""
    alive = [(key_id, key) for key_id, key in enumerate(keys, 1) if key.first <= back <= key.last]
    whole = sum(key.share for _, key in alive)
    for key_id, key in alive:
        yield (begin + timedelta(days=back), key_id), _counts(round(MESSAGES / DAYS * key.share / whole))


def _row(portal_id: int, name: str, place: tuple[date, int], counts: list[int]) -> dict[str, Any]:
    begin, key_id = place
    return {"portal_id": portal_id, name: begin, "key_id": key_id, **dict(zip(COUNTS, counts, strict=True))}


def _keys(line_ids: list[int], days: int) -> Iterator[_Key]:
    blank: dict[str, Any] = {name: 0 if name.endswith("_id") else "" for name in KEY}
    blank |= {"country": "RU", "currency": "USD"}
    last = days - 1
    for line_id in line_ids:
        for robot in ROBOTS:
            for number in range(TEMPLATES):
                named = {"template": f"template_{number}", "category": ("UTILITY", "MARKETING")[number % 2]}
                yield _Key({**blank, "line_id": line_id, "origin": "robot", "action": robot, **named}, 0, last, 1.0)
        for number in range(EMPLOYEES):
            yield _Key({**blank, "line_id": line_id, "origin": "operator", "author_id": number + 1}, 0, last, 0.5)
    for number, first in enumerate(range(0, days, 7), 1):
        for country in range(COUNTRIES):
            of_campaign = {"origin": "campaign", "campaign_id": number, "template": f"template_{number % TEMPLATES}"}
            values = {
                **blank,
                **of_campaign,
                "line_id": line_ids[0],
                "category": "MARKETING",
                "country": f"C{country:X}",
            }
            yield _Key(values, first, min(first + 6, last), 2.0)


def _key_rows(portal_id: int, begin: date, keys: list[_Key]) -> list[dict[str, Any]]:
    return [
        {"id": key_id, "portal_id": portal_id, "digest": str(key_id), "last_day": begin + timedelta(days=key.last)}
        | key.values
        for key_id, key in enumerate(keys, 1)
    ]


def _counts(number: int) -> list[int]:
    found = {name: number * share // 100 for name, share in FATES.items()}
    sums = {"replied": number // 10, "opted_out": number // 200, "priced": number, "billed": number // 2}
    return [{**found, **sums, "cost": 8_000 * number}.get(name, 0) for name in COUNTS]


def _insert(runtime: Runtime, table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        with runtime.db.write() as session:
            session.execute(insert(table), rows[start : start + BATCH])
