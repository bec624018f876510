"""One message step by step, and counts by state: `flask --app app messages`"""

import json

import click
from flask.cli import AppGroup
from sqlalchemy import func, or_, select

from messaging.insight import lone_timeline, timeline
from messaging.store.models import Message, Run
from web.commands.printing import json_option, print_rows
from web.context import runtime

group = AppGroup("messages", help="Messages and their stories.")


@group.command()
@click.argument("message_id")
@json_option
def show(message_id: str, as_json: bool) -> None:
    """One message from robot call to answer; by Gupshup's id or ours."""
    with runtime().db.read() as session:
        own = [Message.id == int(message_id)] if message_id.isdecimal() and len(message_id) < 19 else []
        message = session.scalar(select(Message).where(or_(Message.gupshup_id == message_id, *own)))
        if message is None:
            raise click.ClickException(f"there is no message {message_id}")
        facts = timeline.facts(message)
        if message.run_id is not None:
            found = timeline.build(session, runtime(), message.run_id)
        else:
            found = lone_timeline.build(session, runtime(), message.id)
    steps = timeline.printed(found.steps) if found else []
    if as_json:
        click.echo(json.dumps({**facts, "steps": steps}, ensure_ascii=False, default=str, indent=2))
        return
    for name, value in facts.items():
        click.echo(f"{name:14} {value}")
    click.echo("\n".join(["", *steps]))


@group.command("count")
@json_option
def count(as_json: bool) -> None:
    """How many runs and messages there are in each state."""
    with runtime().db.read() as session:
        runs = session.execute(select(Run.outcome, func.count()).group_by(Run.outcome)).all()
        messages = session.execute(select(Message.status, func.count()).group_by(Message.status)).all()
    rows = [{"what": "run", "state": state or "open", "count": number} for state, number in runs]
    rows += [{"what": "message", "state": state, "count": number} for state, number in messages]
    print_rows(rows, as_json)
