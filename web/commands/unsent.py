"""What has not been sent, for a decision after an older dump was restored: `flask --app app unsent`"""

from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from messaging.campaigns import changes
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
            "run": _name(one),
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
@click.argument("names", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="everything that `unsent list` shows")
@before_option
def end(names: tuple[str, ...], is_all: bool, before: datetime | None) -> None:
    """Send these no more: their workflows go on with the status `unknown`. Do it while no worker runs.

    Campaigns are paused in any case: their administrators decide on the page whether they go on. What is due in portals
    (triggers, cards, lines in chats) is marked in any case, too: it is looked for there before it is done.

    NAMES: as `unsent list` shows them in the column `run`; m5 is a message that no run asks for.
    """
    if bool(names) == is_all:
        raise click.UsageError("name runs of `unsent list`, or --all")
    listed = _found(before)
    wanted = [one for one in listed if is_all or _name(one) in names]
    ended = unsent.give_up(runtime(), [one.run_id for one in wanted if one.run_id is not None])
    lone = [one.message_id for one in wanted if one.run_id is None and one.message_id is not None]
    given_up = unsent.give_up_lone(runtime(), lone) if lone else 0
    messages = f" and {given_up} messages" if given_up else ""
    paused = changes.pause_all_campaigns(runtime(), _until(before))
    doubtful = unsent.doubt_writes(runtime(), _until(before))
    click.echo(f"{ended} runs{messages} ended as unknown, {len(_found(before))} would still be sent")
    if paused:
        click.echo(f"{paused} campaigns paused, until somebody resumes them on the page Campaigns")
    if doubtful:
        click.echo(f"{doubtful} writes to portals are looked for there before they are done")


def _name(one: unsent.Unsent) -> str:
    return f"m{one.message_id}" if one.run_id is None else str(one.run_id)


def _until(before: datetime | None) -> datetime:
    return before.replace(tzinfo=UTC) if before else runtime().clock()


def _found(before: datetime | None) -> list[unsent.Unsent]:
    with runtime().db.read() as session:
        return unsent.find(session, _until(before))
