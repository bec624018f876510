"""The database's schema: Alembic, called from here, so that `db upgrade`, `serve`, the demo and the tests do the same.

Alembic is imported by whoever upgrades, and by nobody else: web and worker would keep 5 MB each for nothing.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number, as long as it is ours: two processes that upgrade one PostgreSQL at once take turns by it.
ADVISORY_LOCK = 24_240_001


def upgrade(engine: Engine) -> tuple[str, str]:
    """Bring the database to the newest schema; (revision before, revision after). Safe to run twice at once.

    A database that a newer release has upgraded stays as it is.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
        config.attributes["connection"] = connection
        before = _revision(connection)
        if _serves(before):
            return before, before
        command.upgrade(config, "head")
        return before, _revision(connection)


def is_current(engine: Engine) -> bool:
    """Whether the database has the schema that this code needs: its own, or that of a newer release.

    While a new release is rolled out, the former one goes on beside the new schema: a migration takes nothing away that the
    release before it uses (decision 0028).
    """
    with engine.execution_options(reads_only=True).connect() as connection:
        return _serves(_revision(connection))


def newest() -> str:
    """The last of our revisions: each is named by the number its file begins with."""
    return max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _serves(revision: str) -> bool:
    """Whether this code can work with a schema of this revision."""
    return revision.isdecimal() and int(revision) >= int(newest())


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
