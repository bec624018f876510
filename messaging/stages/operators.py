"""The stage that makes messages of what operators have written: it fetches their files, and refuses what cannot be sent.

Messages of one client become messages one after another, in the order in which they were written; from then on they go the
way of all messages. What is refused is told in the chat. Fetching may be repeated, so a crash in the middle costs nothing.
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
from messaging.conversations.queueing import queue
from messaging.files.problems import Unfetched, unreachable
from messaging.files.storage import Files
from messaging.limits.backoff import backoff_s
from messaging.money import estimates
from messaging.policy import leaving
from messaging.portals import tokens
from messaging.runs.outcomes import UNCLEAR_FOR
from messaging.stages.shared_slots import SharedSlots
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.open_channels import OperatorMessage, OperatorState
from messaging.store.portal_tasks import PortalTask
from messaging.store.sql import among, not_among, there_is
from messaging.store.states import Origin, PortalStatus
from messaging.store.types import UTCDateTime

TRIES = 6
BACKOFF_S, BACKOFF_MAX_S = 2.0, 60.0
#: Files are fetched by WhatsApp soon after the message has left; a paused line may keep it for a while.
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
        """Of its file, "" without one."""
        return str((self.content.get("file") or {}).get("name") or "")


#: The message's columns that come from its content, or why there is none.
Result = Mapping[str, Any] | Refused | Bx24Error


class Operators(SharedSlots):
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
            row = self._free(session, task)
            if row is not None:
                self._record(session, row, task, result)

    def _free(self, session: Session, task: Preparing) -> OperatorMessage | None:
        """The row of a task, locked; None if it is over, or was wiped with its portal."""
        self.busy.discard((task.id, task.portal_id))
        row = session.get(OperatorMessage, task.id, with_for_update=True, populate_existing=True)
        # Another portal's row may have got the number of one that was wiped.
        if row is None or row.portal_id != task.portal_id or row.state != OperatorState.STORED:
            return None
        return row

    def _record(self, session: Session, row: OperatorMessage, task: Preparing, result: Result) -> None:
        if isinstance(result, Bx24Error):
            result = unreachable(task.file_name or "?", "connection", passing=True)
        if isinstance(result, Unfetched) and result.passing and row.tries + 1 < TRIES:
            row.tries += 1
            wait_s = backoff_s(row.tries, BACKOFF_MAX_S, BACKOFF_S)
            row.due_at = self.runtime.clock() + timedelta(seconds=wait_s)
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
        row = self._free(session, task)
        if row is None:
            return
        row.tries += 1
        if row.tries >= TRIES:
            self._refuse(session, row, refused("internal", trace=f"operator {row.id}"), task.file_name)
        else:
            wait_s = backoff_s(row.tries, BACKOFF_MAX_S, BACKOFF_S)
            row.due_at = self.runtime.clock() + timedelta(seconds=wait_s)

    def _tell_unclear(self, session: Session, held: dict[int, int]) -> None:
        since = self.runtime.clock() - timedelta(seconds=self.runtime.config.unknown_after_s)
        asked = {"shards": list(held), "since": since, "until": since - UNCLEAR_FOR}
        for row in session.execute(_UNCLEAR, asked).all():
            written = session.get(OperatorMessage, row.origin_id)
            if written is not None:
                chat_tasks.unclear(session, self.runtime, written, row.id)


def columns_of(message: messages.Message) -> dict[str, Any]:
    """The columns that a message's content fills."""
    return {
        "kind": message.kind,
        "is_session": message.is_session,
        "payload": {"path": message.path, "form": message.form()},
        "choices": [list(choice) for choice in message.choices] or None,
    }


# Statements are made once: building a statement takes longer than running it.
_EARLIER = aliased(OperatorMessage)
#: In the messenger's order: events may overtake each other. A template of the panel stands in nobody's way.
_IN_FRONT = there_is(
    _EARLIER,
    _EARLIER.id,
    _EARLIER.conversation_id == OperatorMessage.conversation_id,
    _EARLIER.state == "stored",
    tuple_(_EARLIER.im_message_id, _EARLIER.id) < tuple_(OperatorMessage.im_message_id, OperatorMessage.id),
)
_ACTIVE = select(Portal.id).where(Portal.id == OperatorMessage.portal_id, Portal.status == PortalStatus.ACTIVE).exists()
#: What is due of each portal whose share has room, numbered: much of one portal hides nothing of others.
_OF_PORTALS = (
    select(
        OperatorMessage.id,
        func.row_number().over(partition_by=OperatorMessage.portal_id, order_by=OperatorMessage.id).label("place"),
    )
    .where(
        among(OperatorMessage.shard, "shards"),
        OperatorMessage.state == "stored",
        OperatorMessage.due_at <= bindparam("now", type_=UTCDateTime),
        not_among(OperatorMessage.id, "busy"),
        not_among(OperatorMessage.portal_id, "full"),
        or_(OperatorMessage.im_message_id.is_(None), ~_IN_FRONT),
        _ACTIVE,
    )
    .subquery("of_portals")
)
_DUE = (
    select(OperatorMessage.id, OperatorMessage.portal_id, OperatorMessage.content)
    .join(_OF_PORTALS, _OF_PORTALS.c.id == OperatorMessage.id)
    .where(_OF_PORTALS.c.place <= bindparam("share"))
    .order_by(_OF_PORTALS.c.place, OperatorMessage.id)
    .limit(bindparam("limit"))
)
#: An operator's message of which the chat has not been told that it is unclear. No plain column of the origin: SQLite would
#: read all that operators ever wrote, by the index of origins.
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
