"""What PostgreSQL needs: connections that do not wait for ever.

libpq notices a network or a machine that has vanished (see `database._NOTICED`). It does not notice a server that is frozen, or
whose disk hangs: the kernel of its machine acknowledges every byte. Neither does `statement_timeout`, for it is the server that
counts its time.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine, event

from messaging.store.patience import limit_s

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """answer_s: the most seconds that an answer may take, unless `patience.answers_within` says otherwise; None: any time."""

    answer_s: float | None = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **more: Any) -> T:
        """As psycopg's, through which each statement, commit and rollback goes. Raises OperationalError."""
        seconds = limit_s(self.answer_s)
        if seconds is None:
            return super().wait(gen, *args, **more)
        try:
            return super().wait(_within(gen, seconds), *args, **more)
        except _NoAnswer:
            self.close()  # nobody knows what it would answer next
            raise


class _NoAnswer(psycopg.OperationalError):
    """The server has not answered in time."""


def _within(gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    """The same steps. psycopg goes on with them ten times a second, with 0 as long as nothing has come."""
    until = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > until:
                raise _NoAnswer(f"the database has not answered for {seconds} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        value: T = end.value
        return value


def attend(engine: Engine, answer_s: float | None) -> None:
    """Let the engine open such connections."""

    def connect(_dialect: Any, _record: Any, args: Any, options: Any) -> PatientConnection:
        connection = PatientConnection.connect(*args, **options)
        connection.answer_s = answer_s
        return connection

    event.listen(engine, "do_connect", connect)
