"""A table filled with thousands of copies of one row, by one statement: what a year looks like to the planner."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from messaging.store.models import Base


def copies(connection: Connection, table: str, template: int, count: int, **other: str) -> None:
    """Insert `count` copies of row `template`; other: column → SQL in which `n` is the copy's number, from 1.

    Ids go on from the highest one.
    """
    columns = [column.name for column in Base.metadata.tables[table].columns]
    top = connection.scalar(text(f"SELECT max(id) FROM {table}"))
    made: Mapping[str, str] = {"id": f"{top} + n", **other}
    if table == "message" and "run_id" in made:  # a robot's message stands where its run does
        made = {"origin_id": made["run_id"], "position": made["run_id"], **made}
    values = ", ".join(made.get(name, f't."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    connection.execute(
        text(
            f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) "
            f"INSERT INTO {table} ({names}) SELECT {values} FROM s, {table} t WHERE t.id = {template}"
        )
    )
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {top + count})"))
