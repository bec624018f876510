"""What comes in is committed in groups: one transaction for all calls that wait in this process at the same moment.

A call's row is prepared, sealed and bound on its own thread. Whoever finds nobody at work leads: takes all rows that wait,
commits them, hands the lead to the first of those that came meanwhile. No thread of its own: nothing to start after a fork,
nothing to drain at the end, and a call that is alone waits for nobody (decision 0014).

What was recognised from memory (`RecognitionCache`) is read again in the same transaction: a row whose portal was uninstalled,
or whose line was wiped meanwhile, is not stored, and its call is looked at anew.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import JSON, BigInteger, Column, Connection, Dialect, Engine, Table
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from messaging.store.types import Array, literal

T = TypeVar("T")
#: Rows of one transaction at most; a process has fewer threads than that.
GROUP = 128
#: A call that could not be stored because the database is away is tried again so often, in seconds.
AGAIN_S = 0.25
#: While calls come together, the leader waits for as many as there were, so long at most, in seconds: without it every
#: second group is one row. Once all are there nobody is left to wait for, and this process would be idle.
LINGER_S = 0.004
log = structlog.get_logger(__name__)


class StaleSnapshot(Exception):
    """What the row rests on is no longer as it was recognised: nothing was stored, recognise again."""


class Unavailable(Exception):
    """The database is away, for longer than the call may wait."""


@dataclass(frozen=True)
class CachedPortal:
    """A portal as its robots' calls know it. token_digest: of its application_token, which is not kept in memory."""

    id: int
    status: str
    token_version: int
    token_digest: str


@dataclass(frozen=True)
class CachedLine:
    """A line as its webhook knows it."""

    id: int
    portal_id: int
    secret_digest: str


class RecognitionCache(Generic[T]):
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


class InsertSpec:
    """How rows of one model are written. Built once per model, used by all databases.

    key: columns that make a row unique. rests_on: columns of the row it belongs to (the first is its id): `PendingRow.basis`
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


def _takes_arrays(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


class RowBinder:
    """Rows of a spec as one database takes them: values in, parameters out, on the thread of the call."""

    def __init__(self, engine: Engine, spec: InsertSpec, given: Iterable[str]) -> None:
        dialect = engine.dialect
        self._given = tuple(given)
        #: PostgreSQL takes each column of a group as one array: rows would be another statement for each number of them.
        self._in_arrays = _takes_arrays(engine)
        processors: dict[str, Callable[[Any], Any] | None] = {}
        for name, column in spec.columns.items():
            processors[name] = column.type.dialect_impl(dialect).bind_processor(dialect)
            if self._in_arrays and isinstance(column.type, JSON):
                processors[name] = json.dumps  # as text: psycopg's own object has no place in an array
        self._key = [(name, processors[name]) for name in spec.key]
        self._bind = [(name, processors[name]) for name in self._given]
        constants = {
            name: column.default.arg
            for name, column in spec.columns.items()
            if name not in self._given and isinstance(column.default, ScalarElementColumnDefault)
        }
        # An empty sealed text is sealed once: it tells by its length alone that it is empty.
        self._constants = tuple(
            process(value) if (process := processors[name]) else value for name, value in constants.items()
        )
        self._columns = (*self._given, *constants)
        self._sql = (_for_postgresql if self._in_arrays else _for_sqlite)(dialect, spec, self._columns)

    def bound(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([process(values[name]) if process else values[name] for name, process in self._bind]) + (
            self._constants
        )

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The key as the database keeps it: digests are shortened there."""
        return tuple([process(values[name]) if process else values[name] for name, process in self._key])

    def store(
        self, connection: Connection, arrivals: "Sequence[PendingRow]", alone: bool
    ) -> tuple[set[tuple[Any, ...]], dict[tuple[Any, ...], int]]:
        """Insert what is not there yet, and rests on what is as it was recognised. Which bases are; ids of the new rows by key.

        alone: wait for what is locked; a group goes on without it.
        """
        if self._in_arrays:
            return self._store_at_once(connection, arrivals, alone)
        bases = {one.basis for one in arrivals}
        ids = tuple({basis[0] for basis in bases})
        asked = self._sql.standing.format(ids=", ".join("?" * len(ids)))
        standing = {tuple(row) for row in connection.exec_driver_sql(asked, ids)} & bases
        rows = [one.row for one in arrivals if one.basis in standing]
        if not rows:
            return standing, {}
        made = self._sql.insert.format(rows=", ".join([self._sql.row] * len(rows)))
        found = connection.exec_driver_sql(made, tuple(chain.from_iterable(rows)))
        return standing, {tuple(key): ident for ident, *key in found}

    def _store_at_once(
        self, connection: Connection, arrivals: "Sequence[PendingRow]", alone: bool
    ) -> tuple[set[tuple[Any, ...]], dict[tuple[Any, ...], int]]:
        """Locks, looks and inserts in one statement: each one more is a round trip, in which all of the group wait."""
        bases = list({one.basis for one in arrivals})
        numbers = {basis: number for number, basis in enumerate(bases, 1)}
        columns: list[Iterable[Any]] = [*zip(*bases, strict=True), *zip(*[one.row for one in arrivals], strict=True)]
        columns.append([numbers[one.basis] for one in arrivals])
        sql = self._sql.insert if alone else self._sql.insert_of_group
        standing: set[tuple[Any, ...]] = set()
        ids: dict[tuple[Any, ...], int] = {}
        for number, ident, *key in connection.exec_driver_sql(sql, tuple(map(literal, columns))):
            if number is None:
                ids[tuple(key)] = ident
            else:
                standing.add(bases[number - 1])
        return standing, ids


@dataclass(frozen=True)
class Statements:
    """How a group is inserted. insert: on PostgreSQL waiting for locks, on SQLite with `{rows}`, each of them `row`.
    standing: SQLite, with `{ids}`."""

    insert: str
    insert_of_group: str = ""
    row: str = ""
    standing: str = ""


def _for_sqlite(dialect: Dialect, spec: InsertSpec, columns: Sequence[str]) -> Statements:
    quote = dialect.identifier_preparer.quote
    basis = ", ".join(quote(attribute.key) for attribute in spec.rests_on)
    return Statements(
        insert=f"INSERT INTO {quote(spec.table.name)} ({', '.join(map(quote, columns))}) VALUES {{rows}} "
        f"ON CONFLICT DO NOTHING RETURNING {', '.join(map(quote, ('id', *spec.key)))}",
        row=f"({', '.join(['?'] * len(columns))})",
        standing=f"SELECT {basis} FROM {quote(spec.rests_on[0].class_.__tablename__)} WHERE id IN ({{ids}})",
    )


def _for_postgresql(dialect: Dialect, spec: InsertSpec, columns: Sequence[str]) -> Statements:
    """FOR KEY SHARE: an uninstall locks what it closes; until it is through, nothing is stored for it.

    Each column of a group is one array: rows would be another statement for each number of them.
    """
    quote = dialect.identifier_preparer.quote
    basis = [quote(attribute.key) for attribute in spec.rests_on]
    owner = quote(spec.rests_on[0].class_.__tablename__)
    made, key = [quote(name) for name in columns], [quote(name) for name in spec.key]

    def arrays(types: Iterable[Any]) -> str:
        return ", ".join(f"%s::{Array(kind).compile(dialect)}" for kind in types)

    def insert(locked: str) -> str:
        return f"""
WITH standing AS MATERIALIZED (
    SELECT basis.number
    FROM unnest({arrays(one.type for one in spec.rests_on)}) WITH ORDINALITY AS basis ({", ".join(basis)}, number)
    JOIN {owner} ON {" AND ".join(f"{owner}.{one} = basis.{one}" for one in basis)}
    ORDER BY {owner}.id FOR KEY SHARE OF {owner}{locked}
), new AS (
    INSERT INTO {quote(spec.table.name)} ({", ".join(made)})
    SELECT {", ".join(f"made.{one}" for one in made)}
    FROM unnest({arrays([*(spec.columns[name].type for name in columns), BigInteger()])}) AS made ({", ".join(made)}, basis)
    WHERE made.basis IN (SELECT number FROM standing)
    ON CONFLICT DO NOTHING RETURNING id, {", ".join(key)}
)
SELECT NULL AS number, id, {", ".join(key)} FROM new
UNION ALL SELECT number, {", ".join(["NULL"] * (1 + len(key)))} FROM standing"""

    return Statements(insert(""), insert(" SKIP LOCKED"))


@dataclass(eq=False)
class PendingRow:
    """One row on its way: `outcome` is its id, None if it was there before, or what went wrong."""

    spec: InsertSpec
    binder: RowBinder
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
        #: PostgreSQL stores rows of one spec with one statement, which needs no BEGIN and no COMMIT.
        self._at_once = engine.execution_options(isolation_level="AUTOCOMMIT") if _takes_arrays(engine) else None
        self.now = now
        self.portals: RecognitionCache[CachedPortal] = RecognitionCache()
        self.lines: RecognitionCache[CachedLine] = RecognitionCache()
        self.pause = pause
        self._stored = stored
        self._mutex = threading.Lock()
        self._waiting: list[PendingRow] = []
        self._led = False
        #: How many rows were in the house when the last group was through: its own, and those that waited behind it.
        self._expected = 1
        self._gathered = threading.Event()
        self._binders: dict[InsertSpec, RowBinder] = {}

    @property
    def waiting(self) -> int:
        """How many rows wait for the next group."""
        return len(self._waiting)

    def store(
        self, spec: InsertSpec, values: Mapping[str, Any], basis: tuple[Any, ...], shard: int, patience_s: float
    ) -> int | None:
        """Commit one row; its id, or None if its key says that it was there before.

        Whatever fails in a group is tried again alone: a bad row spoils only itself.
        patience_s: for how long to go on trying while the database is away. Raises StaleSnapshot, Unavailable, SQLAlchemyError.
        """
        arrival = self._prepared(spec, values, basis, shard)
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
            if isinstance(arrival.outcome, StaleSnapshot):
                raise arrival.outcome
        return arrival.outcome

    def _prepared(self, spec: InsertSpec, values: Mapping[str, Any], basis: tuple[Any, ...], shard: int) -> PendingRow:
        binder = self._binders.get(spec)
        if binder is None:
            binder = self._binders[spec] = RowBinder(self.engine, spec, values)
        return PendingRow(spec, binder, basis, binder.key_of(values), binder.bound(values), shard)

    def _with_others(self, arrival: PendingRow) -> None:
        """Be committed by somebody's group, or lead the next one."""
        with self._mutex:
            self._waiting.append(arrival)
            if len(self._waiting) >= self._expected:
                self._gathered.set()
            leads = not self._led
            self._led = True
            if not leads:
                arrival.woken.acquire()
        if not leads:
            arrival.woken.acquire()  # until a leader lets go of it
        if not arrival.settled:
            self._lead()

    def _lead(self) -> None:
        if self._expected > 1:
            self._gathered.wait(LINGER_S)
        with self._mutex:
            self._gathered.clear()
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        try:
            self._commit(group)
        except SQLAlchemyError as error:
            log.warning("a group could not be stored, one by one now", count=len(group), error=type(error).__name__)
        finally:
            self._let_go(group)

    def _let_go(self, group: list[PendingRow]) -> None:
        """Wake whoever was in the group, and the first of those that came meanwhile: it leads the next one."""
        with self._mutex:
            for one in group:
                one.settled = True
            heir = self._waiting[:1]
            self._led = bool(heir)
            self._expected = len(group) + len(self._waiting)
        for one in (*group, *heir):
            if one.woken.locked():  # not so the leader's own
                one.woken.release()

    def _commit(self, group: list[PendingRow], alone: bool = False) -> None:
        outcomes: dict[PendingRow, int | Exception | None] = {}
        specs = {one.spec for one in group}
        with self._at_once.connect() if self._at_once and len(specs) == 1 else self.engine.begin() as connection:
            for spec in sorted(specs, key=lambda spec: spec.order):
                outcomes |= _insert(connection, [one for one in group if one.spec is spec], alone)
        for one, outcome in outcomes.items():
            one.outcome = outcome
        self._stored({one.shard for one, outcome in outcomes.items() if isinstance(outcome, int)})


def _insert(
    connection: Connection, arrivals: list[PendingRow], alone: bool
) -> dict[PendingRow, int | Exception | None]:
    standing, ids = arrivals[0].binder.store(connection, arrivals, alone)
    # Of two with one key in one group the first is the new one.
    return {one: ids.pop(one.key, None) if one.basis in standing else StaleSnapshot() for one in arrivals}
