"""From a stored run to its plan: check the fields, find line and phone, build the message.

Planning only reads and asks, so a crash in the middle is repaired by planning again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

import gupshup.errors
from activities import Person, phones
from activities.base import Action, Plan, load
from activities.errors import CARD_CLOSED, Refused, refused
from activities.wait_delivery import MESSAGE
from bx24 import payloads
from bx24.errors import Bx24Error, PortalInactive, Rejected, Unauthorized
from bx24.i18n import Text
from gupshup.errors import GupshupError
from messaging.conversations import lookup
from messaging.conversations.queueing import columns_of
from messaging.files.downloads import Unfetched
from messaging.limits.backoff import backoff_s
from messaging.lines import circuit_breaker, selection
from messaging.portals import portals, tokens
from messaging.portals.crm import Cards, pair_of
from messaging.runtime import Runtime
from messaging.stages.planning import judgement
from messaging.stages.planning.desk import RunDesk
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.rows import RunRow
from messaging.store.states import MessageStatus, Origin, PortalStatus
from robots import Client, client
from robots.lookup import action_of

#: Side of a run → where its message comes from.
_ORIGINS = {"robots": Origin.ROBOT, "activities": Origin.ACTIVITY, "api": Origin.API}
#: How often a file that cannot be had just now is asked for again: half a minute in all.
FILE_TRIES = 5
#: And for a portal whose token's user has left: until another's is there, two minutes in all.
USER_TRIES = 7
#: Seconds between two tries to plan a run, at most.
BACKOFF_MAX_S = 60.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Planned:
    """A run's plan, ready to be recorded.

    message: columns of the Message, None for a run that sends nothing; values: results known at once, None otherwise;
    consent: as in activities.base.Plan.
    """

    line_id: int
    phone: str
    until: str
    deadline_at: datetime
    accept: list[str]
    message: dict[str, Any] | None
    note: Text | None
    values: Mapping[str, Any] | None
    consent: str = ""

    @property
    def leaves_at_once(self) -> bool:
        """Whether there is a message that goes into the queue, and is not held."""
        return self.message is not None and self.message["status"] == MessageStatus.QUEUED


@dataclass(frozen=True)
class Postponed:
    """A run that could not be planned now, for no fault of its own."""

    after_s: float
    reason: str


@dataclass(frozen=True)
class Awaiting:
    """The plan of a run that waits for a message another run has sent."""

    message_id: int
    line_id: int
    conversation_id: int
    until: str
    deadline_at: datetime


@dataclass(frozen=True)
class Lineless:
    """The plan of a run that changes what its client allows while no line is connected. consent: as in activities.base.Plan."""

    phone: str
    consent: str


PlanResult = Planned | Lineless | Awaiting | Refused | Postponed


def plan_all(runtime: Runtime, runs: Sequence[RunRow]) -> list[PlanResult]:
    """Plan runs of one portal whose clients the CRM knows: their cards come in batches, not one by one."""
    cards = Cards(tokens.portal_client(runtime, runs[0].portal_id))
    if len(runs) == 1:
        return [plan(runtime, runs[0], cards)]
    for run in runs:
        _heal(runtime, run)
    try:
        items = cards.look([pair for run in runs if (pair := pair_of(run.document))])
        cards.look([person for item in items for person in client.linked(item)])
    except Bx24Error:
        log.info("cards not read ahead", portal=runs[0].portal_id)  # each run asks again and finds its own words
    return [plan(runtime, run, cards) for run in runs]


def plan(runtime: Runtime, run: RunRow, cards: Cards) -> PlanResult:
    """Check the fields, find line and phone, build the message, asking whoever must be asked; on a thread. Only reads."""
    try:
        _heal(runtime, run)
        draft = draft_of(runtime, run, lambda given: _candidates(run, given, cards))
        with runtime.db.read() as session:
            if not draft.action.is_addressed:
                return draft.awaiting(session)
            portal = session.get_one(Portal, run.portal_id)
            known = lookup.conversations_with(session, [line.id for line in portal.lines], draft.keys)
            chosen = draft.chosen(portal, known)
            if isinstance(chosen, Lineless):
                return chosen
            line, conversation = chosen
        desk = RunDesk(runtime, run, line, conversation, draft.region, portal)
        desk.cards = cards
        return draft.planned(line, conversation, desk)
    except Refused as refusal:
        again = isinstance(refusal, Unfetched) and refusal.passing and run.plan_tries < FILE_TRIES
        return Postponed(backoff_s(run.plan_tries + 1, BACKOFF_MAX_S), refusal.code) if again else refusal
    except Bx24Error as error:
        return _not_answered(run, error)
    except GupshupError as error:
        if isinstance(error, gupshup.errors.Rejected | gupshup.errors.Misconfigured):
            why = gupshup.errors.refusal(error.code, error.reason)
            return Refused(why.code, Text(why.en, why.ru))
        return Postponed(error.retry_after or backoff_s(run.plan_tries + 1, BACKOFF_MAX_S), error.code)


def _not_answered(run: RunRow, error: Bx24Error) -> PlanResult:
    """What Bitrix24's error means for a run that needs the CRM: try later, or refuse."""
    if isinstance(error, PortalInactive):
        log.warning("Bitrix24 refused", trace=run.trace, code=error.code)
        return refused("portal_inactive")
    # The next call's own pair heals a portal whose user is gone; this run is not to blame, and is planned again a few times.
    is_final = not isinstance(error, Unauthorized) or run.plan_tries >= USER_TRIES
    if isinstance(error, Unauthorized | Rejected) and is_final:
        log.warning("Bitrix24 refused", trace=run.trace, code=error.code)
        return Refused("no_phone", CARD_CLOSED.format(code=error.code))
    # A busy portal's runs come back less and less often: each try costs, and only two a second get through.
    return Postponed(max(getattr(error, "retry_after", 0.0), backoff_s(run.plan_tries + 1, BACKOFF_MAX_S)), error.code)


@dataclass(frozen=True)
class Draft:
    """A run's checked fields, before line and conversation are known.

    keys: index key → phone (digits), in the order of the phones; two spellings of a number have the same keys.
    """

    run: RunRow
    action: Action
    values: dict[str, Any]
    region: str
    keys: dict[str, str]

    @property
    def line(self) -> str:
        """The line as the robot names it; empty: by itself."""
        return str(self.values["line"]).strip()

    def chosen(
        self, portal: Portal, conversations: Sequence[Conversation]
    ) -> tuple[Line, Conversation | None] | Lineless:
        """The line to send from, and the conversation. conversations, raises: as in `selection.choose`."""
        try:
            return selection.choose(portal, self.line, self.keys, conversations)
        except Refused as why:
            plan = self.action.plan_without_line(self.values) if why.code == "line_not_connected" else None
            if plan is None:
                raise
            return Lineless(self._phone(None), plan.consent)

    def planned(self, line: Line, conversation: Conversation | None, desk: RunDesk) -> Planned:
        """The plan on this line. Raises Refused and what the desk raises."""
        try:
            return self._planned(line, conversation, desk)
        except Refused as refusal:
            refusal.line_id, refusal.conversation_id = line.id, conversation.id if conversation else None
            refusal.phone = self._phone(conversation)
            raise

    def _planned(self, line: Line, conversation: Conversation | None, desk: RunDesk) -> Planned:
        circuit_breaker.refuse(line, self.action, desk.now())
        plan = self.action.plan(self.values, desk)
        phone = self._phone(conversation)
        deadline_at = self.run.stored_at + plan.wait
        message = None
        if plan.message is not None:
            message = self._message(plan, desk, phone) | judgement.when(plan, desk, phone, deadline_at)
            if not plan.message.is_session and desk.window_until() is None:
                desk.open_conversation(phone)
        return Planned(
            line_id=line.id,
            phone=phone,
            until=plan.until,
            deadline_at=deadline_at,
            accept=list(plan.accept),
            message=message,
            note=plan.note,
            values=plan.values,
            consent=plan.consent,
        )

    def awaiting(self, session: Session) -> Awaiting:
        """The plan of a run that waits for a message of another run, by the id the provider gave it. Raises Refused."""
        wanted = self.values["message"].strip()
        ours = select(Message.id, Message.line_id, Message.conversation_id).where(
            Message.gupshup_id == wanted, Message.portal_id == self.run.portal_id
        )
        found = session.execute(ours.order_by(Message.id)).first()
        if found is None:
            raise refused("message_not_found", at="message", value=wanted, field=MESSAGE)
        deadline_at = self.run.stored_at + timedelta(minutes=self.values["wait_minutes"])
        return Awaiting(*found, until=self.values["until"], deadline_at=deadline_at)

    def _message(self, plan: Plan, desk: RunDesk, phone: str) -> dict[str, Any]:
        """The columns of the message: what is sent, and what reports will ask for when its texts are wiped."""
        message, template = plan.message, desk.template_used
        assert message is not None
        return {
            **columns_of(message, plan.choices),
            "origin": _ORIGINS[self.run.side],
            "action": self.action.name,
            "template": template.name if template else "",
            "category": template.category[:20] if template else "",
            "country": phones.country_of(phone),
            "item": self.run.document[3][:64],
            "timeline": bool(self.values.get("timeline", True)),
            **desk.price_of(message.is_session, template.category if template else "", phones.country_of(phone)),
        }

    def _phone(self, conversation: Conversation | None) -> str:
        """The typed number that has this conversation, possibly under WhatsApp's spelling; else the first one."""
        keys = (conversation.phone_key, conversation.alias_key or "") if conversation else ()
        return next((self.keys[key] for key in keys if key in self.keys), next(iter(self.keys.values())))


def draft_of(runtime: Runtime, run: RunRow, candidates: Callable[[str], list[str]]) -> Draft:
    """Check the fields. candidates: what was typed in → the numbers in question. Raises Refused."""
    if run.error_code:
        raise refused(run.error_code, limit=runtime.config.calls_per_minute)  # decided when it was stored
    action = action_of(run.side, run.action)
    assert action is not None, f"no action {run.action}"
    schema = action.schema(Client if run.side == "robots" else Person)
    values = load(schema, action.tidy(dict(run.properties or {})))
    region = phones.region_of(run.region, run.language, run.phone_region)
    if not action.is_addressed:
        return Draft(run, action, values, region, {})
    numbers = phones.valid(candidates(values["phone"]), region)
    keys: dict[str, str] = {}
    for number in numbers:
        for key in runtime.phone_keys(number):
            keys.setdefault(key, number)
    return Draft(run, action, values, region, keys)


def heals(run: RunRow) -> bool:
    """Whether this run brings the fresh token its portal waits for."""
    return bool(run.auth) and run.portal_status == PortalStatus.REAUTH


def _heal(runtime: Runtime, run: RunRow) -> None:
    if heals(run):
        portals.adopt(runtime, run.portal_id, payloads.Auth(**run.auth))


def _candidates(run: RunRow, given: str, cards: Cards) -> list[str]:
    """The numbers in question: those typed in, else the CRM client's. Raises Refused no_phone."""
    if given.strip():
        return phones.split(given)
    item = pair_of(run.document)
    if item is None:
        raise refused("no_phone")
    found = [number for text in client.phones(*item, cards.fetch) for number in phones.split(text)]
    if not found:
        raise refused("no_phone")
    return found
