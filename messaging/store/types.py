"""Column types: moments in UTC, digests, words that stand in the SQL, encrypted text and JSON, lists as one parameter."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Integer,
    String,
    Text,
    literal_column,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from messaging.store.crypto import Cipher, Undecryptable

Key = BigInteger().with_variant(Integer, "sqlite")


class UTCDateTime(TypeDecorator[datetime]):
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


def _cipher(dialect: Dialect) -> Cipher:
    cipher: Cipher = dialect.waba24_cipher  # type: ignore[attr-defined]  # set by open_engine, one cipher per engine
    return cipher


class Digest(TypeDecorator[str]):
    """The first 32 hex digits of a digest. It lies at a random place of a large unique index, where each byte counts
    twice (size, and pages touched per insert); 128 bits never meet by chance (36 million rows: 1 to 5·10^23)."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value[:32]


class LiteralString(String):
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
        in_array = dialect.name == "postgresql"
        process: Callable[[Any], Any] | None = self.item.dialect_impl(dialect).bind_processor(dialect)
        if in_array and isinstance(self.item, JSON):
            process = json.dumps  # psycopg's own JSON values have no place in an array literal

        def bind(values: Iterable[Any]) -> Any:
            items = [process(value) for value in values] if process else list(values)
            items = [item.value if isinstance(item, StrEnum) else item for item in items]
            if not in_array:
                return json.dumps(items)
            return _array_literal(items) if all(type(item) in _LITERAL for item in items) else items

        return bind


def _array_literal(items: Iterable[Any]) -> str:
    """A PostgreSQL array of numbers, strings, moments, booleans and None."""
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


#: What a encrypted column holds once it is wiped: `NULL` would need other columns; nothing encrypted is ever empty.
WIPED = literal_column("''", Text)


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted at rest: tokens, keys, phones, message texts. Wiped: empty."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _cipher(dialect).encrypt(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return _cipher(dialect).decrypt(value) if value else value


class ReadableText(EncryptedText):
    """The same, but "" if no known key opens it: the row says something without it."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        try:
            return super().process_result_value(value, dialect)
        except Undecryptable:
            return ""


class EncryptedJson(TypeDecorator[Any]):
    """A JSON value that is encrypted at rest. Wiped: None."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _cipher(dialect).encrypt(json.dumps(value, ensure_ascii=False))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return json.loads(_cipher(dialect).decrypt(value)) if value else None


class ReadableJson(EncryptedJson):
    """The same, but None if no known key opens it."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        try:
            return super().process_result_value(value, dialect)
        except Undecryptable:
            return None
