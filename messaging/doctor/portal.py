"""One portal: its token, plan, permissions, and what of ours is registered there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from bx24 import message_service
from bx24.client import BatchReply, Command
from bx24.errors import Bx24Error, Unauthorized, Unavailable
from bx24.wire import exchange
from messaging.doctor import clocks
from messaging.doctor.finding import Finding, State
from messaging.limits.concurrency import PAGE_TIMEOUT
from messaging.portals import robots, tokens
from messaging.runtime import Runtime
from messaging.stages.registration import EVENTS
from messaging.store.models import Line, Portal
from messaging.store.states import LineStatus, PortalStatus

#: Permissions without which robots do not work, and those without which only a part does.
NEEDED, USEFUL = ("bizproc", "crm", "disk"), ("im",)
#: All that is asked of a portal, in one request.
_QUESTIONS: dict[str, Command] = {
    "app": ("app.info", {}),
    "admin": ("user.admin", {}),
    "scope": ("scope", {}),
    "robots": ("bizproc.robot.list", {}),
    "activities": ("bizproc.activity.list", {}),
    "events": ("event.get", {}),
    "placements": ("placement.get", {}),
    "senders": (message_service.LIST, {}),
}
#: What can only be told by a portal that answers.
_ASKED = ("installed", "plan", "administrator", "scopes", "robots", "events", "placements", "senders", "portal_clock")
_NO_METHOD, _NO_SCOPE = "error_method_not_found", "insufficient_scope"


def check(runtime: Runtime, portal: Portal) -> list[Finding]:
    """All checks of one portal that take no waiting."""
    return [replace(finding, portal_id=portal.id) for finding in _found(runtime, portal)]


def _found(runtime: Runtime, portal: Portal) -> list[Finding]:
    named = {"portal": portal.client_endpoint}
    if portal.status != PortalStatus.ACTIVE:
        code = "reauth" if portal.status == PortalStatus.REAUTH else "inactive"
        return [Finding("token", State.FAILED, code, named={**named, "said": portal.status_reason}), *_unasked()]
    client = tokens.portal_client(runtime, portal.id)
    try:
        answers = client.batch(_QUESTIONS)
        said = {name: _answer(answers, name) for name in _QUESTIONS}
    except Bx24Error as error:
        return [_refused(error, named), *_unasked()]
    return [
        Finding("token", named=named),
        _installed(said["app"]),
        _plan(said),
        _administrator(said["admin"]),
        _scopes(said["scope"]),
        _robots(runtime, portal, said),
        _events(runtime, said["events"]),
        _placements(runtime, said["placements"]),
        _senders(runtime, portal, said["senders"]),
        clocks.finding("portal_clock", _ahead_s(runtime, client.endpoint)),
    ]


def _unasked() -> list[Finding]:
    return [Finding(name, State.UNCHECKED, "portal") for name in _ASKED]


def _answer(answers: BatchReply, name: str) -> Any:
    """The result of one question, or the Bx24Error it ended with. Raises those that concern the whole portal."""
    error = answers.errors.get(name)
    if isinstance(error, Unavailable | Unauthorized) and name == "app":
        raise error
    return answers.results.get(name) if error is None else error


def _refused(error: Bx24Error, named: Mapping[str, Any]) -> Finding:
    code = "no_answer" if isinstance(error, Unavailable) else "refused"
    return Finding("token", State.FAILED, code, {"error": error.code}, {**named, "said": error.description})


def _installed(app: Any) -> Finding:
    if isinstance(app, dict) and app.get("INSTALLED") in (False, "false", "N", 0):
        return Finding("installed", State.FAILED, "not_finished")
    return Finding("installed", facts={"version": _map(app).get("VERSION", "")})


def _plan(said: Mapping[str, Any]) -> Finding:
    app = _map(said["app"])
    facts = {"plan": str(app.get("LICENSE_TYPE") or ""), "edition": str(app.get("LICENSE") or "").rpartition("_")[2]}
    if str(app.get("PAYMENT_EXPIRED") or "N") == "Y":
        return Finding("plan", State.FAILED, "payment_expired", facts)
    if isinstance(said["robots"], Bx24Error) and said["robots"].code.lower() == _NO_METHOD:
        return Finding("plan", State.FAILED, "no_workflows", facts)
    return Finding("plan", facts=facts)


def _administrator(is_admin: Any) -> Finding:
    return Finding("administrator") if is_admin is True else Finding("administrator", State.FAILED, "not_admin")


def _scopes(given: Any) -> Finding:
    known = set(map(str, given)) if isinstance(given, list) else set()
    missing = [name for name in NEEDED if name not in known]
    if missing:
        return Finding("scopes", State.FAILED, "missing", {"scopes": ", ".join(missing)})
    useful = [name for name in USEFUL if name not in known]
    if useful:
        return Finding("scopes", State.WARNING, "useful", {"scopes": ", ".join(useful)})
    return Finding("scopes", facts={"scopes": ", ".join((*NEEDED, *USEFUL))})


def _robots(runtime: Runtime, portal: Portal, said: Mapping[str, Any]) -> Finding:
    errors = [answer for answer in (said["robots"], said["activities"]) if isinstance(answer, Bx24Error)]
    if errors:
        return Finding("robots", State.FAILED, "refused", {"error": errors[0].code}, {"said": errors[0].description})
    present = {str(code) for name in ("robots", "activities") for code in _list(said[name])}
    expected = {offer.code for offer in robots.expected(runtime, portal)}
    missing = sorted(expected - present)
    facts = {"present": len(expected & present), "expected": len(expected), "codes": ", ".join(missing[:30])}
    if not missing:
        return Finding("robots", facts=facts)
    if portal.registration_due_at is not None:
        return Finding("robots", State.WARNING, "pending", facts)
    failed = (portal.registration or {}).get("failed", {})
    said_why = next((why for code, why in failed.items() if code in missing), "")
    return Finding("robots", State.FAILED, "missing", facts, {"said": said_why})


def _events(runtime: Runtime, bound: Any) -> Finding:
    url = f"{runtime.config.public_url}/bx24/events"
    rows = [row for row in _list(bound) if isinstance(row, dict)]
    here = {str(row.get("event")).upper() for row in rows if row.get("handler") == url}
    missing = sorted(set(EVENTS) - here)
    if missing:
        elsewhere = any(str(row.get("event")).upper() in EVENTS for row in rows)
        return Finding("events", State.FAILED, "elsewhere" if elsewhere else "missing", {"events": ", ".join(missing)})
    return Finding("events", facts={"count": len(here & set(EVENTS))})


def _placements(runtime: Runtime, bound: Any) -> Finding:
    """Whether all placements of the app lead here: one left by another installation would open a foreign page."""
    rows = [row for row in _list(bound) if isinstance(row, dict)]
    lost = [row for row in rows if not str(row.get("handler")).startswith(f"{runtime.config.public_url}/")]
    if lost:
        return Finding("placements", State.WARNING, "elsewhere", {"count": len(lost)}, {"addresses": _handlers(lost)})
    return Finding("placements", facts={"count": len(rows)})


def _senders(runtime: Runtime, portal: Portal, listed: Any) -> Finding:
    """The lines as senders of the portal's own messages; robots do not need that."""
    if isinstance(listed, Bx24Error):
        if listed.code.lower() == _NO_SCOPE:
            return Finding("senders", State.UNCHECKED, "no_scope")
        return Finding("senders", State.WARNING, "refused", {"error": listed.code}, {"said": listed.description})
    with runtime.db.read() as session:
        connected = (Line.portal_id == portal.id) & (Line.status == LineStatus.CONNECTED)
        expected = {message_service.code_of(line_id) for line_id in session.scalars(select(Line.id).where(connected))}
    missing = sorted(expected - {str(code) for code in _list(listed)})
    facts = {"present": len(expected) - len(missing), "expected": len(expected), "codes": ", ".join(missing[:30])}
    if not missing:
        return Finding("senders", facts=facts)
    if portal.registration_due_at is not None:
        return Finding("senders", State.WARNING, "pending", facts)
    failed = (portal.registration or {}).get("failed", {})
    why = next((why for code, why in failed.items() if code in missing), "")
    return Finding("senders", State.WARNING, "missing", facts, {"said": why})


def _handlers(rows: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(sorted({str(row.get("handler"))[:100] for row in rows})[:5])


def _ahead_s(runtime: Runtime, endpoint: str) -> float | None:
    """Asked without a token: the refusal has a date, too."""
    before = runtime.clock()
    try:
        answer = exchange(runtime.bx_session, "GET", f"{endpoint}server.time.json", timeout=PAGE_TIMEOUT)
    except Unavailable:
        return None
    return clocks.ahead_s(answer.date, before, runtime.clock())


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
