"""Sessions of the database: what only reads leaves nothing behind, on either database."""

import pytest
from sqlalchemy import bindparam, select, text

from messaging.store.crypto import Cipher
from messaging.store.database import ask, open_engine
from messaging.store.models import Line
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
def test_an_old_pgbouncer_can_have_it_that_nothing_is_prepared(database_url: str, option: str, prepared: int) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("of PostgreSQL")
    joined = "&" if "?" in database_url else "?"
    engine = open_engine(f"{database_url}{joined}{option}" if option else database_url, Cipher((KEY,)))
    statement = text("SELECT count(*) FROM pg_prepared_statements")
    with engine.connect() as connection:
        found = [connection.execute(statement).scalar_one() for _ in range(10)]
    engine.dispose()
    assert bool(found[-1]) == bool(prepared)
