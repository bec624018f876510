"""PostgreSQL as fixtures (for tests/conftest.py: `pytest_plugins = ["tests.support.servers"]`).

postgres_url            URL of the server, once per session; it starts at first use
postgres_database_url   URL of a fresh empty database, per test
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest

from tests.support.postgres import ServerUnavailable, create_database, drop_database, postgres

__all__ = ["ServerUnavailable", "create_database", "do_without", "drop_database", "postgres"]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of this session's PostgreSQL."""
    with ExitStack() as cleanup:
        try:
            url = cleanup.enter_context(postgres())
        except ServerUnavailable as error:
            do_without("PostgreSQL", str(error))
        yield url


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database that no other test sees."""
    url = create_database(postgres_url)
    yield url
    drop_database(url)


def do_without(what: str, reason: str) -> NoReturn:
    """In CI a missing server is a failure; on a developer's machine the summary says what was not tested."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} cannot be started: {reason}", pytrace=False)
    warnings.warn(f"NOT TESTED ON {what.upper()}: {reason}", pytest.PytestWarning, stacklevel=2)
    pytest.skip(f"{what} cannot be started: {reason}")
