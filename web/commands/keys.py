"""The keys of what is encrypted: `flask --app app keys`"""

import click
from flask.cli import AppGroup

from messaging.store import key_rotation
from web.context import runtime

group = AppGroup("keys", help="Keys of what is encrypted at rest.")


@group.command()
def rotate() -> None:
    """Write everything encrypted under the newest SECRET_KEY; afterwards the old ones may go."""
    click.echo(f"{key_rotation.rotate(runtime().db, runtime().cipher)} values rewritten")
