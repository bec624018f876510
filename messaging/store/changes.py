"""Columns that one transaction is to write: gathered row by row, written in bulk."""

from collections import defaultdict
from typing import Any, ClassVar, Protocol

from sqlalchemy import update
from sqlalchemy.orm import Session


class ReadRow(Protocol):
    """A row as messaging.store.rows reads it. model: the table it stands in."""

    model: ClassVar[Any]
    id: int


class Changes:
    """What is decided about rows while a transaction lasts.

    `set` says which columns of a row become what; the row shows it at once, the database after `write`. Rows with the same
    columns changed share one bulk UPDATE by primary key (SQLAlchemy: "ORM Bulk UPDATE by Primary Key").
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._changed: dict[tuple[Any, int], dict[str, Any]] = {}

    def set(self, row: ReadRow, **columns: Any) -> None:
        """These columns of this row become these values."""
        for name, value in columns.items():
            setattr(row, name, value)
        self._changed.setdefault((row.model, row.id), {}).update(columns)

    def write(self) -> None:
        """Write what was set since the last time."""
        groups: defaultdict[tuple[Any, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
        for (model, row_id), columns in self._changed.items():
            groups[model, tuple(sorted(columns))].append({"id": row_id, **columns})
        self._changed.clear()
        for (model, names), rows in groups.items():
            if names:
                self.session.execute(update(model), rows)
