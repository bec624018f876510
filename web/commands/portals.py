"""The installed portals, and the country in which a portal's numbers are read: `flask --app app portals`"""

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from messaging.lines import lines
from messaging.portals import portals
from messaging.store.models import Portal
from web.commands.printing import json_option, print_rows, refusals
from web.context import runtime


@click.group("portals", cls=AppGroup, invoke_without_command=True)
@json_option
@click.pass_context
@with_appcontext
def group(context: click.Context, as_json: bool) -> None:
    """Installed portals."""
    if context.invoked_subcommand is not None:
        return
    with runtime().db.read() as session:
        rows = [
            {
                "id": portal.id,
                "member_id": portal.member_id,
                "address": portal.client_endpoint,
                "status": portal.status,
                "lines": sum(line.status == "connected" for line in portal.lines),
                "robots": _registered(portal),
                "country": portals.phone_region(portal),
            }
            for portal in session.scalars(select(Portal).order_by(Portal.id))
        ]
    print_rows(rows, as_json)


@group.command()
@click.option("--portal", "member_id", required=True, help="member_id")
@click.argument("country", required=False)
def country(member_id: str, country: str | None) -> None:
    """Show, or set, the country in which numbers without a country code are read: two letters, or `own` for the portal's."""
    with refusals(), runtime().db.read() as session:
        portal = lines.portal_by_member(session, member_id)
    if country is not None:
        region = "" if country.lower() == "own" else country.upper()
        try:
            portals.set_phone_region(runtime(), portal.id, region)
        except ValueError:
            raise click.ClickException(f"{country} is no country; two letters are, as in BR") from None
        portal.phone_region = region
    whose = "" if portal.phone_region else " (the portal's own)"
    click.echo(f"{portals.phone_region(portal)}{whose}")


def _registered(portal: Portal) -> str:
    report = portal.registration or {}
    if report.get("failed") or report.get("error"):
        return "failed"
    return "registered" if portal.registered_at else "pending"
