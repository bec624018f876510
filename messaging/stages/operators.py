"""The stage that makes messages of what operators have written: it fetches their files, and refuses what cannot be sent.

What was written to one client becomes messages one after another, in the order of the chat; then each goes the way of all
messages. The chat shows what is refused. Files may be fetched again, so a crash in the middle costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import String, bindparam, cast, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from activities import phones
from activities.errors import Refused, from_invalid, refused
from bx24.errors import Bx24Error
from gupshup import messages
from gupshup.errors import InvalidMessage
from messaging.conversations import chat_tasks
from messaging.conversations.chat_notes import not_sent
from messaging.conversations.queueing import columns_of, queue
from messaging.files.problems import Unfetched, unreachable
from messaging.files.storage import Files
from messaging.money import estimates
from messaging.policy import leaving
from messaging.portals import tokens
from messaging.runs.outcomes import UNCLEAR_FOR
from messaging.stages.shared_slots import StoredRows, due_rows
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.open_channels import OperatorMessage, OperatorState
from messaging.store.portal_tasks import PortalTask
from messaging.store.sql import among, there_is
from messaging.store.states import Origin
from messaging.store.types import UTCDateTime

TRIES = 6
#: WhatsApp fetches a file soon after the message has left; a paused line may hold the message back for days.
FILE_KEPT = timedelta(days=3)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Preparing:
    """One part of an operator's message on its way to become a message."""

    id: int
    portal_id: int
    content: dict[str, Any]

    @property
    def file_name(self) -> str:
        """The name of its file, "" without a file."""
        return str((self.content.get("file") or {}).get("name") or "")


#: The message's columns that come from its content, or why there is none.
Result = Mapping[str, Any] | Refused | Bx24Error


class Operators(StoredRows):
    """Makes messages of what operators write."""

    name = "operate"

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Preparing]:
        self._tell_unclear(session, held)
        begun = self.begin(session, _DUE, held, free_slots)
        return [Preparing(row.id, row.portal_id, row.content or {}) for row in begun]

    def work(self, task: Preparing) -> Result:
        """Build the message; fetch its file before. On a thread."""
        try:
            return task.content.get("message") or self._built(task)
        except InvalidMessage as error:
            return from_invalid(error)
        except (Refused, Bx24Error) as error:
            return error

    def _built(self, task: Preparing) -> dict[str, Any]:
        file, text = task.content.get("file"), str(task.content.get("text") or "")
        if file is None:
            return columns_of(messages.Text(text))
        rest = tokens.portal_client(self.runtime, task.portal_id)
        shared = Files(self.runtime, task.portal_id, rest, rest.endpoint).shared(
            document=(),
            reference=file["link"],
            media="auto",
            name=task.file_name,
            keep_until=self.runtime.clock() + FILE_KEPT,
        )
        return columns_of(messages.File(shared.media, shared.url, text, shared.name))

    def record(self, session: Session, done: list[tuple[Preparing, Result]]) -> None:
        for task, result in done:
            row = self.free(session, OperatorMessage, task)
            if row is not None:
                self._record(session, row, task, result)

    def _record(self, session: Session, row: OperatorMessage, task: Preparing, result: Result) -> None:
        if isinstance(result, Bx24Error):
            result = unreachable(task.file_name or "?", "connection", passing=True)
        if isinstance(result, Unfetched) and result.passing and row.tries + 1 < TRIES:
            self.try_later(row)
            return
        why = result if isinstance(result, Refused) else self._refusal(session, row, result)
        if why is not None:
            self._refuse(session, row, why, task.file_name)
        elif not isinstance(result, Refused):
            self._queue(session, row, result)

    def _refusal(self, session: Session, row: OperatorMessage, message: Mapping[str, Any]) -> Refused | None:
        line, conversation = session.get_one(Line, row.line_id), session.get_one(Conversation, row.conversation_id)
        return leaving.refusal(
            session, self.runtime.clock(), line, conversation, message, closed=refused("window_closed")
        )

    def _queue(self, session: Session, row: OperatorMessage, message: Mapping[str, Any]) -> None:
        now = self.runtime.clock()
        line = session.get_one(Line, row.line_id)
        conversation = session.get_one(Conversation, row.conversation_id)
        country, portal = phones.country_of(conversation.phone), session.get_one(Portal, row.portal_id)
        cost = estimates.of_message(self.runtime, portal, line, conversation, message, country)
        content = {**message, "country": country, "author_id": row.user_id, **estimates.columns(cost)}
        queue(session, now, line, row.conversation_id, (Origin.OPERATOR, row.id), content)
        row.state, row.content = OperatorState.SENT, None
        self.fed.add(row.line_id)
        self.runtime.counters.add("operator_messages", row.line_id, "queued", portal=row.portal_id)
        log.info("operator's message queued", portal=row.portal_id, line=row.line_id, id=row.id)

    def _refuse(self, session: Session, row: OperatorMessage, why: Refused, file_name: str) -> None:
        row.state, row.content = OperatorState.REFUSED, None
        portal = session.get_one(Portal, row.portal_id)
        text = not_sent(why, file_name).to(portal.language)
        chat_tasks.note(
            session,
            self.runtime,
            row.portal_id,
            f"refused {row.id}",
            text,
            conversation_id=row.conversation_id,
            chat_id=row.chat_id,
            user_id=row.user_id,
        )
        if row.im_message_id is not None:
            chat_tasks.tick_if_settled(session, self.runtime, row)
        self.runtime.counters.add("operator_messages", row.line_id, why.code, portal=row.portal_id)
        log.info("operator's message refused", portal=row.portal_id, line=row.line_id, code=why.code)

    def lost(self, session: Session, task: Preparing) -> None:
        """A fault of ours: again a few times, then the operator is told."""
        row = self.free(session, OperatorMessage, task)
        if row is None:
            return
        self.try_later(row)
        if row.tries >= TRIES:
            self._refuse(session, row, refused("internal", trace=f"operator {row.id}"), task.file_name)

    def _tell_unclear(self, session: Session, held: dict[int, int]) -> None:
        since = self.runtime.clock() - timedelta(seconds=self.runtime.config.unknown_after_s)
        asked = {"shards": list(held), "since": since, "until": since - UNCLEAR_FOR}
        for row in session.execute(_UNCLEAR, asked).all():
            written = session.get(OperatorMessage, row.origin_id)
            if written is not None:
                chat_tasks.unclear(session, self.runtime, written, row.id)


# Statements are made once: building a statement takes longer than running it.
_EARLIER = aliased(OperatorMessage)
#: An earlier message of the chat, by the messenger's order: events may overtake each other. A template from the panel has no
#: number of the messenger, so no message waits for it.
_IN_FRONT = there_is(
    _EARLIER,
    _EARLIER.id,
    _EARLIER.conversation_id == OperatorMessage.conversation_id,
    _EARLIER.state == "stored",
    tuple_(_EARLIER.im_message_id, _EARLIER.id) < tuple_(OperatorMessage.im_message_id, OperatorMessage.id),
)
_DUE = due_rows(
    OperatorMessage,
    (OperatorMessage.id, OperatorMessage.portal_id, OperatorMessage.content),
    or_(OperatorMessage.im_message_id.is_(None), ~_IN_FRONT),
)
#: Operators' messages that are unclear while the chat does not show it yet. The origin is compared through `coalesce`, because
#: SQLite would otherwise take the index of origins and read everything that operators ever wrote.
UNTOLD = (func.coalesce(Message.origin, "") == Origin.OPERATOR) & ~there_is(
    PortalTask,
    PortalTask.id,
    PortalTask.portal_id == Message.portal_id,
    PortalTask.key == literal("unclear ") + cast(Message.id, String),
)
_UNCLEAR = select(Message.id, Message.origin_id).where(
    among(Message.shard, "shards"),
    Message.status == "unknown",
    Message.claimed_at <= bindparam("since", type_=UTCDateTime),
    Message.claimed_at > bindparam("until", type_=UTCDateTime),
    UNTOLD,
)
