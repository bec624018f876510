"""The stage that makes messages of what the portal hands over.

A row becomes a message once: the row is locked, and the message's cause is the row. What was handed over for one client becomes
messages one after another, in the order of arrival; then each goes the way of all messages. What is refused becomes a failed
message, so that the card's timeline and our pages show why, and the portal is told `failed`.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import type_coerce
from sqlalchemy.orm import Session, aliased

from activities.errors import Refused, refused
from messaging.conversations import lookup, provider_statuses
from messaging.conversations.queueing import queue
from messaging.intake.provider_calls import PATIENCE
from messaging.money import estimates
from messaging.policy import leaving
from messaging.stages.provider import texts
from messaging.stages.provider.preparing import Later, NotSent, Preparing, Ready, Result, not_sent, prepare
from messaging.stages.shared_slots import StoredRows, due_rows
from messaging.stages.status_changes import hold_back
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Conversation, Line, Portal
from messaging.store.provider import ProviderMessage, ProviderState
from messaging.store.sql import there_is
from messaging.store.states import Origin
from messaging.store.types import ReadableJson

#: Faults of ours in a row.
FAULTS = 6
log = structlog.get_logger(__name__)


class Provider(StoredRows):
    """Makes messages of what portals hand over."""

    name = "hand over"

    part = 4

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Preparing]:
        begun = self.begin(session, _DUE, held, free_slots)
        return [Preparing(row.id, row.portal_id, row.line_id, row.content, row.created_at) for row in begun]

    def work(self, task: Preparing) -> Result:
        """Prepare a message; on a thread."""
        return prepare(self.runtime, task)

    def record(self, session: Session, done: list[tuple[Preparing, Result]]) -> None:
        for task, result in done:
            row = self.free(session, ProviderMessage, task)
            if row is not None:
                self._record(session, row, task, result)

    def _record(self, session: Session, row: ProviderMessage, task: Preparing, result: Result) -> None:
        match result:
            case Ready(phone, columns):
                line, conversation = self._conversation(session, row, phone)
                closed = Refused("window_closed", texts.WINDOW_CLOSED)
                why = leaving.refusal(session, self.runtime.clock(), line, conversation, columns, closed)
                if why is None:
                    self._queue(session, row, line, conversation, columns)
                else:
                    self._refuse(session, row, NotSent(why, phone, columns))
            case NotSent():
                self._refuse(session, row, result)
            case Later():
                self._later(session, row, task, result)

    def _later(self, session: Session, row: ProviderMessage, task: Preparing, later: Later) -> None:
        now = self.runtime.clock()
        if later.why is None:
            row.due_at = later.at
        elif now - row.created_at > PATIENCE:
            self._refuse(session, row, not_sent(task, later.why, later.phone))
        else:
            self.try_later(row)
            row.due_at = max(later.at, row.due_at)

    def _conversation(self, session: Session, row: ProviderMessage, phone: str) -> tuple[Line, Conversation]:
        line = session.get_one(Line, row.line_id)
        return line, lookup.known_or_new(session, self.runtime, line.id, phone)

    def _queue(
        self,
        session: Session,
        row: ProviderMessage,
        line: Line,
        conversation: Conversation,
        columns: Mapping[str, Any],
    ) -> None:
        self._made(session, row, line, conversation, columns)
        self.fed.add(row.line_id)
        self._over(row, ProviderState.SENT, "queued")

    def _made(
        self,
        session: Session,
        row: ProviderMessage,
        line: Line,
        conversation: Conversation,
        columns: Mapping[str, Any],
    ) -> int | None:
        """The id of the new message. From now on its statuses are told to the portal."""
        portal = session.get_one(Portal, row.portal_id)
        cost = estimates.of_message(self.runtime, portal, line, conversation, columns, columns["country"])
        content = {**columns, "item": row.item, "timeline": True, **estimates.columns(cost)}
        return queue(session, self.runtime.clock(), line, conversation.id, (Origin.PROVIDER, row.id), content)

    def _refuse(self, session: Session, row: ProviderMessage, result: NotSent) -> None:
        """A message that names a client is kept as a failed one: the timeline and our pages show it with the reason."""
        if result.phone and result.columns is not None:
            line, conversation = self._conversation(session, row, result.phone)
            message_id = self._made(session, row, line, conversation, result.columns)
            changes = Changes(session)
            for message in rows.messages_by_id(session, [message_id] if message_id is not None else []):
                hold_back(changes, self.runtime, message, result.why)
            changes.write()
        else:
            provider_statuses.put(session, row.portal_id, self.runtime.clock(), {row.id: None})
        self._over(row, ProviderState.REFUSED, result.why.code)

    def _over(self, row: ProviderMessage, state: ProviderState, outcome: str) -> None:
        row.state, row.content = state, None
        self.runtime.counters.add("provider_messages", row.line_id, outcome, portal=row.portal_id)
        log.info("portal's message", portal=row.portal_id, line=row.line_id, id=row.id, outcome=outcome)

    def lost(self, session: Session, task: Preparing) -> None:
        """A fault of ours: again a few times, then the portal is told."""
        row = self.free(session, ProviderMessage, task)
        if row is None:
            return
        self.try_later(row)
        if row.tries >= FAULTS:
            self._refuse(session, row, NotSent(refused("internal", trace=f"provider {row.id}")))


# Statements are made once: building a statement takes longer than running it.
_EARLIER = aliased(ProviderMessage)
#: Earlier messages of the portal to the same client by the same line.
_IN_FRONT = there_is(
    _EARLIER,
    _EARLIER.id,
    _EARLIER.portal_id == ProviderMessage.portal_id,
    _EARLIER.line_id == ProviderMessage.line_id,
    _EARLIER.client == ProviderMessage.client,
    _EARLIER.state == "stored",
    _EARLIER.id < ProviderMessage.id,
)
_DUE = due_rows(
    ProviderMessage,
    (
        ProviderMessage.id,
        ProviderMessage.portal_id,
        ProviderMessage.line_id,
        type_coerce(ProviderMessage.content, ReadableJson).label("content"),
        ProviderMessage.created_at,
    ),
    ~_IN_FRONT,
)
