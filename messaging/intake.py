"""What comes in is committed in groups: one transaction for all calls that wait in this process at the same moment.

A call's row is prepared, sealed and bound on its own thread. Whoever finds nobody at work leads: takes all rows that wait,
commits them, hands the lead to the first of those that came meanwhile. No thread of its own: nothing to start after a fork,
nothing to drain at the end, and a call that is alone waits for nobody (decision 0014).

What was recognised from memory (`Known`) is read again in the same transaction: a row whose portal was uninstalled, or whose
line was wiped meanwhile, is not stored, and its call is looked at anew.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import JSON, Column, Connection, Engine, Table
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from messaging.db import Array, literal

T = TypeVar("T")
#: Rows of one transaction at most; a process has fewer threads than that.
GROUP = 128
#: A call that could not be stored because the database is away is tried again so often, in seconds.
AGAIN_S = 0.25
#: While calls come together, the leader waits so long for more: without it every second group is one row, in seconds.
LINGER_S = 0.004
log = structlog.get_logger(__name__)


class Stale(Exception):
    """What the row rests on is no longer as it was recognised: nothing was stored, recognise again."""


class Unavailable(Exception):
    """The database is away, for longer than the call may wait."""


@dataclass(frozen=True)
class Caller:
    """A portal as its robots' calls know it. token_digest: of its application_token, which is not kept in memory."""

    id: int
    status: str
    token_version: int
    token_digest: str


@dataclass(frozen=True)
class Hook:
    """A line as its webhook knows it."""

    id: int
    portal_id: int
    secret_digest: str


class Known(Generic[T]):
    """What later calls are recognised by without asking the database; bounded. Only ever a reason to accept."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._known: dict[str, T] = {}

    def get(self, name: str) -> T | None:
        return self._known.get(name)

    def put(self, name: str, value: T) -> None:
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[name] = value

    def forget(self, name: str) -> None:
        self._known.pop(name, None)


class Ledger:
    """How rows of one model are written. Built once per model, used by all databases.

    key: columns that make a row unique. rests_on: columns of the row it belongs to (the first is its id): `Arrival.basis`
    must still be found there. order: portals are locked before lines, as an uninstall does it.
    """

    def __init__(
        self, model: Any, key: tuple[str, ...], rests_on: tuple[InstrumentedAttribute[Any], ...], order: int
    ) -> None:
        self.table: Table = model.__table__
        self.columns: dict[str, Column[Any]] = {column.name: column for column in self.table.columns}
        self.key = key
        self.rests_on = rests_on
        self.order = order


class Binder:
    """Rows of a ledger as one database takes them: values in, parameters out, on the thread of the call."""

    def __init__(self, engine: Engine, ledger: Ledger, given: Iterable[str]) -> None:
        dialect = engine.dialect
        self._given = tuple(given)
        #: PostgreSQL takes each column of a group as one array: rows would be another statement for each number of them.
        self._in_arrays = dialect.name == "postgresql"
        processors: dict[str, Callable[[Any], Any] | None] = {}
        for name, column in ledger.columns.items():
            processors[name] = column.type.dialect_impl(dialect).bind_processor(dialect)
            if self._in_arrays and isinstance(column.type, JSON):
                processors[name] = json.dumps  # as text: psycopg's own object has no place in an array
        self._key = [(name, processors[name]) for name in ledger.key]
        self._bind = [(name, processors[name]) for name in self._given]
        constants = {
            name: column.default.arg
            for name, column in ledger.columns.items()
            if name not in self._given and isinstance(column.default, ScalarElementColumnDefault)
        }
        # An empty sealed text is sealed once: it tells by its length alone that it is empty.
        self._constants = tuple(
            process(value) if (process := processors[name]) else value for name, value in constants.items()
        )
        quote = dialect.identifier_preparer.quote
        names = [quote(name) for name in (*self._given, *constants)]
        mark = self._mark = "?" if dialect.paramstyle == "qmark" else "%s"
        self._head = f"INSERT INTO {quote(ledger.table.name)} ({', '.join(names)}) "
        self._row = f"({', '.join([mark] * len(names))})"
        if self._in_arrays:
            types = [Array(ledger.columns[name].type).compile(dialect) for name in (*self._given, *constants)]
            self._arrays = f"SELECT * FROM unnest({', '.join(f'%s::{kind}' for kind in types)}) AS new"
        returned = ", ".join(quote(name) for name in ("id", *ledger.key))
        self._tail = f" ON CONFLICT DO NOTHING RETURNING {returned}"
        basis = ", ".join(quote(attribute.key) for attribute in ledger.rests_on)
        owner = quote(ledger.rests_on[0].class_.__tablename__)
        self._standing = f"SELECT {basis} FROM {owner} WHERE id "
        # FOR KEY SHARE: an uninstall locks what it closes; until it is through, nothing is stored for it.
        self._locked = "" if dialect.name == "sqlite" else " ORDER BY id FOR KEY SHARE"

    def bound(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([process(values[name]) if process else values[name] for name, process in self._bind]) + (
            self._constants
        )

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The key as the database keeps it: digests are shortened there."""
        return tuple([process(values[name]) if process else values[name] for name, process in self._key])

    def standing(self, connection: Connection, bases: Iterable[tuple[Any, ...]], alone: bool) -> set[tuple[Any, ...]]:
        """Which of these are as they were recognised. alone: wait for what is locked; a group goes on without it."""
        ids: tuple[Any, ...] = tuple({basis[0] for basis in bases})
        among = f"IN ({', '.join([self._mark] * len(ids))})"
        # One, as almost always, by itself: of an array PostgreSQL expects more, and would plan anew at each call.
        if self._in_arrays and len(ids) > 1:
            among, ids = "= ANY(%s::BIGINT[])", (literal(ids),)
        lock = self._locked + (" SKIP LOCKED" if self._locked and not alone else "")
        return {tuple(row) for row in connection.exec_driver_sql(f"{self._standing}{among}{lock}", ids)}

    def insert(self, connection: Connection, rows: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
        """Insert what is not there yet; the ids of the new ones by their key."""
        if self._in_arrays:
            made, values = self._arrays, tuple(literal(values) for values in zip(*rows, strict=True))
        else:
            made, values = f"VALUES {', '.join([self._row] * len(rows))}", tuple(chain.from_iterable(rows))
        found = connection.exec_driver_sql(f"{self._head}{made}{self._tail}", values)
        return {tuple(key): ident for ident, *key in found}


@dataclass(eq=False)
class Arrival:
    """One row on its way: `outcome` is its id, None if it was there before, or what went wrong."""

    ledger: Ledger
    binder: Binder
    basis: tuple[Any, ...]
    key: tuple[Any, ...]
    row: tuple[Any, ...]
    shard: int
    settled: bool = False
    #: Until it is committed, an error: whatever ends a leader, nobody takes that for a success.
    outcome: int | Exception | None = field(default_factory=lambda: Unavailable("not committed"))
    woken: threading.Lock = field(default_factory=threading.Lock)


class Intake:
    """The rows of one process on their way into the database. stored: is told the shards of each group, once committed."""

    def __init__(
        self,
        engine: Engine,
        stored: Callable[[set[int]], None],
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.now = now
        self.callers: Known[Caller] = Known()
        self.hooks: Known[Hook] = Known()
        self.pause = pause
        self._stored = stored
        self._mutex = threading.Lock()
        self._waiting: list[Arrival] = []
        self._led = False
        self._busy = False
        self._binders: dict[Ledger, Binder] = {}

    @property
    def waiting(self) -> int:
        """How many rows wait for the next group."""
        return len(self._waiting)

    def store(
        self, ledger: Ledger, values: Mapping[str, Any], basis: tuple[Any, ...], shard: int, patience_s: float
    ) -> int | None:
        """Commit one row; its id, or None if its key says that it was there before.

        Whatever fails in a group is tried again alone: a bad row spoils only itself.
        patience_s: for how long to go on trying while the database is away. Raises Stale, Unavailable, SQLAlchemyError.
        """
        arrival = self._prepared(ledger, values, basis, shard)
        until = self.now() + patience_s
        self._with_others(arrival)
        while isinstance(arrival.outcome, Exception):
            try:
                self._commit([arrival], alone=True)
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                if self.now() + AGAIN_S > until:
                    raise Unavailable(type(error).__name__) from error
                self.pause(AGAIN_S)
                continue
            if isinstance(arrival.outcome, Stale):
                raise arrival.outcome
        return arrival.outcome

    def _prepared(self, ledger: Ledger, values: Mapping[str, Any], basis: tuple[Any, ...], shard: int) -> Arrival:
        binder = self._binders.get(ledger)
        if binder is None:
            binder = self._binders[ledger] = Binder(self.engine, ledger, values)
        return Arrival(ledger, binder, basis, binder.key_of(values), binder.bound(values), shard)

    def _with_others(self, arrival: Arrival) -> None:
        """Be committed by somebody's group, or lead the next one."""
        with self._mutex:
            self._waiting.append(arrival)
            leads = not self._led
            self._led = True
            if not leads:
                arrival.woken.acquire()
        if not leads:
            arrival.woken.acquire()  # until a leader lets go of it
        if not arrival.settled:
            self._lead()

    def _lead(self) -> None:
        if self._busy:
            self.pause(LINGER_S)
        with self._mutex:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        try:
            self._commit(group)
        except SQLAlchemyError as error:
            log.warning("a group could not be stored, one by one now", count=len(group), error=type(error).__name__)
        finally:
            self._let_go(group)

    def _let_go(self, group: list[Arrival]) -> None:
        """Wake whoever was in the group, and the first of those that came meanwhile: it leads the next one."""
        with self._mutex:
            for one in group:
                one.settled = True
            heir = self._waiting[:1]
            self._led = bool(heir)
            self._busy = len(group) > 1
        for one in (*group, *heir):
            if one.woken.locked():  # not so the leader's own
                one.woken.release()

    def _commit(self, group: list[Arrival], alone: bool = False) -> None:
        outcomes: dict[Arrival, int | Exception | None] = {}
        with self.engine.begin() as connection:
            for ledger in sorted({one.ledger for one in group}, key=lambda ledger: ledger.order):
                outcomes |= _insert(connection, [one for one in group if one.ledger is ledger], alone)
        for one, outcome in outcomes.items():
            one.outcome = outcome
        self._stored({one.shard for one, outcome in outcomes.items() if isinstance(outcome, int)})


def _insert(connection: Connection, rows: list[Arrival], alone: bool) -> dict[Arrival, int | Exception | None]:
    binder = rows[0].binder
    standing = binder.standing(connection, [one.basis for one in rows], alone)
    outcomes: dict[Arrival, int | Exception | None] = {one: Stale() for one in rows}
    good = [one for one in rows if one.basis in standing]
    if good:
        ids = binder.insert(connection, [one.row for one in good])
        # Of two with one key in one group the first is the new one.
        outcomes |= {one: ids.pop(one.key, None) for one in good}
    return outcomes
