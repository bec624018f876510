"""Columns that one transaction is to write: gathered row by row, written in bulk."""

from collections import defaultdict
from functools import lru_cache
from typing import Any, ClassVar, Protocol, TypeVar, cast

from sqlalchemy import Update, bindparam, column, func, update
from sqlalchemy.orm import Session

from messaging.store.types import Array


class ReadRow(Protocol):
    """A row as messaging.store.rows reads it. model: the table it stands in."""

    model: ClassVar[Any]
    id: int


class Gathered(Protocol):
    """Rows of another table that are written together with the changes."""

    def write(self, session: Session) -> None:
        """Write them."""


Rows = TypeVar("Rows", bound=Gathered)


class Changes:
    """What is decided about rows while a transaction lasts.

    `set` says which columns of a row become what; the row shows it at once, the database after `write`. Rows with the same
    columns changed share one UPDATE by primary key, executed for all of them.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._changed: dict[tuple[Any, int], dict[str, Any]] = {}
        self._gathered: dict[type[Any], Gathered] = {}

    def gathered(self, kind: type[Rows]) -> Rows:
        """What is gathered of this kind until the next `write`."""
        found = self._gathered.setdefault(kind, kind())
        return cast(Rows, found)

    def set(self, row: ReadRow, **columns: Any) -> None:
        """These columns of this row become these values."""
        for name, value in columns.items():
            setattr(row, name, value)
        self._changed.setdefault((row.model, row.id), {}).update(columns)

    def write(self) -> None:
        """Write what was set since the last time."""
        groups: defaultdict[tuple[Any, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
        for (model, row_id), columns in self._changed.items():
            if columns:
                values = {f"new_{name}": value for name, value in columns.items()}
                groups[model, tuple(sorted(columns))].append({"row_id": row_id, **values})
        self._changed.clear()
        self.session.flush()
        connection = self.session.connection()
        for (model, names), rows in groups.items():
            if connection.dialect.name == "postgresql":
                columns = {name: [row[name] for row in rows] for name in rows[0]}
                connection.execute(_update_together(model, names), columns)
            else:
                connection.execute(_update(model, names), rows)
        gathered, self._gathered = self._gathered, {}
        for others in gathered.values():
            others.write(self.session)


@lru_cache(256)
def _update(model: Any, names: tuple[str, ...]) -> Update:
    """Made once for each set of columns: building a statement takes longer than running it."""
    table = model.__table__
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(table).where(table.c.id == bindparam("row_id")).values(values)


@lru_cache(256)
def _update_together(model: Any, names: tuple[str, ...]) -> Update:
    """PostgreSQL takes the values of all rows as arrays: row by row, each would be a statement of its own (decision 0022)."""
    table = model.__table__
    arrays = [bindparam("row_id", type_=Array(table.c.id.type))]
    arrays += [bindparam(f"new_{name}", type_=Array(table.c[name].type)) for name in names]
    new = func.unnest(*arrays).table_valued(column("row_id"), *map(column, names)).render_derived(name="new")
    return update(table).where(table.c.id == new.c.row_id).values({name: new.c[name] for name in names})
