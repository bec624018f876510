"""`messages.*`: send a template, read statuses, list what was written, count."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.errors import Refused
from gupshup.reading import parse_json
from messaging.api import accepting, history, ids, listing, replies
from messaging.api.accepting import Wanted
from messaging.api.ids import Kind
from messaging.insight.search_rows import Place
from messaging.insight.sent_message import client_view
from messaging.store.models import Line, Message, Portal
from messaging.store.states import MessageStatus
from web.api import problems
from web.api.switching import templates
from web.api.switching.call import Call, Fault, method
from web.context import runtime

#: Ids of one call.
IDS = 500
#: Rows of both directions that are put in order together.
BOTH_DEEPEST = 1_000
#: Our code → the one that programs know. What is not named here is `send_failed`, with our words.
_CODES = {
    "invalid_phone": "invalid_phone",
    "no_phone": "phone_required",
    "template_params": "template_params_mismatch",
    "template_not_found": "template_not_found",
    "template_not_approved": "template_not_found",
    "template_ambiguous": "template_not_found",
    "line_not_connected": "line_not_connected",
    "line_not_found": "line_not_found",
}
#: Filters of the list, each a status that a message has now.
_FLAGS = {"read": "read", "delivered": "delivered", "sent": "sent", "errors_only": "failed"}


@method(
    *("messages.send.template", "messages:write"),
    *("line_number*", "phone*", "template_name*", "template_language", "template_params"),
)
def send_template(call: Call) -> dict[str, Any]:
    """Store a message, which is sent at most once. A template whose values do not fit is refused, and nothing is sent."""
    line, phone = call.line(), call.needed("phone")
    name, params = call.needed("template_name"), call.words("template_params")
    info = templates.find(line, name, call.text("template_language"))
    if len(params) != info.params_count:
        raise Fault("template_params_mismatch", f"the template has {info.params_count} variables, not {len(params)}")
    properties = {"line": str(line.id), "phone": phone, "template": info.id, "params": params}
    try:
        accepted = accepting.accept(runtime(), call.caller, Wanted("send_template", properties), None)
    except Refused as why:
        raise Fault(_CODES.get(why.code, "send_failed"), why.text.to(problems.language())) from None
    return {
        "message_id": ids.encode(runtime(), Kind.RUN, call.caller.portal_id, accepted.run_id),
        "phone": accepted.answer["phone"],
        "created_at": accepted.answer["created_at"],
        "template": info.name,
        "params": params,
        "status": accepted.answer["status"],
    }


@method(
    *("messages.status.get", "messages:read"),
    *("line_number*", "message_ids", "phone", "date_from", "date_to", "include_text"),
    is_long=True,
)
def statuses(call: Call) -> dict[str, Any]:
    """By ids, or those to one client in a period. Ids that are not the portal's, or not the line's, are silently absent."""
    line = call.line()
    wanted = call.listed("message_ids", IDS, "too_many_message_ids")
    if not wanted and not call.text("phone"):
        raise Fault("message_ids_or_phone_required")
    phone, period = ("", None) if wanted else (call.phone(), call.period())
    with runtime().db.read() as session:
        portal = session.get_one(Portal, call.caller.portal_id)
        if period is None:
            places = _places(session, portal.id, [str(one) for one in wanted])
        else:
            asked = history.Wanted(line, *period, phone=phone)
            places, _total = _page(session, portal, asked, 0, IDS)
        blocks = _blocks(session, portal.id, places, call.flag("include_text"), line)
    return {"messages": blocks}


def _places(session: Session, portal_id: int, texts: Sequence[str]) -> list[Place]:
    """Where the messages with these ids stand, in their order; ids of no message are left out."""
    found = [one for text in texts if (one := ids.decode(runtime(), portal_id, text)) is not None]
    lone = [row_id for kind, row_id in found if kind is Kind.MESSAGE]
    asked = select(Message.id, Message.position).where(Message.portal_id == portal_id, Message.id.in_(lone))
    positions = {row.id: row.position for row in session.execute(asked)} if lone else {}
    runs = {row_id: Place(row_id) for kind, row_id in found if kind is Kind.RUN}
    messages = {row_id: Place(position, row_id) for row_id, position in positions.items()}
    places = [(runs if kind is Kind.RUN else messages).get(row_id) for kind, row_id in found]
    return [place for place in places if place is not None]


def _page(session: Session, portal: Portal, asked: history.Wanted, skip: int, limit: int) -> tuple[list[Place], int]:
    try:
        return history.page(session, runtime(), portal, asked, skip, limit)
    except history.TooLong:
        raise Fault("invalid_pagination", "too many rows must be looked through: choose a shorter period") from None


@method(
    *("messages.history.list", "messages:read", "line_number*", "date_from*", "date_to*", "direction", "phone"),
    *("template_name", *_FLAGS, "page", "page_size", "include_text"),
    is_long=True,
)
def list_history(call: Call) -> dict[str, Any]:
    """What was sent and what clients wrote, the newest first. Filters of messages leave out what clients wrote."""
    line, (since, until), (number, size) = call.line(), call.period(), call.page()
    direction = call.text("direction")
    if direction not in ("", "in", "out", "incoming", "outgoing"):
        raise Fault("invalid_direction", "direction is in or out")
    status = next((status for flag, status in _FLAGS.items() if call.flag(flag)), "")
    template, phone, with_text = call.text("template_name"), call.phone(), call.flag("include_text")
    is_out = direction.startswith("out") or bool(template or status)
    skip, deep = (number - 1) * size, number * size
    if not direction and not is_out and deep > BOTH_DEEPEST:
        raise Fault("invalid_pagination", f"beyond {BOTH_DEEPEST} rows, ask for one direction")
    with runtime().db.read() as session:
        portal = session.get_one(Portal, call.caller.portal_id)
        rows: list[dict[str, Any]] = []
        total = 0
        if not direction.startswith("in"):
            asked = history.Wanted(line, since, until, phone, template, status)
            # Of both directions the page is cut out of what stands in front of its end in either.
            begin = skip if is_out else 0
            places, total = _page(session, portal, asked, begin, deep - begin)
            rows = _blocks(session, portal.id, places, with_text, line)
        if not is_out:
            of_clients = replies.Wanted(portal.id, line.id, phone or None, since, until)
            total += replies.count(session, runtime(), of_clients)
            found, _more = replies.newest(session, runtime(), of_clients, None, deep)
            rows = sorted([*rows, *(_reply(one, with_text) for one in found)], key=_moment, reverse=True)[skip:deep]
    return {"total": total, "page": number, "page_size": size, "messages": rows}


def _moment(block: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(block["created_at"])


def _blocks(
    session: Session, portal_id: int, places: Sequence[Place], with_text: bool, line: Line
) -> list[dict[str, Any]]:
    shown = listing.many(session, runtime(), portal_id, places, problems.language())
    rows = history.messages_at(session, portal_id, places)
    return [_block(session, one, rows.get(one.place), with_text) for one in shown if one.line in (line.id, None)]


def _block(session: Session, one: listing.Shown, message: Message | None, with_text: bool) -> dict[str, Any]:
    """A message as programs know it. A text is forgotten after a while, and null then."""
    text = (client_view(session, message) or {}).get("body") if with_text and message and message.payload else None
    failed = {"code": one.error_code, "text": one.error_text} if one.error_code else None
    return {
        "message_id": one.id,
        "direction": "out",
        "phone": one.phone,
        "created_at": one.created_at.isoformat(),
        "template": (message.template or None) if message is not None else None,
        "params": _params(message),
        "status": {
            "state": one.status,
            "sent": one.status in _SENT or one.sent_at is not None,
            "delivered": one.delivered_at is not None or one.read_at is not None,
            "read": one.read_at is not None,
            **{f"{name}_at": _iso(getattr(one, f"{name}_at")) for name in ("sent", "delivered", "read")},
        },
        "status_source": "webhook",
        "error": failed,
        "billable": None,
        "billing_model": None,
        **({"text": text} if with_text else {}),
    }


_SENT = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ, "replied")


def _params(message: Message | None) -> list[str] | None:
    payload: Any = message.payload if message is not None else None
    form = (payload or {}).get("form") or {}
    called: Any = parse_json(form["template"]) if "template" in form else {}
    params = called.get("params") if isinstance(called, dict) else None
    return [str(one) for one in params] if isinstance(params, list) else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _reply(one: dict[str, Any], with_text: bool) -> dict[str, Any]:
    shown = {"message_id": one["id"], "direction": "in", "phone": one["phone"], "created_at": one["at"].isoformat()}
    return {**shown, "type": one["type"], **({"text": one["text"]} if with_text else {})}


@method("messages.stats.get", "reports:read", "line_number*", "date_from*", "date_to*", "group_by", is_long=True)
def stats(call: Call) -> dict[str, Any]:
    """Figures of the messages sent; by day (UTC) and in all they are counted every few minutes."""
    line, (since, until), group_by = call.line(), call.period(), call.text("group_by") or "total"
    if group_by not in ("total", "day", "template"):
        raise Fault("invalid_group_by", "group_by is total, day or template")
    with runtime().db.read() as session:
        if group_by == "template":
            counted = history.figures_by_template(session, line.id, since, until)
        else:
            counted = history.figures_by_day(session, line.id, since, until)
        campaign_sent, replied = history.campaign_replies(session, line.id, since, until)
    answer: dict[str, Any] = {"group_by": group_by, "campaign_sent": campaign_sent, "replied": replied}
    if group_by == "total":
        names = ("total", "sent", "delivered", "read", "errors")
        return {**answer, **{name: sum(one[name] for one in counted.values()) for name in names}}
    return {**answer, "items": [{group_by: name, **figures} for name, figures in counted.items()]}
