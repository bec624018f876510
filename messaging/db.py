"""The database: engine, sessions and column types. What SQLite needs is in `turns`."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Integer,
    Select,
    String,
    Text,
    UpdateBase,
    all_,
    any_,
    bindparam,
    create_engine,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from messaging.crypto import Vault

T = TypeVar("T")
FROZEN_MS = 30_000
#: PostgreSQL's own is 4.0, for disks that turn; 1.1 is its manual's advice where reading anywhere costs about the same.
RANDOM_PAGE_COST = 1.1
PING_AFTER_S = 1.0
Key = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """A UTC moment, always aware; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _vault(dialect: Dialect) -> Vault:
    vault: Vault = dialect.waba24_vault  # type: ignore[attr-defined]  # set by open_engine, one vault per engine
    return vault


class Digest(TypeDecorator[str]):
    """The first 32 hex digits of a digest. It lies at a random place of a large unique index, where each byte counts
    twice (size, and pages touched per insert); 128 bits never meet by chance (36 million rows: 1 to 5·10^23)."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value[:32]


class Word(String):
    """A word of ours (a state, say), written into SQL as it is and not bound.

    Partial indexes stand on such words. A planner that sees `?` cannot know that one may be used: SQLite then prepares the
    statement anew at each call, PostgreSQL's generic plan reads the whole table.
    """

    class Comparator(String.Comparator[str]):
        def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
            return super().operate(op, *(_written(one) for one in other), **kwargs)

    comparator_factory = Comparator


def _written(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isalpha():
        return literal_column(f"'{value}'", String)
    if isinstance(value, list | tuple | set | frozenset):
        return [_written(one) for one in sorted(value)]
    return value


class Among(FunctionElement[bool]):
    """One condition, written for SQLite and for PostgreSQL; see `among`."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:
        """It is a condition already: `… = 1`, which SQLite would get for a function, uses no index."""
        return self


@compiles(Among)
def _in_json(element: Among, compiler: Any, **kwargs: Any) -> str:
    in_json, _ = element.clauses
    return f"({compiler.process(in_json, **kwargs)})"


@compiles(Among, "postgresql")
def _in_array(element: Among, compiler: Any, **kwargs: Any) -> str:
    _, in_array = element.clauses
    return f"({compiler.process(in_array, **kwargs)})"


def among(column: Any, name: str) -> ColumnElement[bool]:
    """`column IN (…)`, the values bound as `name`, all of them in one parameter.

    A list would be another statement for each number of values, written, parsed and planned anew by SQLAlchemy, the driver
    and the database: half of what a round cost on PostgreSQL.
    """
    values = bindparam(name, type_=Array(column.type))
    return Among(column.in_(_members(values)), column == any_(values))


def not_among(column: Any, name: str) -> ColumnElement[bool]:
    """`column NOT IN (…)`, the same way."""
    values = bindparam(name, type_=Array(column.type))
    return Among(column.not_in(_members(values)), column != all_(values))


def _members(values: BindParameter[list[Any]]) -> Select[Any]:
    return select(func.json_each(values).table_valued("value").c.value)


class Array(TypeDecorator[list[Any]]):
    """A list as one parameter. PostgreSQL: an array, handed over as its literal, for psycopg's own way with lists costs ten
    times as much. SQLite: JSON, for `json_each`."""

    impl = ARRAY
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        # Words without their length: PostgreSQL would cut off what is longer, and find what was not asked for.
        self.item = String() if isinstance(item, String) else item
        super().__init__(self.item, dimensions=1)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        process = self.item.dialect_impl(dialect).bind_processor(dialect)
        in_array = dialect.name == "postgresql"

        def bind(values: Iterable[Any]) -> Any:
            items = [process(value) for value in values] if process else list(values)
            if not in_array:
                return json.dumps(items)
            return literal(items) if all(type(item) in _LITERAL for item in items) else items  # psycopg's own: JSON

        return bind


def literal(items: Iterable[Any]) -> str:
    """A PostgreSQL array of numbers, words, moments, truths, nothings."""
    return "{" + ",".join([_LITERAL[type(item)](item) for item in items]) + "}"


def _quoted(item: object) -> str:
    escaped = str(item).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_LITERAL: dict[type, Callable[[Any], str]] = {
    int: str,
    bool: str,
    str: _quoted,
    datetime: _quoted,
    type(None): lambda _: "NULL",
}


def there_is(model: Any, first: Any, *conditions: Any) -> ColumnElement[bool]:
    """Whether there is such a row, by one step into its index. first: the column by which that index is sorted, after those
    the conditions compare.

    Not EXISTS: PostgreSQL may turn that into a join, and read or hash all rows that wait (40 ms when ten thousand do). And
    sorted, though any row would do: where many wait it expects one at the start of the table, and for the 63 shards that
    have none it reads the table to its end (10,000 waiting: 1 s each time, measured).
    """
    return select(model.id).where(*conditions).order_by(first).limit(1).scalar_subquery().is_not(None)


#: What a sealed column holds once it is wiped: `NULL` would need other columns; nothing sealed is ever empty.
WIPED = literal_column("''", Text)


class Sealed(TypeDecorator[str]):
    """Text that is encrypted at rest: tokens, keys, phones, message texts. Wiped: empty."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _vault(dialect).seal(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return _vault(dialect).open(value) if value else value


class SealedJson(TypeDecorator[Any]):
    """A JSON value that is encrypted at rest. Wiped: None."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _vault(dialect).seal(json.dumps(value, ensure_ascii=False))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return json.loads(_vault(dialect).open(value)) if value else None


def open_engine(url: str, vault: Vault, pool: int = 8, ping: bool = True) -> Engine:
    """Open the database. `pool`: how many threads of this process use it at once.

    ping: ask a connection that lay unused whether it is alive. Who repeats what a dead one breaks off, saves that.
    """
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed,
        pool_size=pool,
        max_overflow=8,
        pool_use_lifo=True,
        hide_parameters=True,
    )
    engine.dialect.waba24_vault = vault  # type: ignore[attr-defined]
    if parsed.get_backend_name() == "sqlite":
        from messaging import turns  # with SQLite itself 2 MB, which nobody else needs

        turns.attend(engine)
    elif parsed.get_backend_name() == "postgresql":
        event.listen(engine, "connect", _tune_postgresql)
        if ping:
            event.listen(engine, "checkin", _laid_down)
            event.listen(engine, "checkout", _ping_if_it_lay)
    return engine


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


def ask(session: Session, statement: Executable, values: Mapping[str, Any]) -> CursorResult[Any]:
    """Columns, not objects, past the ORM: its way to the same rows costs as much again as the database itself.

    What the session has changed is written first, as by its own `execute`; one that only reads writes nothing.
    """
    if session.autoflush:
        session.flush()
    return session.connection().execute(statement, values)


def put(connection: Connection, statement: UpdateBase, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same statement for many rows, all with the same names, past SQLAlchemy's own way with parameters.

    That one looks each value of each row up three times: on SQLite it took longer than the writing itself.
    """
    sql, bind = _driven(connection.dialect, statement)
    values = [[row[name] for row in rows] for name, _ in bind]
    columns = [
        [process(value) for value in column] if process else column
        for (_, process), column in zip(bind, values, strict=True)
    ]
    connection.exec_driver_sql(sql, list(zip(*columns, strict=True)))


@lru_cache(1024)
def _driven(dialect: Dialect, statement: UpdateBase) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]:
    """What the driver is given: the text, and the parameters in its order, each with what makes its value fit."""
    compiled = statement.compile(dialect=dialect)
    names = compiled.positiontup or ()
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
    }
    return str(compiled), [(name, processors[name]) for name in names]


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
            except OperationalError:
                continue
        with self.write() as session:
            return work(session)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()
