"""Runs as if they had been posted, many at once: one that really was stored, and copies of its row."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import insert, inspect, select

from bench.ground import Ground, HeldCall
from bx24.payloads import RunCall, parse_form
from messaging.intake import robot_calls
from messaging.portals import portals
from messaging.store import crypto
from messaging.store.models import Run
from robots import lookup

#: Nobody waits for them, so they are not answered: sending alone is measured, and the baselines do not answer either.
WITHOUT_ANSWER = {"use_subscription": "N"}


class Stock:
    """One prototype row per portal, to be copied."""

    def __init__(self, ground: Ground, town: Any, calls: list[HeldCall]) -> None:
        self._ground = ground
        self._runtime = town.runtime
        for call in calls:
            self._store(call)
        with self._runtime.db.read() as session:
            names = [column.key for column in inspect(Run).column_attrs if column.key != "id"]
            self._rows = [{name: getattr(row, name) for name in names} for row in session.scalars(select(Run))]

    def _store(self, call: HeldCall) -> None:
        parsed = RunCall.parse({**parse_form(call.body), **WITHOUT_ANSWER})
        portal = portals.recognise(self._runtime, parsed.auth)
        action = lookup.action_of("robots", "send_template")
        assert portal is not None
        assert action is not None
        assert robot_calls.store(self._runtime, portal, "robots", action, parsed)

    def put(self, count: int) -> list[int]:
        """Store so many more, the portals in turn, each to a phone of its own; their ids."""
        now = self._runtime.clock()
        made = []
        for number, phone in enumerate(self._ground.phones(count)):
            row = self._rows[number % len(self._rows)]
            token = f"{row['workflow_id']}|A1_2_3_4|{secrets.token_hex(16)}.{secrets.token_hex(32)}"
            fresh = {"trace": secrets.token_hex(6), "event_token": token, "token_digest": crypto.digest(token)}
            times = {"stored_at": now, "plan_at": now, "deadline_at": now + (row["deadline_at"] - row["stored_at"])}
            made.append({**row, **fresh, **times, "properties": {**row["properties"], "phone": phone}})
        with self._runtime.db.write() as session:
            last = session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1)) or 0
            session.execute(insert(Run), made)
        with self._runtime.db.read() as session:
            return list(session.scalars(select(Run.id).where(Run.id > last).order_by(Run.id)))
