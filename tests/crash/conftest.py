"""The emulators once for all crash tests, a town per database."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.crash.rig import Town, Vendors
from tests.support.servers import create_database, drop_database


@pytest.fixture(scope="package")
def vendors() -> Iterator[Vendors]:
    made = Vendors()
    yield made
    made.close()


@pytest.fixture
def town(vendors: Vendors, request: pytest.FixtureRequest) -> Iterator[Town]:
    """A town on SQLite."""
    yield from _town(vendors, "", request)


@pytest.fixture
def postgres_town(vendors: Vendors, postgres_url: str, request: pytest.FixtureRequest) -> Iterator[Town]:
    """A town on PostgreSQL."""
    url = create_database(postgres_url)
    try:
        yield from _town(vendors, url, request)
    finally:
        drop_database(url)


def _town(vendors: Vendors, database_url: str, request: pytest.FixtureRequest) -> Iterator[Town]:
    made = Town(vendors, database_url)
    failed = request.session.testsfailed
    try:
        yield made
    finally:
        if request.session.testsfailed > failed:
            print(*made.log.read_text(errors="replace").splitlines()[-150:], sep="\n", file=sys.stderr)
        made.close()
