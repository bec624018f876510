"""(a) Robot POSTs accepted per second, with two web processes and no worker; beside a bare Flask view."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from typing import Any

from bench import load
from bench.figures import number, percentile
from bench.ground import Ground, HeldCall, count_runs, say
from tests.crash.processes import until
from web.serve import halves

CONNECTIONS = 16
#: Turn by turn, so that both meet the same machine: what else runs on it halves either of them for seconds.
ROUNDS, SECONDS, WARM_S = 3, 3.0, 1.5


def run(ground: Ground) -> None:
    """On each database, the bare view beside it."""
    ground.each_database("intake", lambda database: _database(ground, database))


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database) as town:
        found = _measure(ground, town, database)
    ground.row("intake", "bare Flask view, same gunicorn", database, _told(found["bare"]))
    told = f"{_told(found)}, {number(found['of_bare'])}× bare, lost {found['lost']}"
    ground.row("intake", "robot calls, 2 × 8 threads", database, told)
    return found


def _measure(ground: Ground, town: Any, database: str) -> dict[str, Any]:
    town.web()
    pool = ground.workers(town, 1)
    (shop,) = ground.shops(town, 1, pace=10, burst=20)
    ground.stop(town, pool)
    address = _bare(town)
    calls, nothing = _calls(ground, ground.hold(shop, 1)[0]), _made_up(address)
    warm = [load.flood(town.url, calls, CONNECTIONS, WARM_S), load.flood(address, nothing, CONNECTIONS, WARM_S)]
    ours, bare = [], []
    for turn in range(ROUNDS):
        say(f"intake: round {turn + 1} of {ROUNDS}")
        bare.append(load.flood(address, nothing, CONNECTIONS, max(SECONDS * ground.scale, 1.0)))
        ours.append(load.flood(town.url, calls, CONNECTIONS, max(SECONDS * ground.scale, 1.0)))
    accepted, stored = sum(one.ok for one in (warm[0], *ours)), count_runs(town)
    if accepted > stored:
        ground.problem(f"intake, {database}: {accepted:,} calls were answered 200, {stored:,} are stored")
    if refused := sum(one.other for one in (warm[0], *ours)):
        ground.problem(f"intake, {database}: {refused} calls were not answered 200")
    figures, ceiling = _figures(ours), _figures(bare)
    of_bare = round(figures["per_s"] / ceiling["per_s"], 3)
    return {**figures, "of_bare": of_bare, "lost": max(0, accepted - stored), "stored": stored, "bare": ceiling}


def _figures(rounds: list[load.Result]) -> dict[str, Any]:
    """The median round's pace; the percentiles of all calls."""
    seconds = [taken for one in rounds for taken in one.seconds]
    return {
        "per_s": round(percentile([one.per_s for one in rounds], 0.5), 1),
        "p50_ms": round(percentile(seconds, 0.5) * 1000, 2),
        "p99_ms": round(percentile(seconds, 0.99) * 1000, 2),
        "answered": len(seconds),
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


def _bare(town: Any) -> str:
    """Start it on a port of its own; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    argv = [part.replace("app:serving()", "bench.bare:create_app()") for part in halves(bind)[0].argv]
    town.start(*argv[1:])
    until("the bare view answers", lambda: _answers(f"http://{bind}"))
    return f"http://{bind}"


def _answers(url: str) -> bool:
    try:
        return load.flood(url, [load.encode(f"{url}/robots/x", b"x=1")], 1).ok == 1
    except OSError:
        return False
