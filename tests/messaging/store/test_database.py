"""Sessions of the database: what only reads leaves nothing behind, on either database."""

from contextlib import nullcontext

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import OperationalError

from messaging.store.crypto import Cipher
from messaging.store.database import ask, open_engine
from messaging.store.models import Line
from messaging.store.patience import answers_within
from tests.support.world import KEY, World

_NAME = select(Line.name).where(Line.id == bindparam("line"))


def test_what_is_changed_in_a_session_that_only_reads_is_thrown_away(shop: World) -> None:
    """Whatever is asked afterwards: on PostgreSQL each of its statements would be committed at once."""
    line = shop.line.id
    with shop.runtime.db.read() as session:
        changed = session.get_one(Line, line)
        was, changed.name = changed.name, "never written"
        assert ask(session, _NAME, {"line": line}).scalar_one() == was
        assert session.scalar(_NAME, {"line": line}) == was
        assert changed.name == "never written", "it stays usable as it is"
    with shop.runtime.db.read() as session:
        assert session.scalar(_NAME, {"line": line}) == was


def test_what_is_changed_in_a_session_that_writes_is_written_before_the_next_question(shop: World) -> None:
    line = shop.line.id
    with shop.runtime.db.write() as session:
        session.get_one(Line, line).name = "written"
        assert ask(session, _NAME, {"line": line}).scalar_one() == "written"
    with shop.runtime.db.read() as session:
        assert session.scalar(_NAME, {"line": line}) == "written"


@pytest.mark.parametrize(("option", "prepared"), [("", 1), ("prepare_threshold=none", 0), ("prepare_threshold=0", 1)])
def test_an_old_pgbouncer_can_have_it_that_nothing_is_prepared(
    postgres_database_url: str, option: str, prepared: int
) -> None:
    joined = "&" if "?" in postgres_database_url else "?"
    engine = open_engine(
        f"{postgres_database_url}{joined}{option}" if option else postgres_database_url, Cipher((KEY,))
    )
    statement = text("SELECT count(*) FROM pg_prepared_statements")
    with engine.connect() as connection:
        found = [connection.execute(statement).scalar_one() for _ in range(10)]
    engine.dispose()
    assert bool(found[-1]) == bool(prepared)


#: Most seconds for an answer: of the engine, of the block; whether a statement of 0.3 s is answered.
PATIENCE: list[tuple[float | None, float | None, bool]] = [
    (None, None, True),
    (0.05, None, False),
    (None, 0.05, False),
    (0.05, 5.0, True),
    (5.0, 0.05, False),
]


@pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)
def test_an_answer_is_waited_for_as_long_as_engine_and_block_say(tables_url: str) -> None:
    for answer_s, within_s, is_answered in PATIENCE:
        engine = open_engine(tables_url, Cipher((KEY,)), answer_s=answer_s)
        block = answers_within(within_s) if within_s else nullcontext()
        told = nullcontext() if is_answered else pytest.raises(OperationalError, match="has not answered")
        with told, block, engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(0.3)"))
        with answers_within(30), engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1, "over another connection"
        engine.dispose()
