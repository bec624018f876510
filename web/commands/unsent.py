"""What has not been sent, for a decision after an older dump was restored: `flask --app app unsent`"""

from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from messaging.runs import unsent
from web.commands.printing import json_option, print_rows
from web.context import runtime

group = AppGroup("unsent", help="What has not been sent yet: after a restore, decide before a worker starts.")
before_option = click.option("--before", type=click.DateTime(), help="only calls stored until then (UTC)")


@group.command("list")
@before_option
@json_option
def show(before: datetime | None, as_json: bool) -> None:
    """Calls of robots and activities that a worker would still send."""
    rows = [
        {
            "run": one.run_id,
            "portal": one.portal_id,
            "line": one.line_id or "",
            "action": one.action,
            "item": one.item,
            "stored_at": one.stored_at.isoformat(timespec="seconds"),
            "state": "ready" if one.is_planned else "stored",
        }
        for one in _found(before)
    ]
    print_rows(rows, as_json)


@group.command()
@click.argument("run_ids", type=int, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="everything that `unsent list` shows")
@before_option
def end(run_ids: tuple[int, ...], is_all: bool, before: datetime | None) -> None:
    """Send these no more: their workflows go on with the status `unknown`. Do it while no worker runs."""
    if bool(run_ids) == is_all:
        raise click.UsageError("name runs of `unsent list`, or --all")
    listed = [one.run_id for one in _found(before)]
    wanted = listed if is_all else sorted(set(listed) & set(run_ids))
    ended = unsent.give_up(runtime(), wanted)
    click.echo(f"{ended} runs ended as unknown, {len(listed) - ended} would still be sent")


def _found(before: datetime | None) -> list[unsent.Unsent]:
    until = before.replace(tzinfo=UTC) if before else runtime().clock()
    with runtime().db.read() as session:
        return unsent.find(session, until)
