"""Conditions that are written for SQLite and for PostgreSQL, each as its planner needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Select,
    all_,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from messaging.store.types import Array


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


def there_is(model: Any, first: Any, *conditions: Any) -> ColumnElement[bool]:
    """Whether there is such a row, by one step into its index. first: the column by which that index is sorted, after those
    the conditions compare.

    Not EXISTS: PostgreSQL may turn that into a join, and read or hash all rows that wait (40 ms when ten thousand do). And
    sorted, though any row would do: where many wait it expects one at the start of the table, and for the 63 shards that
    have none it reads the table to its end (10,000 waiting: 1 s each time, measured).
    """
    return select(model.id).where(*conditions).order_by(first).limit(1).scalar_subquery().is_not(None)


def insert_missing(session: Session, model: Any, rows: Sequence[Mapping[str, Any]], *told: str) -> list[Any]:
    """Insert those of these rows that no unique key of the table knows yet; the columns `told` of each new row."""
    if not rows:
        return []
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(model).on_conflict_do_nothing().returning(*(getattr(model, name) for name in told))
    return list(session.execute(statement, rows))
