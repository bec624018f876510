"""Sessions of the database: what only reads leaves nothing behind, on either database."""

from sqlalchemy import bindparam, select

from messaging.store.database import ask
from messaging.store.models import Line
from tests.support.world import World

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
