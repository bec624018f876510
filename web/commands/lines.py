"""WhatsApp numbers: list, connect, pause, check, remove: `flask --app app lines`"""

import json
import sys
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select

from bx24.errors import Bx24Error
from gupshup.errors import GupshupError
from messaging.lines import circuit_breaker, lines
from messaging.policy import tier
from messaging.portals import open_lines
from messaging.runs import outcomes
from messaging.store.models import Line, Portal, shard_of
from web.commands.printing import json_option, print_rows, refusals
from web.context import runtime

group = AppGroup("lines", help="WhatsApp numbers.")


@group.command("list")
@click.option("--portal", help="member_id of one portal")
@json_option
def show(portal: str | None, as_json: bool) -> None:
    """Lines with their webhook addresses."""
    with runtime().db.read() as session:
        query = select(Line).join(Portal).order_by(Line.id)
        if portal:
            query = query.where(Portal.member_id == portal)
        rows = [_row(line) for line in session.scalars(query)]
    print_rows(rows, as_json)


def _key(_context: click.Context, _option: click.Parameter, typed: str) -> str:
    """The key. Instead of `-` it is asked for, or read from standard input: other users see a command line in `ps`."""
    if typed != "-":
        return typed
    if sys.stdin.isatty():
        return str(click.prompt("App API Key", hide_input=True, err=True))
    return sys.stdin.readline().strip()


@group.command()
@click.option("--portal", required=True, help="member_id")
@click.option("--api-key", required=True, callback=_key, help="App API Key; - reads it from standard input")
@click.option("--app-name", required=True)
@click.option("--phone", required=True, help="with the country code")
@click.option("--app-id", default="", help="UUID; needed for template lists")
@click.option("--name", default="", help="what people call it")
def add(portal: str, api_key: str, app_name: str, phone: str, app_id: str, name: str) -> None:
    """Connect a line; prints one JSON object. Asks nobody: `lines check` does."""
    with refusals((LookupError, ValueError)):
        line = lines.add(runtime(), portal, lines.NewLine(api_key, app_name, phone, app_id, name))
    runtime().wakeups.notify([shard_of(line.portal_id)])
    url = lines.webhook_url(runtime(), line)
    shown = {"id": line.id, "phone": line.phone, "app_name": line.app_name, "webhook_url": url}
    click.echo(json.dumps(shown, ensure_ascii=False))


@group.command()
@click.argument("line_id", type=int)
def remove(line_id: int) -> None:
    """Disconnect a line; its waiting runs are answered."""
    with refusals():
        ended = lines.remove(runtime(), line_id)
    _wake(line_id)
    click.echo(f"line {line_id} removed, {ended} waiting runs ended")


@group.command("default")
@click.argument("line_id", type=int)
def make_default(line_id: int) -> None:
    """Make a line its portal's default."""
    with refusals():
        lines.make_default(runtime(), line_id)
    click.echo(f"line {line_id} is the default")


@group.command("set")
@click.argument("line_id", type=int)
@click.option("--pace", type=click.FloatRange(*lines.PACES), help="messages a second")
@click.option("--tier", "limit", type=click.IntRange(0), help="clients to write to first in 24 hours; 0: any number")
def change(line_id: int, pace: float | None, limit: int | None) -> None:
    """Set a line's pace, or WhatsApp's limit of new conversations."""
    if pace is None and limit is None:
        raise click.UsageError("say what to set: --pace N or --tier N")
    with refusals():
        if pace is not None:
            lines.set_pace(runtime(), line_id, pace)
            click.echo(f"line {line_id}: {pace:g} messages a second")
        if limit is not None:
            tier.set_by_admin(runtime(), line_id, limit)
            click.echo(f"line {line_id}: {limit or 'any number of'} new clients in 24 hours")


@group.command()
@click.argument("line_id", type=int)
def resume(line_id: int) -> None:
    """Let a stopped line go on now, without waiting for its next probe."""
    with refusals():
        was_stopped = lines.resume(runtime(), line_id)
    _wake(line_id)
    click.echo(f"line {line_id} goes on" if was_stopped else f"line {line_id} was not stopped")


@group.command()
@click.argument("line_id", type=int)
def pause(line_id: int) -> None:
    """Send nothing by a line for a while; what is queued waits."""
    with refusals():
        done = lines.pause(runtime(), line_id)
    click.echo(f"line {line_id} is paused" if done else f"line {line_id} was paused already")


@group.command()
@click.argument("line_id", type=int)
def unpause(line_id: int) -> None:
    """End a pause: what waits leaves, at the line's pace."""
    with refusals():
        done = lines.unpause(runtime(), line_id)
    _wake(line_id)
    click.echo(f"line {line_id} goes on" if done else f"line {line_id} was not paused")


@group.command()
@click.argument("line_id", type=int)
@click.option("--open-line", required=True, help="number of an open line of the portal, new, or off")
def channel(line_id: int, open_line: str) -> None:
    """Bring a line's clients into the chats of an open line (Open Channels), or stop that."""
    if open_line not in ("new", "off") and not open_line.isdecimal():
        raise click.BadParameter("a number, new, or off", param_hint="--open-line")
    with refusals((LookupError, open_lines.Taken, Bx24Error)):
        if open_line == "off":
            was_on = open_lines.switch_off(runtime(), line_id)
            click.echo(f"line {line_id} is switched off" if was_on else f"line {line_id} was not switched on")
            return
        on = open_lines.switch_on(runtime(), line_id, None if open_line == "new" else int(open_line))
    click.echo(f"line {line_id} is switched on at the open line {on.open_line_id} ({on.name})")
    for warning in on.warnings or ():
        click.echo(f"  {WARNINGS[warning]}")


#: What an open line's settings do to clients of WhatsApp.
WARNINGS = {
    "greeting": "its greeting is not sent to WhatsApp: write it in a robot instead",
    "closing": "its closing text is not sent to WhatsApp",
    "rating": "its request for a rating is not sent to WhatsApp: switch it off, for nobody can answer it",
    "absence": "its text for unanswered messages is not sent to WhatsApp",
}


@group.command()
@click.argument("line_id", type=int)
def check(line_id: int) -> None:
    """Ask Gupshup whether key, name and app id fit; a line that was stopped for its key goes on."""
    with runtime().db.read() as session:
        line = _connected(session.get(Line, line_id), line_id)
    try:
        runtime().gupshup.check(lines.account(line))
    except GupshupError as error:
        raise click.ClickException(f"Gupshup refuses: {error.code} {error.reason}") from None
    click.echo(f"line {line_id}: Gupshup accepts the key")
    if lines.resume(runtime(), line_id, "checked by hand", only_asked=True):
        _wake(line_id)
        click.echo(f"line {line_id} goes on")
    elif line.stopped_at is not None:
        click.echo(f"line {line_id} stays stopped ({line.stop_code}): if that is repaired, `lines resume {line_id}`")


def _wake(line_id: int) -> None:
    with runtime().db.read() as session:
        runtime().wakeups.notify([shard_of(session.get_one(Line, line_id).portal_id)])


def _connected(line: Line | None, line_id: int) -> Line:
    if line is None or line.status != "connected":
        raise click.ClickException(f"there is no connected line {line_id}; `lines list` shows them")
    return line


def _row(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "portal": line.portal.member_id,
        "name": line.name,
        "phone": line.phone,
        "app_name": line.app_name,
        "status": line.status,
        "default": "yes" if line.portal.default_line_id == line.id else "",
        "pace": line.pace,
        "tier": line.tier if line.tier is not None else "",
        "paused": outcomes.iso(line.paused_at),
        **circuit_breaker.shown(line),
        "webhook_url": lines.webhook_url(runtime(), line),
    }
