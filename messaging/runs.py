"""A run: stored when Bitrix24 calls, planned by a drain.

Storing is all that happens before the 200: Bitrix24 never repeats a call. Planning turns the stored fields into a
message or a refusal; it only reads and asks, so a crash in the middle is repaired by planning again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

import gupshup.errors
from activities import ACTIVITIES, Person, phones
from activities.base import DEFAULT_WAIT_MINUTES, MAX_WAIT_MINUTES, Action, Plan, load
from activities.errors import CARD_CLOSED, Refused, refused
from bx24 import payloads
from bx24.errors import Bx24Error, PortalInactive, Rejected, Unauthorized
from bx24.i18n import Text
from messaging import circuit, crypto, endings, lines, portals, replies, tokens
from messaging.db import insert_once
from messaging.desk import RunDesk
from messaging.downloads import Unfetched
from messaging.models import Conversation, Line, Message, Portal, Run, shard_of
from messaging.runtime import Runtime
from robots import ROBOTS, Client, client

#: How often a file that cannot be had just now is asked for again: half a minute in all.
FILE_TRIES = 5
#: And for a portal whose token's user has left: until another's is there, two minutes in all.
USER_TRIES = 7
log = structlog.get_logger(__name__)


def action_of(side: str, name: str) -> Action | None:
    """The action behind a URL: `robots/send_text`; None if there is none."""
    if side == "robots":
        return ROBOTS[name][0] if name in ROBOTS else None
    return ACTIVITIES.get(name)


def code_of(side: str, name: str) -> str:
    """The code Bitrix24 knows it by: `robot.send_text`, `activity.send_text`."""
    return f"{side.removesuffix('s') if side == 'robots' else 'activity'}.{name}"


def store(runtime: Runtime, portal: Portal, side: str, action: Action, call: payloads.RunCall) -> bool:
    """Store a run; False if its event token was stored before: then it is the same run, not a second message."""
    now = runtime.clock()
    row = {
        "trace": secrets.token_hex(6),
        "portal_id": portal.id,
        "shard": shard_of(portal.id),
        "side": side,
        "action": action.name,
        "workflow_id": call.workflow_id[:64],
        "event_token": call.event_token,
        "token_digest": crypto.digest(call.event_token),
        "document": [*call.document_type, call.document_id[2]],
        "properties": call.properties,
        "auth": _kept_auth(portal, call.auth),
        "waits": call.waits,
        "stored_at": now,
        "plan_at": now,
        "deadline_at": now + timedelta(minutes=_wait_minutes(call.properties)),
    }
    with runtime.db.write() as session:
        stored = insert_once(session, Run, row)
    runtime.counters.add("runs_received", side, action.name)
    log.info("run stored" if stored else "run repeated", trace=row["trace"], run=stored, action=action.name)
    return stored is not None


def _kept_auth(portal: Portal, auth: payloads.Auth) -> dict[str, Any] | None:
    """The call's own pair is kept only for a portal whose token died: it is what heals it."""
    if portal.status != "reauth":
        return None
    return {
        "member_id": auth.member_id,
        "access_token": auth.access_token,
        "refresh_token": auth.refresh_token,
        "server_endpoint": auth.server_endpoint,
        "expires_in": auth.expires_in,
    }


def _wait_minutes(properties: Mapping[str, Any]) -> int:
    """The wait as far as it can be told before checking; a wrong one is refused when the run is planned."""
    text = next((str(value) for key, value in properties.items() if key.lower() == "wait_minutes"), "")
    return min(max(int(text), 1), MAX_WAIT_MINUTES) if text.isdecimal() and len(text) < 7 else DEFAULT_WAIT_MINUTES


@dataclass(frozen=True)
class Planned:
    """A run's plan, ready to be recorded.

    message: columns of the Message, None for a run that sends nothing; values: results known at once, None otherwise.
    """

    line_id: int
    phone: str
    until: str
    deadline_at: datetime
    accept: list[str]
    message: dict[str, Any] | None
    note: Text | None
    values: Mapping[str, Any] | None


@dataclass(frozen=True)
class Postponed:
    """A run that could not be planned now, for no fault of its own."""

    after_s: float
    reason: str


Outcome = Planned | Refused | Postponed


def plan(runtime: Runtime, run: Run) -> Outcome:
    """Check the fields, find line and phone, build the message. Reads and asks only."""
    try:
        return _plan(runtime, run)
    except Unfetched as refusal:
        again = refusal.passing and run.plan_tries < FILE_TRIES
        return Postponed(_backoff(run.plan_tries), refusal.code) if again else refusal
    except Refused as refusal:
        return refusal
    except PortalInactive as error:
        log.warning("Bitrix24 refused", trace=run.trace, code=error.code)
        return refused("portal_inactive")
    except Unauthorized as error:
        # The next call's own pair heals the portal; this one is not to blame, and asked again a few times.
        if run.plan_tries < USER_TRIES:
            return Postponed(_backoff(run.plan_tries), error.code)
        return Refused("no_phone", CARD_CLOSED.format(code=error.code))
    except Rejected as error:
        log.warning("Bitrix24 refused", trace=run.trace, code=error.code)
        return Refused("no_phone", CARD_CLOSED.format(code=error.code))
    except Bx24Error as error:
        # A busy portal's runs come back less and less often: each try costs, and only two a second get through.
        return Postponed(max(getattr(error, "retry_after", 0.0), _backoff(run.plan_tries)), error.code)
    except (gupshup.errors.Rejected, gupshup.errors.Misconfigured) as error:
        why = gupshup.errors.refusal(error.code, error.reason)
        return Refused(why.code, Text(why.en, why.ru))
    except gupshup.errors.GupshupError as error:
        return Postponed(error.retry_after or _backoff(run.plan_tries), error.code)


def _backoff(tries: int) -> float:
    return float(min(60, 2**tries))


def _plan(runtime: Runtime, run: Run) -> Planned:
    action = action_of(run.side, run.action)
    assert action is not None, f"no action {run.action}"
    _heal(runtime, run)
    schema = action.schema(Client if run.side == "robots" else Person)
    values = load(schema, action.tidy(endings.properties_of(run)))
    region = phones.region_of(run.portal.region, run.portal.language)
    numbers = phones.valid(_candidates(runtime, run, values["phone"]), region)
    keys = {runtime.phone_key(number): number for number in numbers}
    with runtime.db.read() as session:
        portal = session.get_one(Portal, run.portal_id)
        line, conversation = lines.choose(session, portal, values["line"].strip(), list(keys))
    circuit.refuse(line, action, runtime.clock())
    desk = RunDesk(runtime, run, line, conversation, region)
    plan = action.plan(values, desk)
    if plan.message is not None and plan.message.is_session and desk.window_until() is None:
        raise refused("window_closed")
    return Planned(
        line_id=line.id,
        phone=keys[conversation.phone_key] if conversation else numbers[0],
        until=plan.until,
        deadline_at=run.stored_at + plan.wait,
        accept=list(plan.accept),
        message=_columns(plan),
        note=plan.note,
        values=plan.values,
    )


def _columns(plan: Plan) -> dict[str, Any] | None:
    message = plan.message
    if message is None:
        return None
    return {
        "kind": message.kind,
        "is_session": message.is_session,
        "payload": {"path": message.path, "form": message.form()},
        "choices": [list(choice) for choice in plan.choices] or None,
    }


def _heal(runtime: Runtime, run: Run) -> None:
    if run.auth and run.portal.status == "reauth":
        portals.adopt(runtime, run.portal_id, payloads.Auth(**run.auth))


def _candidates(runtime: Runtime, run: Run, given: str) -> list[str]:
    """The numbers in question: those typed in, else the CRM client's. Raises Refused no_phone."""
    if given.strip():
        return phones.split(given)
    entity, item = _crm_item(run)
    if entity is None or item is None:
        raise refused("no_phone")
    rest = tokens.portal_client(runtime, run.portal_id)

    def fetch(items: list[tuple[int, int]]) -> dict[tuple[int, int], dict[str, Any]]:
        reply = rest.batch(
            {f"{kind}_{number}": ("crm.item.get", {"entityTypeId": kind, "id": number}) for kind, number in items}
        )
        _raise_passing(reply.errors.values())
        return {pair: (reply.results.get(f"{pair[0]}_{pair[1]}") or {}).get("item") or {} for pair in items}

    found = [number for text in client.phones(entity, item, fetch) for number in phones.split(text)]
    if not found:
        raise refused("no_phone")
    return found


def _crm_item(run: Run) -> tuple[int | None, int | None]:
    module, entity, kind, item = run.document
    return payloads.entity_type_id((module, entity, kind)), payloads.item_id((module, entity, item))


def _raise_passing(errors: Any) -> None:
    """A card that is gone has no phone; one that is closed to us is reported; a busy portal is asked again."""
    for error in errors:
        if error.code.upper() not in ("NOT_FOUND", "ERROR_NOT_FOUND", "100"):
            raise error


def record(session: Session, runtime: Runtime, run_id: int, outcome: Outcome) -> None:
    """Write down what planning found. A run that was ended meanwhile stays as it is."""
    run = session.get(Run, run_id, with_for_update=True)
    if run is None or run.state != "stored":
        return
    if isinstance(outcome, Refused):
        endings.end(session, runtime, run, "failed", outcome.code, outcome.text)
    elif isinstance(outcome, Postponed):
        run.plan_tries += 1
        run.plan_at = runtime.clock() + timedelta(seconds=outcome.after_s)
        log.warning("run postponed", trace=run.trace, reason=outcome.reason, after_s=outcome.after_s)
    else:
        _start(session, runtime, run, outcome)


def _start(session: Session, runtime: Runtime, run: Run, planned: Planned) -> None:
    now = runtime.clock()
    line = session.get_one(Line, planned.line_id, with_for_update={"read": True})  # not removed meanwhile
    if line.status != "connected":
        refusal = refused("line_not_connected")
        endings.end(session, runtime, run, "failed", refusal.code, refusal.text)
        return
    conversation = conversation_with(session, runtime, line.id, planned.phone)
    run.line_id, run.conversation_id = line.id, conversation.id
    run.note = planned.note.to(run.portal.language) if planned.note else ""
    if planned.values is not None:
        endings.end(session, runtime, run, "ok", values=planned.values)
        return
    if planned.message is not None and (why := circuit.admit(line, run, now)) is not None:
        endings.end(session, runtime, run, "failed", why.code, why.text)
        return
    run.state, run.until, run.deadline_at, run.accept = "waiting", planned.until, planned.deadline_at, planned.accept
    if planned.message is None:
        replies.early(session, runtime, run)
        return
    run.message = Message(
        portal_id=run.portal_id,
        shard=run.shard,
        line_id=line.id,
        conversation=conversation,
        status="queued",
        created_at=now,
        send_at=now,
        **planned.message,
    )
    log.info("run planned", trace=run.trace, run=run.id, line=line.id, kind=run.message.kind)


def conversation_with(session: Session, runtime: Runtime, line_id: int, phone: str) -> Conversation:
    """The conversation of this line with this phone (digits), made if it is the first word."""
    key = runtime.phone_key(phone)
    found = conversation_of(session, line_id, key)
    if found is None:
        found = Conversation(line_id=line_id, phone=phone, phone_key=key)
        session.add(found)
        session.flush()
    return found


def conversation_of(session: Session, line_id: int, key: str) -> Conversation | None:
    """The conversation with a phone by its index key, also as WhatsApp spells the number."""
    either = or_(Conversation.phone_key == key, Conversation.alias_key == key)
    return session.scalars(
        select(Conversation).where(Conversation.line_id == line_id, either).order_by(Conversation.id).limit(1)
    ).first()
