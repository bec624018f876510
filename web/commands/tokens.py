"""Tokens of the REST API: `flask --app app tokens`"""

import json

import click
from flask.cli import AppGroup
from sqlalchemy import select

from messaging.api import tokens
from messaging.api.scopes import SCOPES
from messaging.lines import lines
from messaging.store.models import Portal
from web.commands.printing import json_option, print_rows, refusals
from web.context import runtime

group = AppGroup("tokens", help="Tokens of the REST API.")


@group.command()
@click.option("--portal", "member_id", required=True, help="member_id")
@click.option("--name", required=True, help="for people, up to 100 characters")
@click.option("--scope", "scopes", multiple=True, help=f"may be repeated; none: all. {', '.join(SCOPES)}")
def add(member_id: str, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token. It is printed once, and nobody can read it again."""
    with refusals(), runtime().db.read() as session:
        portal = lines.portal_by_member(session, member_id)
    try:
        made = tokens.add(runtime(), portal.id, name, scopes)
    except tokens.TooMany:
        raise click.ClickException(f"the portal has {tokens.AT_MOST} tokens; revoke one first") from None
    except ValueError as error:
        what = "the name is empty or too long" if str(error) == "name" else f"there is no scope {error}"
        raise click.ClickException(what) from None
    click.echo(json.dumps({"id": made.id, "token": made.token, "scopes": made.scopes}))


@group.command("list")
@click.option("--portal", "member_id", help="member_id; none: all portals")
@json_option
def list_tokens(member_id: str | None, as_json: bool) -> None:
    """The tokens with their scopes, and when they were used last."""
    with refusals(), runtime().db.read() as session:
        portal_id = lines.portal_by_member(session, member_id).id if member_id else None
        members = {row.id: row.member_id for row in session.execute(select(Portal.id, Portal.member_id))}
        rows = [
            {
                "id": token.id,
                "portal": members[token.portal_id],
                "name": token.name,
                "token": f"…{token.tail}",
                "scopes": token.scopes if as_json else " ".join(token.scopes),
                "created_at": token.created_at,
                "last_used_at": token.last_used_at,
                "revoked_at": token.revoked_at,
            }
            for token in tokens.listed(session, portal_id)
        ]
    print_rows(rows, as_json)


@group.command()
@click.argument("token_id", type=int)
def revoke(token_id: int) -> None:
    """Let a token open nothing any more, at once and for good."""
    with refusals():
        is_new = tokens.revoke(runtime(), token_id)
    click.echo("revoked" if is_new else "was revoked before")
