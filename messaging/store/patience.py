"""For how long an answer of the database is waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_seconds: ContextVar[float | None] = ContextVar("database_answers_within", default=None)


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """On PostgreSQL, a statement of this block whose answer takes longer raises OperationalError, and its connection is closed.

    Whether the statement was carried out is not known then, as with any broken connection.
    """
    token = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(token)


def limit_s(otherwise: float | None) -> float | None:
    """The limit of the block that this thread is in; outside of any, `otherwise`."""
    seconds = _seconds.get()
    return otherwise if seconds is None else seconds
