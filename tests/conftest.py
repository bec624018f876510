"""Real servers for all tests: Redis from the embedded default, SQLite files, a private PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis
from sqlalchemy import make_url

from messaging.store import schema
from messaging.store.crypto import Cipher
from messaging.store.database import open_engine
from messaging.system import embedded_redis, logs
from tests.support import shared
from tests.support.one_database import OneDatabase
from tests.support.s3 import bucket, s3_url
from tests.support.servers import create_database, drop_database, postgres_database_url, postgres_url
from tests.support.world import KEY, World

__all__ = ["bucket", "postgres_database_url", "postgres_url", "s3_url"]

settings.register_profile("waba24", deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
settings.load_profile("waba24")

#: Tests of real processes mostly wait. Begun last, they would keep one test process busy while the others idle. xdist keeps
#: this order with --no-loadscope-reorder.
FIRST = ("crash", "pages")


def pytest_collection_finish() -> None:
    """Once everything is imported: the garbage collector need not look through the modules again for each test."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the rest in its order."""
    items.sort(key=lambda item: item.path.parent.name not in FIRST)


SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """An embedded Redis for this session; each test that asks for `redis` finds it empty."""
    with tempfile.TemporaryDirectory(prefix="waba24-redis-") as folder:
        yield embedded_redis.ensure(Path(folder))
        embedded_redis.stop(Path(folder))


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


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with our tables, to be copied: migrating anew for each test would take longer than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "waba24.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgres_url: str) -> Iterator[str]:
    """The name of a PostgreSQL database with our tables, to be copied."""
    url = create_database(postgres_url)
    _migrate(url)
    yield str(make_url(url).database)
    drop_database(url)


def _migrate(url: str) -> None:
    engine = open_engine(url, Cipher((KEY,)))
    schema.upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def one_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the SQLite file of one test after another.

    In memory where that is a folder: nothing here outlives its test, and each commit would wait for the disk.
    """
    parent = SHARED_MEMORY if SHARED_MEMORY.is_dir() else tmp_path_factory.getbasetemp()
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def one_database(postgres_url: str, migrated_postgresql: str) -> Iterator[OneDatabase]:
    """The PostgreSQL database of one test after another."""
    database = OneDatabase(postgres_url, migrated_postgresql, shared.disconnect)
    yield database
    database.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def tables_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of each kind with our tables, and nothing in them. Its address is the same in every test."""
    if request.param == "sqlite":
        folder = request.getfixturevalue("one_folder")
        shutil.copy(request.getfixturevalue("migrated_sqlite"), folder / "waba24.db")
        yield f"sqlite:///{folder}/waba24.db"
        shared.disconnect()
        for left in folder.iterdir():
            left.unlink()
        return
    database = request.getfixturevalue("one_database")
    yield database.url
    database.empty()


@pytest.fixture
def file_settings(request: pytest.FixtureRequest) -> dict[str, str] | None:
    """Where files are kept: in a folder, unless a test asks for "bucket" (`BOTH_STORES` of tests/support/s3.py)."""
    return request.getfixturevalue("bucket") if getattr(request, "param", "folder") == "bucket" else None


@pytest.fixture
def world(
    tables_url: str, redis_url: str, redis: Redis, tmp_path: Path, file_settings: dict[str, str] | None
) -> Iterator[World]:
    """The whole world, on each database; nothing is installed yet."""
    logs.configure("text", os.environ.get("LOG_LEVEL", "info"))
    made = World(tables_url, redis_url, tmp_path, files=file_settings)
    yield made
    made.close()


@pytest.fixture
def shop(world: World) -> World:
    """The world with the app installed and one line connected."""
    world.install_and_connect()
    return world
