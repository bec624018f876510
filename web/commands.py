"""The command line for operators: `flask --app app …`. Listings are tables, with --json for programs."""

import json
from collections.abc import Callable
from typing import Any

import click
from flask import Flask
from sqlalchemy import func, or_, select

from gupshup.errors import GupshupError
from messaging.insight import timeline
from messaging.lines import circuit_breaker, lines
from messaging.portals import portals
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.stages.registration import Due, Registry
from messaging.store import key_rotation, schema
from messaging.store.models import Line, Message, Portal, Run, shard_of


def attach(app: Flask) -> None:
    """Put the commands on the app."""
    runtime: Runtime = app.extensions["waba24"]
    for group in (
        _db(runtime),
        _portals(runtime),
        _lines(runtime),
        _robots(runtime),
        _messages(runtime),
        _keys(runtime),
    ):
        app.cli.add_command(group)


def _json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="JSON instead of a table")(command)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, default=str, indent=2))
        return
    if not rows:
        click.echo("(none)")
        return
    names = list(rows[0])
    table = [names, *[[str(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _fail(error: Exception) -> click.ClickException:
    return click.ClickException(str(error))


def _db(runtime: Runtime) -> click.Group:
    group = click.Group("db", help="The database.")

    @group.command()
    def upgrade() -> None:
        """Bring the database to the newest schema."""
        before, after = schema.upgrade(runtime.db.engine)
        runtime.prepare()
        click.echo(f"{before or 'empty'} -> {after}")

    return group


def _portals(runtime: Runtime) -> click.Command:
    @click.command("portals")
    @_json_option
    def show(as_json: bool) -> None:
        """Installed portals."""
        with runtime.db.read() as session:
            rows = [
                {
                    "id": portal.id,
                    "member_id": portal.member_id,
                    "address": portal.client_endpoint,
                    "status": portal.status,
                    "lines": sum(line.status == "connected" for line in portal.lines),
                    "robots": _registered(portal),
                }
                for portal in session.scalars(select(Portal).order_by(Portal.id))
            ]
        _show(rows, as_json)

    return show


def _registered(portal: Portal) -> str:
    report = portal.registration or {}
    if report.get("failed") or report.get("error"):
        return "failed"
    return "registered" if portal.registered_at else "pending"


def _lines(runtime: Runtime) -> click.Group:
    group = click.Group("lines", help="WhatsApp numbers.")

    @group.command("list")
    @click.option("--portal", help="member_id of one portal")
    @_json_option
    def show(portal: str | None, as_json: bool) -> None:
        """Lines with their webhook addresses."""
        with runtime.db.read() as session:
            query = select(Line).join(Portal).order_by(Line.id)
            if portal:
                query = query.where(Portal.member_id == portal)
            rows = [_line_row(runtime, line) for line in session.scalars(query)]
        _show(rows, as_json)

    @group.command()
    @click.option("--portal", required=True, help="member_id")
    @click.option("--api-key", required=True)
    @click.option("--app-name", required=True)
    @click.option("--phone", required=True, help="with the country code")
    @click.option("--app-id", default="", help="UUID; needed for template lists")
    @click.option("--name", default="", help="what people call it")
    def add(portal: str, api_key: str, app_name: str, phone: str, app_id: str, name: str) -> None:
        """Connect a line; prints one JSON object. Asks nobody: `lines check` does."""
        try:
            line = lines.add(runtime, portal, lines.NewLine(api_key, app_name, phone, app_id, name))
        except (LookupError, ValueError) as error:
            raise _fail(error) from None
        runtime.bells.ring([shard_of(line.portal_id)])
        url = lines.webhook_url(runtime, line)
        shown = {"id": line.id, "phone": line.phone, "app_name": line.app_name, "webhook_url": url}
        click.echo(json.dumps(shown, ensure_ascii=False))

    @group.command()
    @click.argument("line_id", type=int)
    def remove(line_id: int) -> None:
        """Disconnect a line; its waiting runs are answered."""
        try:
            ended = lines.remove(runtime, line_id)
        except LookupError as error:
            raise _fail(error) from None
        _ring(runtime, line_id)
        click.echo(f"line {line_id} removed, {ended} waiting runs ended")

    @group.command("default")
    @click.argument("line_id", type=int)
    def make_default(line_id: int) -> None:
        """Make a line its portal's default."""
        try:
            lines.make_default(runtime, line_id)
        except LookupError as error:
            raise _fail(error) from None
        click.echo(f"line {line_id} is the default")

    @group.command("set")
    @click.argument("line_id", type=int)
    @click.option("--pace", type=click.FloatRange(*lines.PACES), required=True, help="messages a second")
    def set_pace(line_id: int, pace: float) -> None:
        """Set a line's pace."""
        try:
            lines.set_pace(runtime, line_id, pace)
        except LookupError as error:
            raise _fail(error) from None
        click.echo(f"line {line_id}: {pace:g} messages a second")

    @group.command()
    @click.argument("line_id", type=int)
    def resume(line_id: int) -> None:
        """Let a stopped line go on now, without waiting for its next probe."""
        try:
            was_stopped = lines.resume(runtime, line_id)
        except LookupError as error:
            raise _fail(error) from None
        _ring(runtime, line_id)
        click.echo(f"line {line_id} goes on" if was_stopped else f"line {line_id} was not stopped")

    @group.command()
    @click.argument("line_id", type=int)
    def pause(line_id: int) -> None:
        """Send nothing by a line for a while; what is queued waits."""
        try:
            done = lines.pause(runtime, line_id)
        except LookupError as error:
            raise _fail(error) from None
        click.echo(f"line {line_id} is paused" if done else f"line {line_id} was paused already")

    @group.command()
    @click.argument("line_id", type=int)
    def unpause(line_id: int) -> None:
        """End a pause: what waits leaves, at the line's pace."""
        try:
            done = lines.unpause(runtime, line_id)
        except LookupError as error:
            raise _fail(error) from None
        _ring(runtime, line_id)
        click.echo(f"line {line_id} goes on" if done else f"line {line_id} was not paused")

    @group.command()
    @click.argument("line_id", type=int)
    def check(line_id: int) -> None:
        """Ask Gupshup whether key, name and app id fit; a line that was stopped for its key goes on."""
        with runtime.db.read() as session:
            line = _connected(session.get(Line, line_id), line_id)
        try:
            runtime.gupshup.check(lines.account(line))
        except GupshupError as error:
            raise click.ClickException(f"Gupshup refuses: {error.code} {error.reason}") from None
        click.echo(f"line {line_id}: Gupshup accepts the key")
        if lines.resume(runtime, line_id, "checked by hand", only_asked=True):
            _ring(runtime, line_id)
            click.echo(f"line {line_id} goes on")
        elif line.stopped_at is not None:
            click.echo(
                f"line {line_id} stays stopped ({line.stop_code}): if that is repaired, `lines resume {line_id}`"
            )

    return group


def _ring(runtime: Runtime, line_id: int) -> None:
    with runtime.db.read() as session:
        runtime.bells.ring([shard_of(session.get_one(Line, line_id).portal_id)])


def _connected(line: Line | None, line_id: int) -> Line:
    if line is None or line.status != "connected":
        raise click.ClickException(f"there is no connected line {line_id}; `lines list` shows them")
    return line


def _line_row(runtime: Runtime, line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "portal": line.portal.member_id,
        "name": line.name,
        "phone": line.phone,
        "app_name": line.app_name,
        "status": line.status,
        "default": "yes" if line.portal.default_line_id == line.id else "",
        "pace": line.pace,
        "paused": outcomes.iso(line.paused_at),
        **circuit_breaker.shown(line),
        "webhook_url": lines.webhook_url(runtime, line),
    }


def _robots(runtime: Runtime) -> click.Group:
    group = click.Group("robots", help="Robots and activities in Bitrix24.")

    @group.command()
    @click.option("--portal", required=True, help="member_id")
    def sync(portal: str) -> None:
        """Register everything again, now; exit code 1 if something was refused."""
        registry = Registry(runtime, "command line")
        try:
            with runtime.db.write() as session:
                found = lines.portal_by_member(session, portal)
                portals.register_again(session, found, runtime)
                due: Due = registry.due(found)
        except LookupError as error:
            raise _fail(error) from None
        result = registry.work(due)
        with runtime.db.write() as session:
            registry.record(session, [(due, result)])
            report = session.get_one(Portal, due.portal_id).registration or {}
        click.echo(json.dumps(report, ensure_ascii=False))
        if report.get("failed") or report.get("error"):
            raise SystemExit(1)

    return group


def _messages(runtime: Runtime) -> click.Group:
    group = click.Group("messages", help="Messages and their stories.")

    @group.command()
    @click.argument("message_id")
    @_json_option
    def show(message_id: str, as_json: bool) -> None:
        """One message from robot call to answer; by Gupshup's id or ours."""
        with runtime.db.read() as session:
            own = [Message.id == int(message_id)] if message_id.isdecimal() and len(message_id) < 19 else []
            message = session.scalar(select(Message).where(or_(Message.gupshup_id == message_id, *own)))
            if message is None:
                raise click.ClickException(f"there is no message {message_id}")
            told = timeline.facts(message)
            whole = timeline.tell(session, runtime, message.run_id) if message.run_id is not None else None
        steps = timeline.lines_of(whole.steps) if whole else []
        if as_json:
            click.echo(json.dumps({**told, "steps": steps}, ensure_ascii=False, default=str, indent=2))
            return
        for name, value in told.items():
            click.echo(f"{name:14} {value}")
        click.echo("\n".join(["", *steps]))

    @group.command("count")
    @_json_option
    def count(as_json: bool) -> None:
        """How many runs and messages there are in each state."""
        with runtime.db.read() as session:
            runs = session.execute(select(Run.outcome, func.count()).group_by(Run.outcome)).all()
            messages = session.execute(select(Message.status, func.count()).group_by(Message.status)).all()
        rows = [{"what": "run", "state": state or "open", "count": number} for state, number in runs]
        rows += [{"what": "message", "state": state, "count": number} for state, number in messages]
        _show(rows, as_json)

    return group


def _keys(runtime: Runtime) -> click.Group:
    group = click.Group("keys", help="Keys of what is encrypted at rest.")

    @group.command()
    def rotate() -> None:
        """Write everything encrypted under the newest SECRET_KEY; afterwards the old ones may go."""
        click.echo(f"{key_rotation.rotate(runtime.db, runtime.vault)} values rewritten")

    return group
