"""Lists of values as PostgreSQL gets them: one array literal, whatever they contain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, String, Text, bindparam, select
from sqlalchemy.types import TypeEngine

from messaging.store.models import Run
from messaging.store.types import Array, UTCDateTime
from tests.support.world import World

pytestmark = pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)
ODD = ["", "NULL", "null", None, 'a"b', "c\\d", '\\"', "{x,y}", " \n\té,", "'"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Text(), ODD),
        (String(3), ["longer than three"]),
        (BigInteger(), [1, -5, 2**40, None]),
        (BigInteger(), []),
        (Boolean(), [True, None, False]),
        (UTCDateTime(), [datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), None]),
        (Run.accept.type, [["да", '"'], None]),
    ],
    ids=str,
)
def test_what_goes_in_comes_out(world: World, kind: TypeEngine[Any], values: list[Any]) -> None:
    with world.runtime.db.read() as session:
        found = session.scalar(select(bindparam("values", type_=Array(kind))), {"values": values})
    assert found == values
