"""One PostgreSQL database for one test after another, emptied in between: copying a template took 20 times as long."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy import make_url

from tests.support.postgres import connect, create_database, drop_database

#: What is deleted leaves something behind in tables and indexes: after so many tests a new database comes.
TESTS = 25
#: A transaction that a test has left open is thrown out with the whole database.
PATIENCE_MS = 1000
# Foreign keys need no order here: nothing stays. What the migrations themselves wrote does.
_EMPTY = """
CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text; used boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM public.%I', name);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
END $$
"""
#: Of the tables themselves: a test may have changed them, or have counted their rows for the planner.
_SHAPE = """
SELECT (SELECT version_num FROM alembic_version),
    (SELECT array_agg((oid, relname)::text ORDER BY oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT array_agg((attrelid, attnum, attname, atttypid, attnotnull)::text ORDER BY attrelid, attnum)
        FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
        WHERE attnum > 0 AND relnamespace = 'public'::regnamespace),
    (SELECT count(*) FROM pg_statistic WHERE starelid > 16383)
"""


class OneDatabase:
    """server: URL of the server; template: the database to copy; renewed: called before the connections break off."""

    def __init__(self, server: str, template: str, renewed: Callable[[], None]) -> None:
        self._server, self._template, self._renewed = server, template, renewed
        self._create()

    def _create(self) -> None:
        self.url = create_database(self._server, self._template, "test_tables")
        self._connection = connect(make_url(self.url))
        self._connection.execute("SET session_replication_role = replica")  # triggers of foreign keys rest
        self._connection.execute(f"SET lock_timeout = {PATIENCE_MS}")
        self._connection.execute(_EMPTY)
        self._shape = self._connection.execute(_SHAPE).fetchone()
        self._tests = 0

    def empty(self) -> None:
        """Make it as it was: emptied, or anew."""
        self._tests += 1
        if self._tests >= TESTS or not self._is_emptied():
            self.drop()
            self._create()

    def _is_emptied(self) -> bool:
        try:
            self._connection.execute("SELECT pg_temp.empty()")
            return self._connection.execute(_SHAPE).fetchone() == self._shape
        except psycopg.Error:
            return False

    def drop(self) -> None:
        """Remove it, whoever is connected."""
        self._renewed()
        self._connection.close()
        drop_database(self.url)
