"""What an expert would look at, and what to send with a bug report: `flask --app app doctor`"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import click
from flask.cli import AppGroup, with_appcontext
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bx24.i18n import Text
from messaging.doctor import echo, line, portal, report, server, trial
from messaging.doctor.finding import Finding, State
from messaging.doctor.open_points import answered
from messaging.doctor.texts import words
from messaging.insight import observations
from messaging.lines import selection
from messaging.runtime import Runtime
from messaging.store.models import Portal
from messaging.system.embedded_redis import QueueServerError
from web.commands.printing import print_rows
from web.context import runtime

#: Seconds between two looks for what Bitrix24 is to send.
LOOK_S = 1.0
_SIGNS = {State.OK: "+", State.WARNING: "!", State.FAILED: "x", State.UNCHECKED: "?"}
_SERVER, _PORTAL, _LINE = Text("Server", "Сервер"), Text("Portal {id}", "Портал {id}"), Text("Line {id}", "Линия {id}")
_BY_HAND = Text(
    "Now start the robot “WhatsApp: is the client's 24-hour window open?” on {item}; waiting for {seconds} s …",
    "Теперь запустите на {item} робота «WhatsApp: окно 24 часа с клиентом открыто?», ждём {seconds} с …",
)
_SUM = Text(
    "{failed} failed, {warning} warnings, {unchecked} not checked",
    "ошибок {failed}, предупреждений {warning}, не проверено {unchecked}",
)
portal_option = click.option("--portal", "member_id", help="member_id of one portal; without it all")
lang_option = click.option(
    "--lang",
    type=click.Choice(["en", "ru"]),
    default=lambda: "ru" if os.environ.get("LANG", "").startswith("ru") else "en",
)


@click.group("doctor", cls=AppGroup, invoke_without_command=True)
@portal_option
@click.option("--item", help="a CRM item for a trial run that sends nothing: DEAL_12")
@click.option(
    "--template", type=int, help="id of a workflow for such items that holds our activity; else start it by hand"
)
@click.option("--json", "as_json", is_flag=True, help="the report, as `doctor report` prints it")
@lang_option
@click.pass_context
@with_appcontext
def group(
    context: click.Context, member_id: str | None, item: str | None, template: int | None, as_json: bool, lang: str
) -> None:
    """Check everything and say what to do; exit code 1 if something failed."""
    if context.invoked_subcommand is not None:
        return
    _begin()
    printer = None if as_json else _Printer(lang)
    findings = []
    for finding in _findings(member_id, _item(item), template, lang if printer else ""):
        findings.append(finding)
        if printer:
            printer.show(finding)
    if as_json:
        _print_report(findings, member_id)
    else:
        _print_sum(findings, lang)
    if any(finding.state is State.FAILED for finding in findings):
        context.exit(1)


@group.command("report")
@portal_option
@click.pass_context
def print_report(context: click.Context, member_id: str | None) -> None:
    """A report for a bug report, as JSON: checks, open points, shapes; nothing of a person is in it."""
    _begin()
    findings = list(_findings(member_id, None, None, ""))
    _print_report(findings, member_id)
    if any(finding.state is State.FAILED for finding in findings):
        context.exit(1)


@group.command()
@portal_option
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table")
def shapes(member_id: str | None, as_json: bool) -> None:
    """Shapes of payloads that were not understood or were refused: keys, types and lengths, no values."""
    _begin()
    with runtime().db.read() as session:
        rows = [report.shape_row(row) for row in observations.shapes(session, _ids(member_id))]
    print_rows(rows, as_json)


@group.command()
@portal_option
@lang_option
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table")
def points(member_id: str | None, lang: str, as_json: bool) -> None:
    """What the vendors' documentation leaves open, and what the traffic has answered so far."""
    _begin()
    with runtime().db.read() as session:
        found = answered(observations.answers(session, _ids(member_id)))
    rows = [
        {
            "point": point.id,
            "question": point.question.to(lang),
            "answers": ", ".join(f"{one.answer} ({one.count})" for one in answers) or "—",
            "settled": point.how.to(lang),
        }
        for point, answers in found
    ]
    print_rows(rows, as_json)


def _begin() -> None:
    """Store what was seen up to now; what cannot be stored is told by the checks."""
    with suppress(RedisError, SQLAlchemyError, QueueServerError):
        observations.gather(runtime())


def _item(typed: str | None) -> str | None:
    try:
        return trial.item_of(typed) if typed else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--item") from None


def _findings(member_id: str | None, item: str | None, template: int | None, lang: str) -> Iterator[Finding]:
    """All findings, as they are made. lang: in which to ask for what must be done by hand; "": nothing is printed."""
    yield from server.check(runtime(), server.Outside())
    try:
        portals = _portals(member_id)
    except SQLAlchemyError:
        return  # the checks of the server say so
    for one in portals:
        yield from _of_portal(one, item, template, lang)


def _of_portal(one: Portal, item: str | None, template: int | None, lang: str) -> Iterator[Finding]:
    yield from portal.check(runtime(), one)
    yield echo.send(runtime(), one.id) or _awaited(echo.result, one.id)
    if item is not None:
        if lang and not template:
            click.echo(_BY_HAND.format(item=item, seconds=trial.BY_HAND_S).to(lang))
        yield trial.start(runtime(), one.id, item, template) or _awaited(trial.result, one.id)
    else:
        yield Finding("trial", State.UNCHECKED, "not_asked", portal_id=one.id)
    with runtime().db.read() as session:
        lines = selection.connected(session, one.id)
    for each in lines:
        yield from line.check(runtime(), each)


def _awaited(result: Callable[[Runtime, int], Finding | None], portal_id: int) -> Finding:
    """What became of it, waiting as long as it takes; each of them has a patience of its own."""
    while (found := result(runtime(), portal_id)) is None:
        runtime().sleep(LOOK_S)
    return found


def _portals(member_id: str | None) -> Sequence[Portal]:
    """Those that were not uninstalled; the one that was asked for whatever it is."""
    with runtime().db.read() as session:
        query = select(Portal).order_by(Portal.id)
        if not member_id:
            return session.scalars(query.where(Portal.status_reason != "uninstalled")).all()
        found = session.scalars(query.where(Portal.member_id == member_id)).all()
    if not found:
        raise click.ClickException(f"there is no portal {member_id}; `portals` lists them")
    return found


def _ids(member_id: str | None) -> list[int] | None:
    return [one.id for one in _portals(member_id)] if member_id else None


class _Printer:
    """Prints each finding as soon as it is made, under the heading of whose it is."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._of = ""

    def show(self, finding: Finding) -> None:
        of = _LINE.format(id=finding.line_id) if finding.line_id else _PORTAL.format(id=finding.portal_id)
        heading = (of if finding.portal_id else _SERVER).to(self.lang)
        if heading != self._of:
            click.echo(f"\n{heading}" if self._of else heading)
            self._of = heading
        said = words(finding)
        click.echo(f"  {_SIGNS[finding.state]} {said.title.to(self.lang)}: {said.seen.to(self.lang)}")
        if todo := said.todo.to(self.lang):
            click.echo(f"      → {todo}")


def _print_sum(findings: list[Finding], lang: str) -> None:
    counts = {str(state): sum(finding.state is state for finding in findings) for state in State}
    click.echo("\n" + _SUM.format(**counts).to(lang))


def _print_report(findings: list[Finding], member_id: str | None) -> None:
    made = report.build(runtime(), findings, _ids(member_id))
    click.echo(json.dumps(made, ensure_ascii=False, indent=2))
