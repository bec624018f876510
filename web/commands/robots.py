"""Registration in Bitrix24, at once: `flask --app app robots`"""

import json

import click
from flask.cli import AppGroup

from messaging.lines import lines
from messaging.portals import portals
from messaging.stages.registration import Due, Registry
from messaging.store.models import Portal
from web.commands.printing import refusals
from web.context import runtime

group = AppGroup("robots", help="Robots and activities in Bitrix24.")


@group.command()
@click.option("--portal", required=True, help="member_id")
def sync(portal: str) -> None:
    """Register everything again, now; exit code 1 if something was refused."""
    registry = Registry(runtime(), "command line")
    with refusals(), runtime().db.write() as session:
        found = lines.portal_by_member(session, portal)
        portals.register_again(session, found, runtime())
        due: Due = registry.due(found)
    result = registry.work(due)
    with runtime().db.write() as session:
        registry.record(session, [(due, result)])
        report = session.get_one(Portal, due.portal_id).registration or {}
    click.echo(json.dumps(report, ensure_ascii=False))
    if report.get("failed") or report.get("error"):
        raise SystemExit(1)
