"""Connections and sessions of the database: how long they wait, and that what only reads leaves nothing behind."""

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import bindparam, select

from messaging.store.crypto import Cipher
from messaging.store.database import ask, open_engine
from messaging.store.models import Line
from tests.support.world import World

URLS = [
    ("postgresql://h/d", "5", "20000"),
    ("postgres://h/d?sslmode=require", "5", "20000"),
    ("postgresql+psycopg://h/d?connect_timeout=2&tcp_user_timeout=0", "2", "0"),
]
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


@pytest.mark.parametrize(("url", "connect_s", "lost_ms"), URLS)
def test_a_server_that_vanishes_is_not_waited_for_long(url: str, connect_s: str, lost_ms: str) -> None:
    """libpq's own patience is two minutes for a connection and a quarter of an hour for an answer."""
    engine = open_engine(url, Cipher((Fernet.generate_key().decode(),)))
    _, given = engine.dialect.create_connect_args(engine.url)
    assert (given["connect_timeout"], given["tcp_user_timeout"]) == (connect_s, lost_ms)
    assert given.get("sslmode") == ("require" if "sslmode" in url else None)
