"""SQLite: how its connections are set up, and how its writers take turns.

It runs in WAL with `synchronous=FULL`, foreign keys on, and every writing transaction begins as a writer
(BEGIN IMMEDIATE): a reader that later turns writer would fail with "database is locked" instead of waiting its turn.
Its writers queue for a lock file, in the kernel: SQLite itself lets them sleep and try again, up to 100 ms at a time,
and whoever sleeps is overtaken (decision 0014).
"""

import fcntl
import os
import sqlite3
import threading
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from messaging.system import private_files

BUSY_TIMEOUT_MS = 20_000
#: Of each connection. The kernel caches the file as well, once for all processes.
CACHE_KB = 256


def attend(engine: Engine) -> None:
    """Set up the connections of this engine; those to a file take turns."""
    database = engine.url.database
    if database and database != ":memory:":
        private_files.make_database(database)
        event.listen(engine, "do_connect", _taking_turns)
    event.listen(engine, "connect", _tune)
    event.listen(engine, "begin", _begin_as_writer)


def _taking_turns(dialect: Any, record: Any, args: Any, parameters: dict[str, Any]) -> None:
    parameters["factory"] = TakingTurns


class TakingTurns(sqlite3.Connection):
    """A connection that waits for its turn before it writes, among all connections of all our processes.

    The turn is an flock on `<database>-turn`. The kernel wakes who waits, and takes it from whoever dies. It is a queue, no
    protection: that is SQLite's own lock, which follows. A process that is stopped (SIGSTOP) in its turn holds up the others.
    """

    _here = threading.local()  # `turns`: the lock files this thread has its turn at

    def __init__(self, database: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(database, *args, **kwargs)
        self._queue = f"{database}-turn"
        self._turn = os.open(self._queue, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._has_turn = False

    def take_turn(self) -> None:
        """Wait for our turn. Raises sqlite3.OperationalError where a thread would wait for itself."""
        turns: set[str] = self._here.__dict__.setdefault("turns", set())
        if self._queue in turns:
            raise sqlite3.OperationalError("database is locked by a transaction of this very thread")
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        turns.add(self._queue)
        self._has_turn = True

    def commit(self) -> None:
        super().commit()
        self.pass_on()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.pass_on()

    def close(self) -> None:
        super().close()
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1

    def pass_on(self) -> None:
        """Our turn is over, if it was ours."""
        if self._has_turn:
            self._has_turn = False
            self._here.turns.discard(self._queue)
            fcntl.flock(self._turn, fcntl.LOCK_UN)


def _tune(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # pysqlite must not begin by itself: _begin_as_writer does
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        f"cache_size=-{CACHE_KB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal" and isinstance(connection, TakingTurns):
        _switch_to_wal(connection)


def _switch_to_wal(connection: TakingTurns) -> None:
    """A new database only: it stays so. Two processes that switch at once would be "locked", whatever the busy timeout is."""
    connection.take_turn()
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.pass_on()


def _begin_as_writer(connection: Any) -> None:
    reads = connection.get_execution_options().get("reads_only", False)
    driver = connection.connection.driver_connection
    if reads or not isinstance(driver, TakingTurns):
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
        return
    try:
        driver.take_turn()
    except sqlite3.OperationalError as error:
        raise OperationalError("BEGIN IMMEDIATE", None, error) from None
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except BaseException:
        driver.pass_on()
        raise
