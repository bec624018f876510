"""(g) POST /api/v1/messages at an even pace, each with an Idempotency-Key, with two web processes and no worker."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from bench import load
from bench.figures import number, percentile
from bench.ground import Ground, count_runs
from messaging.api import tokens
from messaging.store.models import Portal

#: Below what a portal's share and its quota allow, with so many tokens.
PER_S, SECONDS, WARM = 40.0, 20.0, 40
TOKENS = 3


def run(ground: Ground) -> None:
    """On each database."""
    ground.each_database("api", lambda database: _database(ground, database))


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database) as town:
        found = _measure(ground, town, database)
    told = f"p50 {number(found['p50_ms'])} ms, p99 {number(found['p99_ms'])} ms, lost {found['lost']}"
    ground.row("api", f"messages at {PER_S:g}/s, 2 × 8 threads", database, told)
    return found


def _measure(ground: Ground, town: Any, database: str) -> dict[str, Any]:
    town.web()
    pool = ground.workers(town, 1)
    ground.shops(town, 1, pace=10, burst=20)
    ground.stop(town, pool)
    with town.runtime.db.read() as session:
        portal_id = session.scalars(select(Portal.id)).one()
    made = [tokens.add(town.runtime, portal_id, "bench").token for _ in range(TOKENS)]
    count = max(round(PER_S * SECONDS * ground.scale), 100)
    load.paced(town.url, _calls(town.url, made, ground.phones(WARM)), PER_S)
    result = load.paced(town.url, _calls(town.url, made, ground.phones(count)), PER_S)
    stored = count_runs(town)
    if result.other:
        ground.problem(f"api, {database}: {result.other} messages were not accepted: {result.statuses}")
    return {
        "p50_ms": round(percentile(result.seconds, 0.5) * 1000, 2),
        "p99_ms": round(percentile(result.seconds, 0.99) * 1000, 2),
        "lost": max(0, result.ok + WARM - stored),
        "stored": stored,
    }


def _calls(url: str, made: Sequence[str], phones: Sequence[str]) -> list[bytes]:
    """A text for each phone, to be held until its client writes: everything about it is judged at once."""
    return [_encoded(url, made[place % len(made)], phone) for place, phone in enumerate(phones)]


def _encoded(url: str, token: str, phone: str) -> bytes:
    body = json.dumps({"phone": phone, "type": "text", "text": "Заказ готов, ждём вас.", "if_closed": "wait"}).encode()
    head = (
        f"POST /api/v1/messages HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: {secrets.token_hex(16)}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
