"""What the tests of the spool share: an outage, calls and webhooks that come meanwhile, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app import create_app
from messaging.intake.replay import Keeper
from messaging.runtime import Runtime
from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine
from messaging.store.models import InboundEvent, Run
from tests.flows.scenes import OLGA, webhook_path
from tests.support.world import World
from tests.web.posts import robot_call

ROBOT = "/robots/send_template"


@contextmanager
def away(*runtimes: Runtime) -> Iterator[None]:
    """Nobody reaches the database."""

    def refuse(_: Any) -> None:
        raise OperationalError("CONNECT", {}, Exception("connection refused"))

    engines = [runtime.db.engine for runtime in runtimes]
    for engine in engines:
        event.listen(engine, "engine_connect", refuse)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "engine_connect", refuse)


def another_process(world: World) -> Any:
    """Another web process of the same machine, which has recognised nobody yet; a client of its app."""
    config = world.runtime.config
    cipher = Cipher(config.secret_keys)
    runtime = replace(world.runtime, cipher=cipher, db=Database(open_engine(config.database_url, cipher)))
    return create_app(runtime).test_client()


def runtime_of(client: Any) -> Runtime:
    runtime: Runtime = client.application.extensions["waba24"]
    return runtime


def call(world: World, token: str, client: Any = None, **auth: str) -> int:
    body = robot_call(world, token=token, **auth)
    return int((client or world.app).post(ROBOT, data=body).status_code)


def notify(world: World, name: str, client: Any = None, path: str = "") -> int:
    body = {"type": "message-event", "payload": {"id": name, "gsId": name, "type": "sent", "destination": OLGA}}
    return int((client or world.app).post(path or webhook_path(world, world.line), json=body).status_code)


def tick(world: World) -> None:
    Keeper(world.runtime).tick()


def tokens(world: World) -> list[str]:
    return [run.event_token for run in world.stored_rows(Run)]


def events(world: World) -> list[str | None]:
    return [row.ref for row in world.stored_rows(InboundEvent)]


def files(world: World) -> list[Path]:
    return sorted((world.runtime.config.data_dir / "spool").glob("*.spool"))


def figures(world: World, name: str) -> dict[str, float]:
    """Figures of this name: their labels as they are written → value."""
    lines = [line for line in world.app.get("/metrics").text.splitlines() if line.startswith(f"waba24_{name}")]
    return {line.rpartition(" ")[0].removeprefix(f"waba24_{name}"): float(line.rpartition(" ")[2]) for line in lines}
