"""The database: engine and sessions. What SQLite needs is in `messaging.store.sqlite`."""

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    CursorResult,
    Engine,
    Executable,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from messaging.store.crypto import Cipher

T = TypeVar("T")
SQLITE_FULL, POSTGRESQL_FULL = 13, "53100"
#: What PostgreSQL says when it only reads: after a failover we may still be connected to the former primary.
POSTGRESQL_READS_ONLY = "25006"
FROZEN_MS = 30_000
#: PostgreSQL's own is 4.0, for disks that turn; 1.1 is its manual's advice where reading anywhere costs about the same.
RANDOM_PAGE_COST = 1.1
PING_AFTER_S = 1.0
#: So that a server that has vanished without a word is noticed within seconds, and not by TCP after a quarter of an hour:
#: settings of libpq in seconds, and in milliseconds. A DATABASE_URL may set others.
_NOTICED = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}


def open_engine(url: str, cipher: Cipher, pool: int = 8, ping: bool = True, answer_s: float | None = None) -> Engine:
    """Open the database. `pool`: how many threads of this process use it at once.

    ping: ask a connection that lay unused whether it is alive. Who repeats what a dead one breaks off, saves that.
    answer_s: the most seconds that PostgreSQL may take for an answer, outside of `patience.answers_within`; None: any time.
    """
    parsed, options = _taken_apart(url)
    engine = create_engine(
        parsed,
        connect_args=options,
        pool_size=pool,
        max_overflow=8,
        pool_use_lifo=True,
        hide_parameters=True,
    )
    engine.dialect.waba24_cipher = cipher  # type: ignore[attr-defined]
    if parsed.get_backend_name() == "sqlite":
        from messaging.store import sqlite  # with SQLite itself 2 MB, which nobody else needs

        sqlite.attend(engine)
    elif parsed.get_backend_name() == "postgresql":
        from messaging.store import postgresql  # psycopg is not needed with SQLite

        postgresql.attend(engine, answer_s)
        event.listen(engine, "connect", _tune_postgresql)
        if ping:
            event.listen(engine, "checkin", _laid_down)
            event.listen(engine, "checkout", _ping_if_it_lay)
    return engine


def _taken_apart(url: str) -> tuple[URL, dict[str, Any]]:
    """The address, with psycopg for PostgreSQL, and the options of psycopg: its patience, unless the address tells another.

    `?prepare_threshold=none`: nothing is prepared. A PgBouncer older than 1.22 that pools transactions needs it.
    """
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_driver_name() != "psycopg":
        return parsed, {}
    options: dict[str, Any] = {name: value for name, value in _NOTICED.items() if name not in parsed.query}
    threshold = parsed.query.get("prepare_threshold")
    if threshold is not None:
        options["prepare_threshold"] = None if threshold == "none" else int(str(threshold))
    return parsed.difference_update_query(["prepare_threshold"]), options


def _tune_postgresql(connection: Any, _: ConnectionPoolEntry) -> None:
    """A process that freezes within a transaction keeps its row locks: whoever took over its shards would wait for ever.

    And what lies together in memory is not four times as dear at random, as PostgreSQL supposes of a disk that turns: it
    would read whole tables of ten thousand rows for the seventeen a round asks for.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {FROZEN_MS}")
        cursor.execute(f"SET random_page_cost = {RANDOM_PAGE_COST}")
    connection.commit()


def _laid_down(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["laid_down"] = time.monotonic()


def _ping_if_it_lay(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """SQLAlchemy's own ping is one round trip for each use; under load a connection is used again within milliseconds."""
    if time.monotonic() - record.info.get("laid_down", time.monotonic()) < PING_AFTER_S:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise DisconnectionError from error  # the pool opens another one


def is_disk_full(error: SQLAlchemyError) -> bool:
    """Whether the database has no room to write: waiting a moment and trying again would not help."""
    cause = getattr(error, "orig", None)
    return (
        getattr(cause, "sqlite_errorcode", None) == SQLITE_FULL
        or getattr(cause, "sqlstate", None) == POSTGRESQL_FULL
        or getattr(cause, "errno", None) == errno.ENOSPC
    )


def is_away(error: SQLAlchemyError) -> bool:
    """Whether the database does not answer, or cannot write now: the same may work later.

    So it may when the disk has room again, or when the schema is as new as this code.
    """
    reads_only = getattr(getattr(error, "orig", None), "sqlstate", None) == POSTGRESQL_READS_ONLY
    return reads_only or isinstance(error, OperationalError | InterfaceError | PoolTimeout | ProgrammingError)


def ask(session: Session, statement: Executable, values: Mapping[str, Any]) -> CursorResult[Any]:
    """Columns, not objects, past the ORM: its way to the same rows costs as much again as the database itself.

    What the session has changed is written first, as by its own `execute`; one that only reads writes nothing.
    """
    if session.autoflush:
        session.flush()
    return session.connection().execute(statement, values)


class Database:
    """Sessions of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._write = sessionmaker(engine, expire_on_commit=False)
        # PostgreSQL: each statement sees what is committed anyway; BEGIN and ROLLBACK would be two round trips more.
        alone = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {}
        reading = engine.execution_options(reads_only=True, **alone)
        self._read = sessionmaker(reading, expire_on_commit=False, autoflush=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error."""
        with self._write.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A look without the write lock. Objects stay usable afterwards; changes to them are thrown away."""
        with self._read() as session:
            yield session

    def write_again(self, work: Callable[[Session], T], tries: int = 5) -> T:
        """`work` in one transaction, repeated if the database broke it off (a deadlock with a drain, say)."""
        for _ in range(tries - 1):
            try:
                with self.write() as session:
                    return work(session)
            except OperationalError as error:
                if is_disk_full(error):
                    raise
                continue
        with self.write() as session:
            return work(session)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()
