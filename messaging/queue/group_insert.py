"""Inserts a group of rows in one go, each row only if its call was recognised by what is still true.

A call is recognised from memory, by a snapshot of its owner: the portal's or the line's row. The transaction that inserts the
call's row reads the owner again; if the owner has changed, the row is not inserted.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    CompoundSelect,
    Connection,
    Dialect,
    Engine,
    MetaData,
    Table,
    and_,
    bindparam,
    column,
    delete,
    func,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeDecorator, TypeEngine

from messaging.store.sql import among
from messaging.store.types import Array

#: Columns of the owner as the call was recognised by; the first is the owner's id.
Snapshot = tuple[Any, ...]
#: Values of the columns that make a row unique.
Key = tuple[Any, ...]


class StaleSnapshot(Exception):
    """The owner is no longer as it was recognised: nothing was stored, recognise the call again."""


@dataclass(frozen=True, eq=False)
class InsertSpec:
    """How rows of one model are inserted.

    key: names of the columns that make a row unique.
    snapshot: the owner's columns whose values are compared; the first is its id.
    order: specs are inserted in this order, so that portals are locked before lines, as an uninstall locks them.
    """

    model: Any
    key: tuple[str, ...]
    snapshot: tuple[InstrumentedAttribute[Any], ...]
    order: int

    @property
    def owner(self) -> Any:
        """The model of the owner."""
        return self.snapshot[0].class_


@dataclass(frozen=True, eq=False)
class NewRow:
    """A row that can be inserted: its values are encrypted already. key: as the database keeps it."""

    values: Mapping[str, Any]
    key: Key
    snapshot: Snapshot


@dataclass(frozen=True, eq=False)
class ClaimSpec:
    """How claims of one model are inserted: rows that stand for having made another row, so that it is not made twice.

    key: names of the columns that make a claim unique. made: the column for the id of the row that was made.
    """

    model: Any
    key: tuple[str, ...]
    made: str


@dataclass(frozen=True, eq=False)
class NewClaim:
    """A claim that can be inserted: its values are encrypted already."""

    spec: ClaimSpec
    values: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return tuple([self.values[name] for name in self.spec.key])


def new_claim(spec: ClaimSpec, values: Mapping[str, Any], dialect: Dialect) -> NewClaim:
    """Encrypt the values of a claim, on the caller's own thread."""
    columns = spec.model.__table__.c
    return NewClaim(spec, {name: _stored(columns[name].type, value, dialect) for name, value in values.items()})


class GroupClaim:
    """Inserts claims of one spec into one database. Its statement is made once."""

    def __init__(self, dialect: Dialect, spec: ClaimSpec) -> None:
        self.spec = spec
        table = _stored_table(spec.model.__table__, dialect)
        insert = (postgresql if dialect.name == "postgresql" else sqlite).insert(table)
        self._insert = insert.on_conflict_do_nothing().returning(table.c[spec.made])

    def stake(self, connection: Connection, made: Mapping[int, NewClaim], table_of: Any) -> set[int]:
        """Insert the claims to rows that this transaction has just made, by their ids; delete the rows whose claims another
        call has staked before. Returns these. table_of: the model of the rows.

        Claims are inserted in the order of their keys: two processes that get the same two calls must not wait for each other.
        """
        ordered = sorted(made.items(), key=lambda one: one[1].key)
        rows = [{**claim.values, self.spec.made: row_id} for row_id, claim in ordered]
        late = set(made) - set(connection.execute(self._insert, rows).scalars())
        if late:
            connection.execute(delete(table_of).where(table_of.id.in_(late)))
        return late


class GroupInsert(ABC):
    """Inserts rows of one spec into one database. Its statements are made once.

    names: the columns that every row has a value for; the others get the model's defaults.
    """

    def __init__(self, dialect: Dialect, spec: InsertSpec, names: Iterable[str]) -> None:
        self.spec = spec
        self.names = tuple(names)
        self.table = _stored_table(spec.model.__table__, dialect)
        self._dialect = dialect
        self._types = {name: spec.model.__table__.c[name].type for name in self.names}

    def prepare(self, values: Mapping[str, Any], snapshot: Snapshot) -> NewRow:
        """Encrypt the values. Encrypting takes time: call this before the row's group is formed, on the caller's own thread."""
        stored = {name: _stored(kind, values[name], self._dialect) for name, kind in self._types.items()}
        return NewRow(stored, tuple([stored[name] for name in self.spec.key]), snapshot)

    def execute(self, connection: Connection, rows: Sequence[NewRow], wait: bool) -> list[int | StaleSnapshot | None]:
        """Insert the rows. For each its id; None if a row with its key was there before; StaleSnapshot.

        wait: wait for owners that another transaction has locked; without it, their rows count as stale.
        """
        unchanged, ids = self._inserted(connection, rows, wait)
        # Of two rows with the same key, the first is the one that was inserted.
        return [ids.pop(row.key, None) if row.snapshot in unchanged else StaleSnapshot() for row in rows]

    @abstractmethod
    def _inserted(
        self, connection: Connection, rows: Sequence[NewRow], wait: bool
    ) -> tuple[set[Snapshot], dict[Key, int]]:
        """Insert the rows whose snapshots are unchanged. Returns these snapshots, and the id of each new row by its key."""


def group_insert(engine: Engine, spec: InsertSpec, names: Iterable[str]) -> GroupInsert:
    """How this engine's database inserts rows of this spec."""
    kind = PostgreSQLInsert if takes_arrays(engine) else SQLiteInsert
    return kind(engine.dialect, spec, names)


def takes_arrays(engine: Engine) -> bool:
    """Whether a group is inserted by one statement, which takes each column as an array."""
    return engine.dialect.name == "postgresql"


class SQLiteInsert(GroupInsert):
    """Reads the owners, then inserts all rows with one `INSERT … VALUES (…), (…)`, in the transaction of the caller."""

    def __init__(self, dialect: Dialect, spec: InsertSpec, names: Iterable[str]) -> None:
        super().__init__(dialect, spec, names)
        table = self.table
        self._select_owners = select(*spec.snapshot).where(among(spec.snapshot[0], "ids"))
        returned = [table.c.id, *(table.c[name] for name in spec.key)]
        self._insert = sqlite.insert(table).on_conflict_do_nothing().returning(*returned)

    def _inserted(
        self, connection: Connection, rows: Sequence[NewRow], wait: bool
    ) -> tuple[set[Snapshot], dict[Key, int]]:
        snapshots = {row.snapshot for row in rows}
        owners = connection.execute(self._select_owners, {"ids": [snapshot[0] for snapshot in snapshots]})
        unchanged = snapshots & {tuple(owner) for owner in owners}
        values = [row.values for row in rows if row.snapshot in unchanged]
        if not values:
            return unchanged, {}
        return unchanged, {tuple(key): row_id for row_id, *key in connection.execute(self._insert, values)}


class PostgreSQLInsert(GroupInsert):
    """Locks the owners, compares them and inserts with one statement: every further round trip would keep the group waiting.

    FOR KEY SHARE: an uninstall locks the portal that it closes, and nothing is stored for this portal until it is through.
    Each column is one array, for rows of values would be another statement for each number of rows (decision 0022).
    """

    def __init__(self, dialect: Dialect, spec: InsertSpec, names: Iterable[str]) -> None:
        super().__init__(dialect, spec, names)
        self._insert_waiting = self._statement(skip_locked=False)
        self._insert_of_group = self._statement(skip_locked=True)

    def _inserted(
        self, connection: Connection, rows: Sequence[NewRow], wait: bool
    ) -> tuple[set[Snapshot], dict[Key, int]]:
        snapshots = list(dict.fromkeys(row.snapshot for row in rows))
        numbers = {snapshot: number for number, snapshot in enumerate(snapshots, 1)}
        arrays: dict[str, Any] = {f"new_{name}": [row.values[name] for row in rows] for name in self.names}
        arrays["new_number"] = [numbers[row.snapshot] for row in rows]
        for attribute, known in zip(self.spec.snapshot, zip(*snapshots, strict=True), strict=True):
            arrays[f"known_{attribute.key}"] = known
        unchanged: set[Snapshot] = set()
        ids: dict[Key, int] = {}
        for number, row_id, *key in connection.execute(self._insert_waiting if wait else self._insert_of_group, arrays):
            if number is None:
                ids[tuple(key)] = row_id
            else:
                unchanged.add(snapshots[number - 1])
        return unchanged, ids

    def _statement(self, skip_locked: bool) -> CompoundSelect[Any]:
        """Rows (NULL, id, key…) for what was inserted, and (number, NULL…) for each unchanged snapshot."""
        unchanged = self._lock_owners(skip_locked)
        inserted = self._insert_rows(unchanged)
        return union_all(
            select(null().label("number"), *inserted.c),
            select(unchanged.c.number, *[null() for _ in inserted.c]),
        )

    def _lock_owners(self, skip_locked: bool) -> CTE:
        """The numbers of the unchanged snapshots, whose owners are locked now."""
        known = _unnest("known", {attribute.key: attribute.type for attribute in self.spec.snapshot}, "number")
        same = and_(*[attribute == known.c[attribute.key] for attribute in self.spec.snapshot])
        return (
            select(known.c.number)
            .join_from(known, self.spec.owner, same)
            .order_by(self.spec.snapshot[0])
            .with_for_update(read=True, key_share=True, of=self.spec.owner, skip_locked=skip_locked)
            .cte("unchanged")
        )

    def _insert_rows(self, unchanged: CTE) -> CTE:
        """Id and key of each row that was inserted."""
        table = self.table
        new = _unnest("new", {**{name: table.c[name].type for name in self.names}, "number": BigInteger()})
        rows = select(*[new.c[name] for name in self.names]).where(new.c.number.in_(select(unchanged.c.number)))
        insert = postgresql.insert(table).from_select(self.names, rows).on_conflict_do_nothing()
        return insert.returning(table.c.id, *[table.c[name] for name in self.spec.key]).cte("inserted")


def _unnest(name: str, types: Mapping[str, TypeEngine[Any]], ordinality: str | None = None) -> TableValuedAlias:
    """A table of arrays, each bound as `<name>_<column>`. ordinality: a further column with each row's number, from 1."""
    arrays = [bindparam(f"{name}_{key}", type_=Array(kind)) for key, kind in types.items()]
    columns = [column(key, kind) for key, kind in types.items()]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality=ordinality).render_derived(name=name)


def _stored_table(table: Table, dialect: Dialect) -> Table:
    """The table as it takes values that its own types have converted already. An encrypted default is encrypted once."""
    columns = []
    for one in table.columns:
        default = one.default.arg if isinstance(one.default, ScalarElementColumnDefault) else None
        columns.append(Column(one.name, _stored_type(one.type), default=_stored(one.type, default, dialect)))
    return Table(table.name, MetaData(), *columns)


def _stored(kind: TypeEngine[Any], value: Any, dialect: Dialect) -> Any:
    """What the type makes of a value: text encrypted, a digest shortened, a moment in UTC."""
    return kind.process_bind_param(value, dialect) if isinstance(kind, TypeDecorator) else value


def _stored_type(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type of what `_stored` returns."""
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind
