"""What administrators change: they connect a line, set its name, pace and key, pause, resume or remove it."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from gupshup.errors import GupshupError
from messaging.campaigns import changes as campaigns
from messaging.insight import line_checks
from messaging.lines import lines
from messaging.lines.lines import LIMITS, PACES, NewLine
from messaging.money import accounts
from messaging.policy import settings, tier
from messaging.portals import portals
from messaging.store.models import Line, Portal, shard_of
from web.context import runtime, typed
from web.frames import Viewer
from web.pages import money
from web.pages.lines.line import LABELS, line_page, line_view
from web.pages.lines.table import table
from web.pages.shell import blueprint, changes, show
from web.texts import number

_PROBLEMS = {
    "missing": _l("Enter it. The app's settings in the Gupshup console show it"),
    "too_long": _l("Too long: at most %(most)s characters"),
    "not_a_phone": _l("This is not a phone number. Write it with the country code, for example +7 912 345-67-89"),
    "not_a_key": _l("A key consists of Latin letters, digits and punctuation only. Copy it once more"),
    "key_refused": _l("Gupshup refused this key. Copy the App API Key of this app once more"),
    "name_unknown": _l("The account of this key has no app with this name. Capital letters matter"),
    "other_number": _l("This app has another number. Copy the number from the app's settings in the Gupshup console"),
    "taken": _l("Another line already has this name. Choose another one"),
    "not_a_number": _l("Enter a number, for example 10"),
    "not_a_sum": _l("Enter a sum above 0, for example 20, or leave it empty"),
    "not_days": _l("Enter a whole number of days from 1 to 60"),
    "out_of_range": _l("Enter a number from %(least)s to %(most)s"),
}
Change = Callable[[Viewer, Portal, Line], str]


class Refused(Exception):
    """A field of a line's form cannot stay as it was typed. code: a key of _PROBLEMS."""

    def __init__(self, field: str, value: str, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.value, self.code = field, value, code


def line_change(path: str, endpoint: str, *, affects_checks: bool = True) -> Callable[[Change], Change]:
    """Route an administrator's change of a line to POST /app/lines/<id><path>.

    The change returns the sentence to show above the line's page, or raises Refused: then the page shows the form again.
    It may raise GupshupError when Gupshup did not answer, before anything was changed.
    affects_checks: whether the results of the line's checks are out of date afterwards.
    """

    def route(change: Change) -> Change:
        @line_view(path, endpoint, "POST")
        @wraps(change)
        def changed(viewer: Viewer, portal: Portal, line: Line) -> Response:
            try:
                said = change(viewer, portal, line)
            except Refused as error:
                return _form_again(viewer, portal, line, error)
            except GupshupError:
                return line_page(viewer, portal, line.id, is_silent=True)
            if affects_checks:
                _renew(line)
            return line_page(viewer, portal, line.id, said=said)

        return change

    return route


def _form_again(viewer: Viewer, portal: Portal, line: Line, error: Refused) -> Response:
    """The line's page with what was typed, keys excepted, and what is wrong with it."""
    values = {} if error.field == "api_key" else {error.field: error.value}
    return line_page(viewer, portal, line.id, typed=values, errors={error.field: _problem(error.field, error.code)})


def _problem(field: str, code: str) -> str:
    bounds = {"least": "", "most": LIMITS.get(field, "")}
    if code == "out_of_range":
        bounds = {"least": number(PACES[0]), "most": number(PACES[1])}
    return str(_PROBLEMS[code]) % bounds


def _renew(line: Line) -> None:
    """Forget the results of the line's checks, and wake the worker for its shard."""
    line_checks.forget(runtime(), line.id)
    runtime().pending_wakeups.add([shard_of(line.portal_id)])


# --- a new line -------------------------------------------------------------------------------------------------------------


@blueprint.get("/lines/new", endpoint="new_line")
@changes
def form(viewer: Viewer, portal: Portal) -> Response:
    return _form(viewer, NewLine("", request.args.get("app", ""), ""), {})


@blueprint.post("/lines", endpoint="connect_line")
@changes
def connect(viewer: Viewer, portal: Portal) -> Response:
    """Store the line, once Gupshup has accepted its key, name and number."""
    given = NewLine(*(typed(one.name) for one in fields(NewLine)))
    new = given.tidied()
    if problems := new.problems():
        return _form(viewer, given, problems)
    try:
        lines.check_name(runtime(), portal.member_id, new)
        if refused := line_checks.refusals(runtime(), new):
            return _form(viewer, given, refused)
        line = lines.add(runtime(), portal.member_id, new)
    except lines.Taken:
        return _form(viewer, given, {"name": "taken"})
    except GupshupError:
        return _form(viewer, given, {}, is_silent=True)
    _renew(line)
    return line_page(viewer, portal, line.id, said=_("The line is connected. We are checking it now."))


def _form(viewer: Viewer, given: NewLine, problems: dict[str, str], *, is_silent: bool = False) -> Response:
    """problems: field → code; shown in the order of the form. is_silent: whether Gupshup did not answer."""
    errors = {one.name: _problem(one.name, problems[one.name]) for one in fields(NewLine) if one.name in problems}
    again: dict[str, Any] = {"key_again": bool(errors) or is_silent, "is_silent": is_silent}
    return show("pages/lines_new.html", viewer, section="lines", given=given, labels=LABELS, errors=errors, **again)


@blueprint.post("/lines/country", endpoint="phone_country")
@changes
def set_country(viewer: Viewer, portal: Portal) -> Response:
    """The country in which numbers without a country code are read."""
    try:
        portals.set_phone_region(runtime(), portal.id, typed("country"))
    except ValueError:
        return show("pages/problem.html", viewer, status=404, problem="not_found")
    return table(said=_("The country is saved."))


# --- a connected line -------------------------------------------------------------------------------------------------------


@line_change("/name", "rename_line")
def rename(viewer: Viewer, portal: Portal, line: Line) -> str:
    name = typed("name")
    try:
        lines.rename(runtime(), line.id, name)
    except ValueError as error:
        raise Refused("name", name, str(error)) from None
    return str(_("The name is saved."))


@line_change("/pace", "pace_line")
def set_pace(viewer: Viewer, portal: Portal, line: Line) -> str:
    given = typed("pace")
    try:
        pace = float(given.strip().replace(",", "."))
    except ValueError:
        raise Refused("pace", given, "not_a_number") from None
    if not PACES[0] <= pace <= PACES[1]:
        raise Refused("pace", given, "out_of_range")
    lines.set_pace(runtime(), line.id, pace)
    return str(_("The pace is saved."))


@line_change("/tier", "tier_line", affects_checks=False)
def set_tier(viewer: Viewer, portal: Portal, line: Line) -> str:
    """WhatsApp's limit of clients the line may write to first in 24 hours."""
    given = typed("tier")
    if given == str(line.tier):
        return str(_("The limit is saved."))  # WhatsApp has told one that is not among the choices
    if given not in ("", *map(str, tier.CHOICES)):
        raise Refused("tier", given, "not_a_number")
    tier.set_by_admin(runtime(), line.id, int(given) if given else None)
    return str(_("The limit is saved."))


@line_change("/budget", "budget_line", affects_checks=False)
def set_budget(viewer: Viewer, portal: Portal, line: Line) -> str:
    """What the line's messages may cost a day; campaigns that wait for a budget look again."""
    given = typed("budget")[:20]
    budget, wrong = money.read_budget(given)
    if wrong:
        raise Refused("budget", given, "not_a_sum")
    accounts.set_budget(runtime(), line.id, budget, money.currency_of(portal))
    campaigns.look_again(runtime(), portal.id)
    return str(_("The budget is saved."))


@line_change("/balance-days", "balance_days", affects_checks=False)
def set_balance_days(viewer: Viewer, portal: Portal, line: Line) -> str:
    """From when on people are warned that a balance is low; for all lines of the portal."""
    given = typed("balance_days")[:20]
    days = money.read_days(given)
    if days is None:
        raise Refused("balance_days", given, "not_days")
    settings.change(runtime(), portal.id, balance_days=days)
    return str(_("Saved."))


@line_change("/key", "key_line")
def new_key(viewer: Viewer, portal: Portal, line: Line) -> str:
    """Another key or app id for the same app; a line that was stopped for its key goes on."""
    given = {name: typed(name) for name in ("api_key", "app_id")}
    key = given["api_key"] or line.api_key or ""
    new = NewLine(key, line.app_name, line.phone, given["app_id"], line.name).tidied()
    if problems := new.problems():
        field, code = next(iter(problems.items()))
        raise Refused(field, given.get(field, ""), code)
    if given["api_key"]:
        _try_key(new)
    lines.add(runtime(), portal.member_id, new)
    return str(_("Saved. We are checking the line now."))


def _try_key(new: NewLine) -> None:
    """Raises Refused, and GupshupError without an answer. What is wrong with the number is another field's matter."""
    refused = line_checks.refusals(runtime(), new)
    for field in ("api_key", "app_name"):
        if field in refused:
            raise Refused("api_key", "", refused[field])


@line_change("/default", "default_line", affects_checks=False)
def make_default(viewer: Viewer, portal: Portal, line: Line) -> str:
    lines.make_default(runtime(), line.id)
    return str(_("This is the default line now."))


@line_change("/pause", "pause_line")
def pause(viewer: Viewer, portal: Portal, line: Line) -> str:
    lines.pause(runtime(), line.id, viewer.user_id)
    return str(_("The line is paused."))


@line_change("/unpause", "unpause_line")
def unpause(viewer: Viewer, portal: Portal, line: Line) -> str:
    lines.unpause(runtime(), line.id)
    return str(_("The line is sending again."))


@line_change("/resume", "resume_line")
def resume(viewer: Viewer, portal: Portal, line: Line) -> str:
    """Let a stopped line go on without waiting for its next probe."""
    lines.resume(runtime(), line.id, "by an administrator")
    return str(_("The line is sending again. If the cause is still there, it will stop again."))


@line_view("/remove", "remove_line", "POST")
def remove(viewer: Viewer, portal: Portal, line: Line) -> Response:
    ended = lines.remove(runtime(), line.id)
    _renew(line)
    name = line.name or line.app_name
    return table(said=_("The line %(name)s is removed. Runs ended: %(ended)s.", name=name, ended=ended))
