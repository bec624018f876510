"""Indexes that both databases have, as SQLAlchemy wants them told."""

from sqlalchemy import Index, text


def partial(name: str, *columns: str, where: str) -> Index:
    """An index of a part of the rows, on both databases."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
