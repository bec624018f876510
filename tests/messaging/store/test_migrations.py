"""The database's schema: from nothing, it becomes what the models say, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, make_url, text

from activities import ACTIVITIES
from activities.errors import CATALOGUE
from messaging.runs.statuses import FINAL, RANK
from messaging.store import schema
from messaging.store.crypto import Cipher
from messaging.store.database import open_engine
from messaging.store.models import Base, Message
from tests.support.world import KEY, World


def test_up_from_nothing_is_what_the_models_say(database_url: str) -> None:
    engine = open_engine(database_url, Cipher((KEY,)))
    assert not schema.is_current(engine)
    before, after = schema.upgrade(engine)
    assert (before, bool(after)) == ("", True)
    assert schema.is_current(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
    assert differences == []
    found = inspect(engine)
    for table in Base.metadata.sorted_tables:
        indexes = {index["name"] for index in found.get_indexes(table.name)}
        assert {index.name for index in table.indexes} <= indexes, table.name
    assert schema.upgrade(engine) == (after, after), "a second time changes nothing"
    engine.dispose()


def test_an_ordinary_role_with_a_schema_of_its_own_has_all_the_rights_it_needs(postgres_database_url: str) -> None:
    """What docs/operators/deployment.md asks for, and no more."""
    owner = open_engine(postgres_database_url, Cipher((KEY,)))
    role = f"ordinary_{make_url(postgres_database_url).database}"
    try:
        with owner.begin() as connection:
            connection.execute(text(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"))
            connection.execute(text(f"CREATE SCHEMA {role} AUTHORIZATION {role}"))
        url = make_url(postgres_database_url).set(username=role).render_as_string(hide_password=False)
        engine = open_engine(url, Cipher((KEY,)))
        schema.upgrade(engine)
        assert schema.is_current(engine)
        with engine.begin() as connection:
            connection.execute(text("ANALYZE message"))
            assert connection.scalar(text("SELECT count(*) FROM message")) == 0
            assert connection.scalar(text("SELECT schemaname FROM pg_tables WHERE tablename = 'message'")) == role
        engine.dispose()
    finally:
        with owner.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role} CASCADE"))
            connection.execute(text(f"DROP ROLE {role}"))
        owner.dispose()


def test_two_processes_may_upgrade_at_once(database_url: str) -> None:
    engines = [open_engine(database_url, Cipher((KEY,))) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(schema.upgrade, engines))
    assert len({after for _, after in done}) == 1
    assert sum(before == "" for before, _ in done) == 1
    for engine in engines:
        engine.dispose()


def test_a_database_that_a_newer_release_has_upgraded_stays_as_it_is(tables_url: str) -> None:
    """While a release is rolled out, processes of the former one go on beside the new schema, and may be started again."""
    engine = open_engine(tables_url, Cipher((KEY,)))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert schema.is_current(engine)
    assert schema.upgrade(engine) == ("9999", "9999")
    engine.dispose()


def test_every_string_of_ours_fits_its_column(tables_url: str) -> None:
    """SQLite takes any length, PostgreSQL refuses a longer one: the words we write must fit both."""
    widths = {
        (table.name, column.name): getattr(column.type, "length", None)
        for table in Base.metadata.sorted_tables
        for column in table.columns
    }
    words: dict[tuple[str, str], list[str]] = {
        ("run", "side"): ["robots", "activities"],
        ("run", "action"): list(ACTIVITIES),
        ("run", "state"): ["stored", "waiting", "ended"],
        ("run", "outcome"): ["accepted", "sent", "delivered", "read", "replied", "failed", "unknown", "timeout", "ok"],
        ("run", "error_code"): list(CATALOGUE),
        ("message", "status"): [*RANK, *FINAL],
        ("portal", "status"): ["active", "inactive", "reauth"],
        ("line", "status"): ["connected", "removed"],
        ("inbound_event", "state"): ["stored", "done", "odd"],
    }
    too_long = {place: word for place, all_of in words.items() for word in all_of if len(word) > (widths[place] or 999)}
    assert too_long == {}


@pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)
def test_sqlite_waits_its_turn_and_keeps_its_word(tables_url: str) -> None:
    engine = open_engine(tables_url, Cipher((KEY,)))
    with engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 20_000}


def test_a_robots_message_gets_its_origin_and_place_from_its_run(shop: World) -> None:
    """Down to the schema before and up again: what the run knows comes back, what the texts knew does not."""
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone="+79161234567")
    (before,) = shop.stored_rows(Message)
    assert (before.origin, before.origin_id, before.position) == ("robot", before.run_id, before.run_id)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with shop.runtime.db.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    assert schema.upgrade(shop.runtime.db.engine) == ("0005", schema.newest())
    (after,) = shop.stored_rows(Message)
    kept = (
        "id",
        "run_id",
        "origin",
        "origin_id",
        "priority",
        "position",
        "action",
        "item",
        "status",
        "send_at",
        "payload",
    )
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert (before.template, before.country, after.template) == ("welcome", "RU", "")
