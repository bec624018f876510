"""What can be said of a message at once, without asking a portal or Gupshup: by the same code that plans robots' runs.

Whatever this lets through may still fail later, and then ends with a reason as a robot's message does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from activities import phones
from activities.errors import Refused, refused
from gupshup.templates import TemplateInfo
from messaging.conversations import lookup
from messaging.intake.robot_calls import wait_minutes
from messaging.policy import consent, sending
from messaging.runtime import Runtime
from messaging.stages.planning import plan
from messaging.stages.planning.desk import Elsewhere, QuickDesk
from messaging.stages.planning.plan import Draft, Planned
from messaging.store.models import Conversation, Line, Portal
from messaging.store.rows import RunRow
from messaging.store.states import RunState
from messaging.templates import catalogue
from messaging.templates.catalogue import is_fresh

# Made once: building a statement takes longer than running it.
_PORTAL = select(Portal).where(Portal.id == bindparam("portal")).options(joinedload(Portal.lines))


@dataclass(frozen=True)
class Judged:
    """Where a message would go now: the line, and the phone (digits)."""

    line_id: int
    phone: str


class _JudgingDesk(QuickDesk):
    """Knows what the database knows. WhatsApp's limit of new conversations is a matter of the moment a message is planned."""

    def open_conversation(self, phone: str) -> None:
        return

    def find_template(self, reference: str, language: str) -> TemplateInfo | None:
        if self.line.app_id and is_fresh(self.runtime, self.line) and not self.known(self.line, reference):
            raise refused("template_not_found", at="template", value=reference)
        return super().find_template(reference, language)


def judge(
    runtime: Runtime, portal_id: int, side: str, action: str, properties: Mapping[str, Any], now: datetime
) -> Judged:
    """Where this message would go. Raises Refused for what is known to end in a refusal."""
    with runtime.db.read() as session:
        portal = session.scalars(_PORTAL, {"portal": portal_id}).unique().one()
        draft = plan.draft_of(runtime, _run(portal, side, action, properties, now), phones.split)
        known = lookup.conversations_with(session, [line.id for line in portal.lines], draft.keys)
        chosen = draft.chosen(portal, known)
        assert not isinstance(chosen, plan.Lineless), "no message goes without a line"
        line, conversation = chosen
        planned = _planned(session, runtime, draft, line, conversation, portal)
        if planned is None:
            return Judged(line.id, next(iter(draft.keys.values())))
        _ask_consent_of(session, runtime, planned, portal_id)
        return Judged(line.id, planned.phone)


def _planned(
    session: Session, runtime: Runtime, draft: Draft, line: Line, conversation: Conversation | None, portal: Portal
) -> Planned | None:
    """The plan; None: somebody else must be asked first."""
    desk = _JudgingDesk(runtime, draft.run, line, conversation, draft.region, portal)

    def known(line: Line, reference: str) -> list[TemplateInfo]:
        return catalogue.look(session, line, reference)

    desk.known = known
    try:
        return draft.planned(line, conversation, desk)
    except Elsewhere:
        return None
    except Refused as why:
        if why.code == "window_closed":
            # Whether the client wants no messages weighs more than the wrong moment.
            _ask_consent(session, runtime, portal.id, line.id, why.phone, is_session=True, category="")
        raise


def _ask_consent_of(session: Session, runtime: Runtime, planned: Planned, portal_id: int) -> None:
    if planned.message is not None:
        is_session, category = planned.message["is_session"], planned.message["category"]
        _ask_consent(session, runtime, portal_id, planned.line_id, planned.phone, is_session, category)


def _ask_consent(
    session: Session, runtime: Runtime, portal_id: int, line_id: int, phone: str, is_session: bool, category: str
) -> None:
    """Raises Refused if the client wants no such messages, or has got enough of them."""
    known = lookup.conversations_with(session, [line_id], runtime.phone_keys(phone))
    keys = consent.Client.of(runtime, phone, list(known)).keys
    (why,) = sending.may_send(
        session, runtime.clock(), [sending.Wanted(portal_id, line_id, frozenset(keys), is_session, category)]
    )
    if why is not None:
        raise why


def _run(portal: Portal, side: str, action: str, properties: Mapping[str, Any], now: datetime) -> RunRow:
    """The run that would be stored, as planning reads one."""
    return RunRow(
        id=0,
        trace="0" * 12,
        portal_id=portal.id,
        shard=0,
        side=side,
        action=action,
        workflow_id="",
        document=["", "", "", ""],
        waits=False,
        stored_at=now,
        deadline_at=now + timedelta(minutes=wait_minutes(properties)),
        state=RunState.STORED,
        plan_at=now,
        plan_tries=0,
        until="accepted",
        line_id=None,
        conversation_id=None,
        awaits_message_id=None,
        accept=None,
        outcome="",
        error_code="",
        note="",
        ended_at=None,
        answer_at=None,
        answer_tries=0,
        answers_sent=0,
        answered_at=None,
        language=portal.language,
        region=portal.region,
        phone_region=portal.phone_region,
        portal_status=portal.status,
        properties=dict(properties),
    )
