"""The installed portals: `flask --app app portals`"""

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from messaging.store.models import Portal
from web.commands.printing import json_option, print_rows
from web.context import runtime


@click.command("portals")
@json_option
@with_appcontext
def show(as_json: bool) -> None:
    """Installed portals."""
    with runtime().db.read() as session:
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
    print_rows(rows, as_json)


def _registered(portal: Portal) -> str:
    report = portal.registration or {}
    if report.get("failed") or report.get("error"):
        return "failed"
    return "registered" if portal.registered_at else "pending"
