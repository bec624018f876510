"""Files of robots and clients: `flask --app app files`"""

import click
from flask.cli import AppGroup

from messaging.files import moving
from messaging.system.file_store import StoreAway
from web.context import runtime

group = AppGroup("files", help="Files of robots and clients.")


@group.command()
@click.option("--keep", is_flag=True, help="leave them in the folder too, while the app still serves them from there")
def move(keep: bool) -> None:
    """Move the files in DATA_DIR/files to the bucket of FILES_URL; may be repeated."""
    if not runtime().config.files_url:
        raise click.ClickException("FILES_URL names no bucket")
    if problem := runtime().files.prepare():
        raise click.ClickException(problem)
    try:
        moved = moving.move(runtime(), keep)
    except StoreAway as error:
        raise click.ClickException(f"{error}; run the command again later, it goes on where it stopped") from None
    click.echo(f"files that the bucket did not have: {moved}")
