"""A run: stored when Bitrix24 calls, planned by a drain.

Storing is all that happens before the 200: Bitrix24 never repeats a call. Planning turns the stored fields into a
message or a refusal; it only reads and asks, so a crash in the middle is repaired by planning again.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from bx24.client import MAX_BATCH
from bx24.errors import Bx24Error, PortalInactive, Rejected, Unauthorized
from bx24.i18n import Text
from messaging import circuit, endings, lines, portals, replies, tokens
from messaging.desk import RunDesk
from messaging.downloads import Unfetched
from messaging.queue.group_commit import Caller, Ledger
from messaging.runtime import Runtime
from messaging.store import crypto, rows
from messaging.store.models import Conversation, Line, Message, Portal, Run, shard_of
from messaging.store.rows import SomeRun
from robots import ROBOTS, Client, client

#: How often a file that cannot be had just now is asked for again: half a minute in all.
FILE_TRIES = 5
#: And for a portal whose token's user has left: until another's is there, two minutes in all.
USER_TRIES = 7
#: Entity type id and item id of a CRM item.
Pair = tuple[int, int]
log = structlog.get_logger(__name__)


def action_of(side: str, name: str) -> Action | None:
    """The action behind a URL: `robots/send_text`; None if there is none."""
    if side == "robots":
        return ROBOTS[name][0] if name in ROBOTS else None
    return ACTIVITIES.get(name)


def code_of(side: str, name: str) -> str:
    """The code Bitrix24 knows it by: `robot.send_text`, `activity.send_text`."""
    return f"{side.removesuffix('s') if side == 'robots' else 'activity'}.{name}"


LEDGER = Ledger(
    Run, key=("portal_id", "token_digest"), rests_on=(Portal.id, Portal.status, Portal.token_version), order=1
)
#: Bitrix24 calls once and looks at no answer: while the database is away a call is kept waiting so long, in seconds.
PATIENCE_S = 10.0


def store(runtime: Runtime, portal: Portal | Caller, side: str, action: Action, call: payloads.RunCall) -> bool:
    """Store a run; False if its event token was stored before: then it is the same run, not a second message.

    Raises intake.Stale if the portal is no longer as it was recognised, intake.Unavailable if the database stays away.
    """
    now = runtime.clock()
    row: dict[str, Any] = {
        "trace": secrets.token_hex(6),
        "portal_id": portal.id,
        "shard": shard_of(portal.id),
        "side": side,
        "action": action.name,
        "workflow_id": call.workflow_id[:64],
        "event_token": call.event_token,
        "token_digest": crypto.digest(call.event_token),
        "document": [*call.document_type, call.document_id[2]],
        "item": call.document_id[2][:64],
        "properties": call.properties,
        "auth": _kept_auth(portal, call.auth),
        "waits": call.waits,
        "stored_at": now,
        "plan_at": now,
        "deadline_at": now + timedelta(minutes=_wait_minutes(call.properties)),
    }
    basis = (portal.id, portal.status, portal.token_version)
    stored = runtime.intake.store(LEDGER, row, basis, row["shard"], PATIENCE_S)
    if stored:
        runtime.counters.add("runs_received", side, action.name, portal=portal.id)
    log.info("run stored" if stored else "run repeated", trace=row["trace"], run=stored, action=action.name)
    return stored is not None


def _kept_auth(portal: Portal | Caller, auth: payloads.Auth) -> dict[str, Any] | None:
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


def plan_all(runtime: Runtime, runs: Sequence[SomeRun]) -> list[Outcome]:
    """Plan runs of one portal whose clients the CRM knows: their cards come in batches, not one by one."""
    cards = Cards(runtime, runs[0].portal_id)
    if len(runs) == 1:
        return [plan(runtime, runs[0], cards)]
    for run in runs:
        _heal(runtime, run)
    try:
        items = cards.look([pair for run in runs if (pair := _crm_item(run))])
        cards.look([person for item in items for person in client.linked(item)])
    except Bx24Error:
        log.info("cards not read ahead", portal=runs[0].portal_id)  # each run asks again and finds its own words
    return [plan(runtime, run, cards) for run in runs]


def plan(runtime: Runtime, run: SomeRun, cards: "Cards") -> Outcome:
    """Check the fields, find line and phone, build the message, asking whoever must be asked; on a thread. Only reads."""
    try:
        _heal(runtime, run)
        draft = draft_of(runtime, run, lambda given: _candidates(run, given, cards))
        with runtime.db.read() as session:
            portal = session.get_one(Portal, run.portal_id)
            known = lines.conversations_with(session, [line.id for line in portal.lines], draft.keys)
            line, conversation = lines.choose(portal, draft.line, draft.keys, known)
        return draft.planned(line, conversation, RunDesk(runtime, run, line, conversation, draft.region))
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


@dataclass(frozen=True)
class Draft:
    """A run's checked fields, before line and conversation are known. keys: index key → phone (digits), in their order."""

    run: SomeRun
    action: Action
    values: dict[str, Any]
    region: str
    keys: dict[str, str]

    @property
    def line(self) -> str:
        """The line as the robot names it; empty: by itself."""
        return str(self.values["line"]).strip()

    def planned(self, line: Line, conversation: Conversation | None, desk: RunDesk) -> Planned:
        """The plan on this line. Raises Refused and what the desk raises."""
        try:
            return self._planned(line, conversation, desk)
        except Refused as refusal:
            refusal.line_id, refusal.conversation_id = line.id, conversation.id if conversation else None
            raise

    def _planned(self, line: Line, conversation: Conversation | None, desk: RunDesk) -> Planned:
        circuit.refuse(line, self.action, desk.now())
        plan = self.action.plan(self.values, desk)
        if plan.message is not None and plan.message.is_session and desk.window_until() is None:
            raise refused("window_closed")
        return Planned(
            line_id=line.id,
            phone=self._phone(conversation),
            until=plan.until,
            deadline_at=self.run.stored_at + plan.wait,
            accept=list(plan.accept),
            message=_columns(plan),
            note=plan.note,
            values=plan.values,
        )

    def _phone(self, conversation: Conversation | None) -> str:
        """The typed number that has this conversation, possibly under WhatsApp's spelling; else the first one."""
        keys = (conversation.phone_key, conversation.alias_key or "") if conversation else ()
        return next((self.keys[key] for key in keys if key in self.keys), next(iter(self.keys.values())))


def draft_of(runtime: Runtime, run: SomeRun, candidates: Callable[[str], list[str]]) -> Draft:
    """Check the fields. candidates: what was typed in → the numbers in question. Raises Refused."""
    action = action_of(run.side, run.action)
    assert action is not None, f"no action {run.action}"
    schema = action.schema(Client if run.side == "robots" else Person)
    values = load(schema, action.tidy(endings.properties_of(run)))
    region = phones.region_of(run.portal.region, run.portal.language)
    numbers = phones.valid(candidates(values["phone"]), region)
    return Draft(run, action, values, region, {runtime.phone_key(number): number for number in numbers})


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


def heals(run: SomeRun) -> bool:
    """Whether this run brings the fresh token its portal waits for."""
    return bool(run.auth) and run.portal.status == "reauth"


def _heal(runtime: Runtime, run: SomeRun) -> None:
    if heals(run):
        portals.adopt(runtime, run.portal_id, payloads.Auth(**run.auth))


def _candidates(run: SomeRun, given: str, cards: "Cards") -> list[str]:
    """The numbers in question: those typed in, else the CRM client's. Raises Refused no_phone."""
    if given.strip():
        return phones.split(given)
    item = _crm_item(run)
    if item is None:
        raise refused("no_phone")
    found = [number for text in client.phones(*item, cards.fetch) for number in phones.split(text)]
    if not found:
        raise refused("no_phone")
    return found


def _crm_item(run: SomeRun) -> Pair | None:
    module, entity, kind, item = run.document
    pair = payloads.entity_type_id((module, entity, kind)), payloads.item_id((module, entity, item))
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


class Cards:
    """CRM items of one portal as far as they were asked for, fifty in a call."""

    def __init__(self, runtime: Runtime, portal_id: int) -> None:
        self._rest = tokens.portal_client(runtime, portal_id)
        self._found: dict[Pair, dict[str, Any]] = {}
        self._closed: dict[Pair, Bx24Error] = {}

    def fetch(self, items: Sequence[Pair]) -> dict[Pair, dict[str, Any]]:
        """`robots.client.Fetch`. Raises Bx24Error, also for a single card that is closed to us or cannot be read now."""
        self.look(items)
        for item in items:
            if item in self._closed:
                raise self._closed[item]
        return {item: self._found[item] for item in items}

    def look(self, items: Sequence[Pair]) -> list[dict[str, Any]]:
        """Read what is not known yet; the cards that could be read. A card that is gone is empty, it has no phone."""
        asked = [item for item in dict.fromkeys(items) if item not in self._found and item not in self._closed]
        for start in range(0, len(asked), MAX_BATCH):
            self._read(asked[start : start + MAX_BATCH])
        return [self._found[item] for item in items if item in self._found]

    def _read(self, items: Sequence[Pair]) -> None:
        reply = self._rest.batch(
            {f"{kind}_{number}": ("crm.item.get", {"entityTypeId": kind, "id": number}) for kind, number in items}
        )
        for kind, number in items:
            error = reply.errors.get(f"{kind}_{number}")
            if error is not None and error.code.upper() not in ("NOT_FOUND", "ERROR_NOT_FOUND", "100"):
                self._closed[kind, number] = error
            else:
                self._found[kind, number] = (reply.results.get(f"{kind}_{number}") or {}).get("item") or {}


_MESSAGE: Any = Message.__table__
_CONVERSATION: Any = Conversation.__table__


class Around:
    """What a group of runs needs around it: portals with their lines, and the conversations with its phones.

    Made while planning, without locks; taken along into the transaction that writes (`enter`), where lines are read again and
    locked against removal. New messages are gathered and written at once.
    """

    def __init__(self, session: Session, runtime: Runtime, runs: Sequence[SomeRun]) -> None:
        self.session = session
        self.runtime = runtime
        self.portals = rows.know_portals(session, {run.portal_id for run in runs})
        self.lines = rows.know_lines(session, self.portals.values(), lock=False)
        self.messages: list[dict[str, Any]] = []
        self._known: dict[str, list[Conversation]] = defaultdict(list)

    def enter(self, session: Session) -> "Around":
        """From now on in the transaction that writes."""
        self.session = session
        rows.remember_portals(session, self.portals)
        self.lines = rows.know_lines(session, self.portals.values(), lock=True)
        return self

    def know(self, keys: Collection[str]) -> None:
        """Read the conversations with these phones (index keys) on any of the lines."""
        asked = [key for key in keys if key not in self._known]
        for one in lines.conversations_with(self.session, list(self.lines), asked) if asked else []:
            for key in {one.phone_key, one.alias_key or one.phone_key}:
                self._known[key].append(one)

    def conversations(self, keys: Iterable[str]) -> list[Conversation]:
        """Those that are known with these phones."""
        return [one for key in keys for one in self._known.get(key, ())]

    def make(self, wanted: Iterable[tuple[int, str]]) -> None:
        """Make the conversations (line, phone) that are the first word, all in one statement."""
        keyed = {(line_id, self.runtime.phone_key(phone)): phone for line_id, phone in wanted}
        new = {pair: phone for pair, phone in sorted(keyed.items()) if self._with(*pair) is None}
        if new:
            made = [{"line_id": line_id, "phone": phone, "phone_key": key} for (line_id, key), phone in new.items()]
            # A client may have written meanwhile.
            for row in rows.add(self.session, _CONVERSATION, made, "id", "line_id", "phone_key", known=True):
                self._known[row.phone_key].append(Conversation(id=row.id, line_id=row.line_id, phone_key=row.phone_key))
            if missing := {key for line_id, key in new if self._with(line_id, key) is None}:
                for key in missing:
                    self._known.pop(key, None)
                self.know(missing)

    def with_phone(self, line_id: int, phone: str) -> Conversation:
        """The conversation of this line with this phone (digits); `know` and `make` have seen to it that there is one."""
        found = self._with(line_id, self.runtime.phone_key(phone))
        assert found is not None, "a conversation that was not made"
        return found

    def _with(self, line_id: int, key: str) -> Conversation | None:
        return next((one for one in self._known.get(key, ()) if one.line_id == line_id), None)

    def write(self) -> None:
        """Write the messages that were gathered."""
        rows.add(self.session, _MESSAGE, self.messages, "id")
        self.messages = []


def record(session: Session, runtime: Runtime, run: SomeRun, outcome: Outcome, around: Around) -> None:
    """Write down what planning found. A run that was ended meanwhile stays as it is; its row is held."""
    if run.state != "stored":
        return
    if isinstance(outcome, Refused):
        # As far as planning came: people ask by line and by client why nothing was sent.
        run.line_id, run.conversation_id = outcome.line_id, outcome.conversation_id
        endings.end(session, runtime, run, "failed", outcome.code, outcome.text)
    elif isinstance(outcome, Postponed):
        postpone(runtime, run, outcome)
    else:
        _start(session, runtime, run, outcome, around)


def postpone(runtime: Runtime, run: SomeRun, outcome: Postponed) -> None:
    """Plan it again later."""
    run.plan_tries += 1
    run.plan_at = runtime.clock() + timedelta(seconds=outcome.after_s)
    log.warning("run postponed", trace=run.trace, reason=outcome.reason, after_s=outcome.after_s)


def _start(session: Session, runtime: Runtime, run: SomeRun, planned: Planned, around: Around) -> None:
    now = runtime.clock()
    line = around.lines.get(planned.line_id)
    if line is None or line.status != "connected":
        refusal = refused("line_not_connected")
        endings.end(session, runtime, run, "failed", refusal.code, refusal.text)
        return
    conversation = around.with_phone(line.id, planned.phone)
    run.line_id, run.conversation_id = line.id, conversation.id
    run.note = planned.note.to(around.portals[run.portal_id].language) if planned.note else ""
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
    around.messages.append(
        {
            "run_id": run.id,
            "portal_id": run.portal_id,
            "shard": run.shard,
            "line_id": line.id,
            "conversation_id": conversation.id,
            "status": "queued",
            "created_at": now,
            "send_at": now,
            **planned.message,
        }
    )
    log.info("run planned", trace=run.trace, run=run.id, line=line.id, kind=planned.message["kind"])


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
