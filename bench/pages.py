"""How long each page and fragment takes with 50,000 messages stored: the first call after a start, and those that follow.

The messages are one portal's, once spread over a month, once all of the last 24 hours. Each page is asked in a process of its
own that has drawn nothing yet. What is asked of Gupshup or Bitrix24 is left out: that is their time, not ours.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from bench.figures import NAMES
from bench.filling import MEMBER, ORIGIN, fill
from bench.ground import Ground, say
from bx24.oauth import AppInfo
from messaging.runtime import open_runtime
from messaging.system import config
from web.context import ZONE
from web.frames import HEADER, Viewer, issue
from web.warm import warm

MESSAGES, AGAIN = 50_000, 7
SHAPES = {"over 30 days": timedelta(days=30), "in 24 hours": timedelta(hours=24)}
OPENED = "?DOMAIN=acme.example&PROTOCOL=1&LANG=ru&APP_SID=0f"


@dataclass(frozen=True)
class Call:
    """One page as a frame asks for it. target: htmx's, for fragments."""

    name: str
    method: str
    path: str
    target: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


@dataclass(frozen=True)
class Timed:
    """Milliseconds: of the first call, and the median of those that follow; CPU: of this process, so without PostgreSQL."""

    call: str
    first_ms: float
    first_cpu_ms: float
    again_ms: float
    cpu_ms: float
    size: int


def run(ground: Ground) -> None:
    """On each database, both shapes."""
    ground.each_database("pages", lambda database: _database(ground, database))


def _database(ground: Ground, database: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for shape, span in SHAPES.items():
        with ground.town(database) as town:
            count = ground.scaled(MESSAGES)
            say(f"pages: storing {count:,} messages {shape}")
            run_id = fill(town.runtime, count, span)
            town.runtime.db.engine.dispose()
            asked = list(timed(town.env, calls(run_id, 1), "pages"))
        found[shape] = [one.__dict__ for one in asked]
        show(database, shape, asked)
        slowest = max(asked, key=lambda one: max(one.first_ms, one.again_ms))
        worst = round(max(slowest.first_ms, slowest.again_ms), 1)
        found["slowest_ms"] = max(worst, found.get("slowest_ms", 0.0))
        ground.row("pages", f"{count:,} messages {shape}, slowest", database, f"{worst:.0f} ms ({slowest.call})")
    return found


def show(database: str, shape: str, found: list[Timed]) -> None:
    """A line for each call."""
    print(f"\n{NAMES[database]}, {shape:<30} {'first':>9} {'CPU':>9} {'again':>9} {'CPU':>9} {'bytes':>9}")
    for one in found:
        slow = " <- over 100 ms" if max(one.first_ms, one.again_ms) > 100 else ""
        times = (one.first_ms, one.first_cpu_ms, one.again_ms, one.cpu_ms)
        print(f"  {one.call:<40}" + "".join(f" {ms:>6.0f} ms" for ms in times) + f" {one.size:>9,}{slow}")


def calls(run_id: int, line_id: int) -> list[Call]:
    """Every page and fragment that reads. line_id: the portal's first line; run_id: some run's."""
    paths = {
        "start": "/app/start",
        "start, figures": "/app/start/figures",
        "start, needs": "/app/start/needs",
        "lines": "/app/lines",
        "lines/new": "/app/lines/new",
        "line": f"/app/lines/{line_id}",
        "line, 24 hours": f"/app/lines/{line_id}/hours",
        "line, robots": f"/app/lines/{line_id}/robots",
        "robots": "/app/robots",
        "robots, week": "/app/robots/week",
        "templates": "/app/templates",
        "template": f"/app/templates/{line_id}/template-1",
        "message": f"/app/messages/{run_id}",
        "opt-outs": "/app/opt-outs",
        "opt-outs, rules": "/app/opt-outs/rules",
        "triggers": "/app/triggers",
        "rules": "/app/rules",
        "health": "/app/health",
        "settings, templates": "/settings/templates",
    }
    asked = [Call(name, "GET", path) for name, path in paths.items()]
    asked += [Call(f"messages, {name}", "POST", "/app/messages", "found", form) for name, form in _filters(line_id)]
    asked.append(Call("messages", "GET", "/app/messages"))
    asked.append(Call("messages, next rows", "POST", "/app/messages", "more", {"period": "all", "before": str(run_id)}))
    values = {"phone": "+7 912 345-67-89", "template": "order_ready", "params": ["Ольга", "A-17"], "until": "accepted"}
    given = {"side": "robots", "action": "send_template", "values": values}
    asked.append(Call("settings, check", "POST", "/settings/check", json=given))
    asked += [
        Call(f"settings, {name}", "POST", f"/robots/{name}/settings{OPENED}") for name in ("send_template", "send_list")
    ]
    return asked


def _filters(line_id: int) -> Iterator[tuple[str, dict[str, str]]]:
    """What the list is asked for; all that was ever stored, so that nothing stops the look early."""
    everything = {"period": "all"}
    for status in ("queued", "accepted", "sent", "delivered", "read", "replied", "failed", "unknown", "timeout", "ok"):
        yield status, {**everything, "status": status}
    yield "a line", {**everything, "line": str(line_id)}
    yield "line and failed", {**everything, "line": str(line_id), "status": "failed"}
    yield "a robot", {**everything, "action": "send_template"}
    yield "a rare robot", {**everything, "action": "send_location"}
    yield "7 days", {"period": "7", "status": "failed"}
    yield "a day", {"period": "today"}
    for name, words in {
        "a phone": "+7 912 100-00-07",
        "part of a phone": "0000007",
        "an unknown part": "4242424242",
        "an object": "сделка 77",
        "an id": "gs-77",
        "a trace": "0000000000ff",
    }.items():
        yield name, {**everything, "words": words}


def timed(env: Mapping[str, str], asked: list[Call], part: str) -> Iterator[Timed]:
    """Each call, in a process of its own."""
    fork = multiprocessing.get_context("fork")
    with fork.Pool(1, maxtasksperchild=1) as processes:
        for call in asked:
            say(f"{part}: {call.name}")
            yield processes.apply(_time, (dict(env), call))


def _time(env: dict[str, str], call: Call) -> Timed:
    """In a process that has drawn no page yet."""
    runtime = open_runtime(config.load(env))
    flask = create_app(runtime)
    warm(flask)
    gc.freeze()  # as a web process does
    client, headers = flask.test_client(), frame_headers(flask)
    spent: list[tuple[float, float]] = []
    for _ in range(1 + AGAIN):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = ask(client, call, headers)
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
        if answer.status_code != 200:
            raise RuntimeError(f"{call.name}: {answer.status_code} {answer.text[:200]}")
    runtime.close()
    walls, cpus = ([1000 * one[at] for one in spent] for at in (0, 1))
    return Timed(
        call.name, walls[0], cpus[0], statistics.median(walls[1:]), statistics.median(cpus[1:]), len(answer.data)
    )


def frame_headers(flask: Flask) -> dict[str, str]:
    """What a page of the filled portal sends along: an administrator's frame token."""
    with flask.test_request_context():
        return {HEADER: issue(Viewer(MEMBER, 1, True, ORIGIN, "ru", "0f")), "HX-Request": "true", ZONE: "180"}


def ask(client: FlaskClient, call: Call, headers: Mapping[str, str]) -> TestResponse:
    """The app's answer to this call. Bitrix24's authorization server is left out: it confirms whoever asks."""
    given: dict[str, Any] = {"json": call.json} if call.json else {"data": _form(call)}
    info = AppInfo("app", MEMBER, f"{ORIGIN}/rest/", "", ORIGIN, 1, "", "L", True, None)
    with mock.patch("messaging.portals.portals.identify", return_value=(info, True)):
        return client.open(
            call.path, method=call.method, headers={**headers, "HX-Target": call.target or "main"}, **given
        )


def _form(call: Call) -> dict[str, str]:
    """The settings page is opened by Bitrix24 itself."""
    if not call.path.endswith(OPENED):
        return dict(call.form)
    fields = {f"UF_CRM_{n}": {"Name": f"Поле {n}", "Type": "string"} for n in range(200)}
    options = {"current_values": {}, "document_fields": fields}
    return {
        "AUTH_ID": "x",
        "AUTH_EXPIRES": "3600",
        "member_id": MEMBER,
        "PLACEMENT": "BIZPROC_ACTIVITY_PROPERTIES_DIALOG",
        "PLACEMENT_OPTIONS": json.dumps(options),
        "SERVER_ENDPOINT": "https://auth.example/rest/",
    }
