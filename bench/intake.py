"""(a) Robot POSTs accepted per second, with two web processes and no worker; beside a bare Flask view."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from bench import load
from bench.figures import number, percentile
from bench.ground import Ground, HeldCall, count_runs, say
from tests.crash.rig import Process, until
from web.serve import halves

CONNECTIONS = 16
SECONDS, WARM_S = 8.0, 1.5


def run(ground: Ground) -> None:
    """The bare view first, then ours on each database."""
    figures: dict[str, Any] = {}
    ground.parts["intake"] = figures
    with ground.town("sqlite") as town:
        figures["bare"] = _flood(ground, _bare(town), town.url, _made_up(town.url))[1]
    ground.row("intake", "bare Flask view, same gunicorn", "", _told(figures["bare"]))
    for database in ground.databases:
        figures[database] = _ours(ground, database, figures["bare"]["per_s"])


def _ours(ground: Ground, database: str, bare_per_s: float) -> dict[str, Any]:
    with ground.town(database) as town:
        town.web()
        pool = ground.workers(town, 1)
        (shop,) = ground.shops(town, 1, pace=10, burst=20)
        ground.stop(town, pool)
        accepted, figures = _flood(ground, None, town.url, _calls(ground, ground.hold(shop, 1)[0]))
        stored = count_runs(town)
    figures |= {"of_bare": round(figures["per_s"] / bare_per_s, 3), "lost": accepted - stored, "stored": stored}
    if figures["lost"]:
        ground.problem(f"intake, {database}: {accepted:,} calls were answered 200, {stored:,} are stored")
    what = "robot calls, 2 × 8 threads"
    ground.row(
        "intake", what, database, f"{_told(figures)}, {number(figures['of_bare'])}× bare, lost {figures['lost']}"
    )
    return figures


def _flood(ground: Ground, web: Process | None, url: str, requests: Iterator[bytes]) -> tuple[int, dict[str, Any]]:
    """How many were answered 200 in all, and the figures without the warming up."""
    say("intake: posting")
    warm = load.flood(url, requests, CONNECTIONS, WARM_S)
    result = load.flood(url, requests, CONNECTIONS, max(SECONDS * ground.scale, 2.0))
    if warm.other + result.other:
        ground.problem(f"intake: {warm.other + result.other} calls were not answered 200: {result.statuses}")
    if web is not None:
        web.destroy()
    return warm.ok + result.ok, {
        "per_s": round(result.per_s, 1),
        "p50_ms": round(percentile(result.seconds, 0.5) * 1000, 2),
        "p99_ms": round(percentile(result.seconds, 0.99) * 1000, 2),
        "answered": result.ok,
    }


def _told(figures: dict[str, Any]) -> str:
    return f"{number(figures['per_s'])} POST/s, p50 {number(figures['p50_ms'])} ms, p99 {number(figures['p99_ms'])} ms"


def _calls(ground: Ground, one: HeldCall) -> Iterator[bytes]:
    """The same call over and over, each with a token and a phone of its own."""
    flow = one.workflow.encode()
    head, token, rest = one.body.partition(b"event_token=")
    _, _, rest = rest.partition(b"&")
    while True:
        for phone in ground.phones(100):
            # As long as a real one: workflow, name of the step, event, signature.
            made = b"%b%%7CA1_2_3_4%%7C%b.%b" % (flow, secrets.token_hex(16).encode(), secrets.token_hex(32).encode())
            tail = rest.replace(one.phone.encode(), phone.encode())
            yield load.encode(one.url, head + token + made + b"&" + tail)


def _made_up(url: str) -> Iterator[bytes]:
    """For a view that does not look: as long as a call."""
    data = load.encode(f"{url}/robots/send_template", b"x" * 1700)
    while True:
        yield data


def _bare(town: Any) -> Process:
    argv = [part.replace("app:create_app()", "bench.bare:create_app()") for part in halves(town.env["BIND"])[0].argv]
    web: Process = town.start(*argv[1:])
    until("the bare view answers", lambda: _answers(town.url))
    return web


def _answers(url: str) -> bool:
    try:
        return load.flood(url, [load.encode(f"{url}/robots/x", b"x=1")], 1).ok == 1
    except OSError:
        return False
