"""The schema of the database: `flask --app app db`"""

import click
from flask.cli import AppGroup

from messaging.store import schema
from web.context import runtime

group = AppGroup("db", help="The database.")


@group.command()
def upgrade() -> None:
    """Bring the database to the newest schema."""
    before, after = schema.upgrade(runtime().db.engine)
    runtime().prepare()
    click.echo(f"{before or 'empty'} -> {after}")
