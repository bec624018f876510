"""The database's schema: Alembic, called from here, so that `db upgrade`, `serve`, the demo and the tests do the same."""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

#: Any number, as long as it is ours: two processes that upgrade one PostgreSQL at once take turns by it.
ADVISORY_LOCK = 24_240_001


def _config(connection: Connection | None = None) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> tuple[str, str]:
    """Bring the database to the newest schema; (revision before, revision after). Safe to run twice at once."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
        before = _revision(connection)
        command.upgrade(_config(connection), "head")
        return before, _revision(connection)


def is_current(engine: Engine) -> bool:
    """Whether the database has the schema this code expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        return _revision(connection) == head


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""
