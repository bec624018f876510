"""Real servers for all tests: Redis from the embedded default, SQLite files, a private PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from messaging import logs, queue_server
from tests.servers import create_database, drop_database, postgres_database_url, postgres_url
from tests.world import World

__all__ = ["postgres_database_url", "postgres_url"]

settings.register_profile("waba24", deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
settings.load_profile("waba24")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """An embedded Redis for this session; each test that asks for `redis` finds it empty."""
    with tempfile.TemporaryDirectory(prefix="waba24-redis-") as folder:
        yield queue_server.ensure(Path(folder))
        queue_server.stop(Path(folder))


@pytest.fixture
def redis(redis_url: str) -> Redis:
    """An empty Redis."""
    connection = Redis.from_url(redis_url)
    connection.flushall()
    return connection


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'waba24.db'}"
        return
    url = create_database(request.getfixturevalue("postgres_url"))
    yield url
    drop_database(url)


@pytest.fixture
def world(database_url: str, redis_url: str, redis: Redis, tmp_path: Path) -> Iterator[World]:
    """The whole world, on each database; nothing is installed yet."""
    logs.configure("text", os.environ.get("LOG_LEVEL", "info"))
    made = World(database_url, redis_url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def shop(world: World) -> World:
    """The world with the app installed and one line connected."""
    world.install()
    world.connect()
    return world
