"""What the tasks of clients' chats need, read in the transaction that claims them (messaging.stages.portal_writes.chats)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bx24 import open_channels
from bx24.open_channels import ClientMessage, Written
from messaging.policy.settings import Policy
from messaging.runtime import Runtime
from messaging.stages.portal_writes import chat_texts
from messaging.store.models import Conversation, Message, Portal, Reply
from messaging.store.open_channels import OpenLine, OperatorMessage, chat_of, open_line_of
from messaging.store.portal_tasks import PortalTask, TaskState
from messaging.store.sql import among
from messaging.store.states import Origin

#: In the result of a task: the portal could not load the message's file, so its link goes instead.
BY_LINK = "by_link"
#: How many earlier tasks are looked through for ones like an unclear task.
NEARBY = 2000


@dataclass(frozen=True)
class Need:
    """What a task needs, whatever it does. chat_id: None if the client's chat is not known yet."""

    what: str
    portal_id: int
    conversation_id: int | None
    chat_id: int | None = None
    open_line_id: int = 0
    text: str = ""
    #: Of `in`. is_first: no message before it can have made the client's chat.
    message: ClientMessage | None = None
    title: str = ""
    is_first: bool = True
    #: Of a text that only operators see: who is told if the chat is closed; ids of the known ones; when it was asked for.
    user_id: int | None = None
    known: frozenset[int] = frozenset()
    since: datetime | None = None
    #: Of `tick`.
    written: Written | None = None
    ids: tuple[str, ...] = ()
    at: int = 0


class Loading:
    """Reads what the tasks of one portal need."""

    def __init__(self, session: Session, runtime: Runtime, portal: Portal) -> None:
        self.session = session
        self.runtime = runtime
        self.portal = portal
        self.lang = portal.language
        self.zone = _zone(Policy.of(portal).time_zone)
        #: Clients whose chat a task of this batch may make.
        self._begun: set[int] = set()

    def need(self, task: PortalTask) -> Need | None:
        """None: there is nothing to do any more."""
        payload = task.payload if isinstance(task.payload, Mapping) else {}
        what = str(payload.get("what") or task.key.partition(" ")[0])
        common: dict[str, Any] = {"portal_id": task.portal_id, "conversation_id": task.conversation_id}
        match what:
            case "in":
                return self._client_message(task, common)
            case "check":
                return Need("check", **common, open_line_id=int(payload["open_line"]))
            case "switch":
                open_line_id = int(payload["open_line"])
                mine = (OpenLine.portal_id == task.portal_id) & (OpenLine.open_line_id == open_line_id)
                is_on = self.session.scalar(select(OpenLine.line_id).where(mine)) is not None
                return Need("on" if is_on else "off", **common, open_line_id=open_line_id)
            case "tick":
                return self._tick(task, payload, common)
            case "mirror" | "failed" | "unclear":
                return self._about_message(task, what, payload, common)
            case "note":
                return self._line(task, str(payload.get("text") or ""), payload, common)
        return None

    def _client_message(self, task: PortalTask, common: dict[str, Any]) -> Need | None:
        reply = self.session.get(Reply, task.reply_id)
        open_line = open_line_of(self.session, reply.line_id) if reply is not None else None
        if reply is None or open_line is None or not isinstance(reply.content, Mapping):
            return None
        message = self.session.get(Message, task.message_id) if task.message_id is not None else None
        quoted = chat_texts.named(self.session, message, self.lang, chat_texts.QUOTED) if message is not None else ""
        kind = reply.content["values"]["reply_type"]
        if kind == "reaction":  # it opens no window, and shall open no session
            return self._line(task, chat_texts.reaction(reply, quoted, self.lang), {}, common)
        quoted = "" if kind in ("button", "list") else quoted
        conversation = self.session.get_one(Conversation, reply.conversation_id)
        chat_id = chat_of(self.session, conversation.id, open_line.open_line_id)
        if chat_id is None and conversation.id in self._begun:
            task.state = TaskState.DUE  # it stood behind another one: no batch has begun it yet
        self._begun.add(conversation.id)
        name = str(reply.content.get("who") or "")
        by_link = BY_LINK in (task.result or {})
        text = chat_texts.of_client(reply, quoted, self.zone, self.runtime.clock(), self.lang, by_link)
        file = None if by_link else chat_texts.file_of(reply)
        at = int(reply.at.timestamp())
        return Need(
            "in",
            **common,
            chat_id=chat_id,
            open_line_id=open_line.open_line_id,
            message=ClientMessage(reply.provider_id, conversation.phone, name, text, at, file),
            title=f"{' '.join(open_channels.name_parts(name)).strip() or '+' + conversation.phone} - {open_line.name}",
            is_first=chat_id is not None or task.state != TaskState.UNCLEAR or self._is_first(task, reply),
        )

    def _is_first(self, task: PortalTask, reply: Reply) -> bool:
        earlier = select(Reply.id).where(Reply.conversation_id == reply.conversation_id, Reply.id < reply.id)
        newest = self.session.scalars(earlier.order_by(Reply.id.desc()).limit(NEARBY))
        known = {"portal": task.portal_id, "keys": [f"in {reply_id}" for reply_id in newest]}
        return not task.result and all("chat" in (result or {}) for result in self.session.scalars(_BEGUN, known))

    def _about_message(
        self, task: PortalTask, what: str, payload: Mapping[str, Any], common: dict[str, Any]
    ) -> Need | None:
        message = self.session.get(Message, task.message_id)
        if message is None or message.payload is None:
            return None
        if what == "mirror" and message.origin == Origin.OPERATOR:
            text = chat_texts.template_sent(self.session, message, self.lang)
        elif what == "mirror":
            text = chat_texts.automatic(self.session, message, self.zone, self.runtime.clock(), self.lang)
        else:
            text = (chat_texts.failed if what == "failed" else chat_texts.unclear)(self.session, message, self.lang)
        return self._line(task, text, payload, common)

    def _line(self, task: PortalTask, text: str, payload: Mapping[str, Any], common: dict[str, Any]) -> Need | None:
        """A line that only operators see; None if the client has no chat, and will have none."""
        chat_id = payload.get("chat_id") or self._chat(task)
        if not text or (chat_id is None and task.conversation_id not in self._begun):
            return None
        return Need(
            "line",
            **common,
            chat_id=chat_id,
            text=text,
            user_id=payload.get("user_id"),
            since=task.created_at,
            known=self._known_lines(task) if task.state == TaskState.UNCLEAR else frozenset(),
        )

    def _known_lines(self, task: PortalTask) -> frozenset[int]:
        """The numbers of the lines that tasks of the same lane have made, as far as they are not much older."""
        others = select(PortalTask.result).where(
            PortalTask.id >= task.id - NEARBY,
            PortalTask.portal_id == task.portal_id,
            PortalTask.lane == task.lane,
            PortalTask.state == TaskState.DONE,
        )
        return frozenset(int(result["id"]) for result in self.session.scalars(others) if result and "id" in result)

    def _chat(self, task: PortalTask) -> int | None:
        conversation = self.session.get(Conversation, task.conversation_id) if task.conversation_id else None
        open_line = open_line_of(self.session, conversation.line_id) if conversation is not None else None
        if conversation is None or open_line is None:
            return None
        return chat_of(self.session, conversation.id, open_line.open_line_id)

    def _tick(self, task: PortalTask, payload: Mapping[str, Any], common: dict[str, Any]) -> Need | None:
        im_message_id = payload.get("im_message_id")
        parts = self.session.execute(
            select(Message, OperatorMessage.conversation_id, OperatorMessage.line_id)
            .join(OperatorMessage, OperatorMessage.id == Message.origin_id)
            .where(
                Message.origin == Origin.OPERATOR,
                OperatorMessage.portal_id == task.portal_id,
                OperatorMessage.im_message_id == im_message_id,
            )
            .order_by(OperatorMessage.id)
        ).all()
        sent = [message for message, _, _ in parts if message.sent_at or message.delivered_at or message.read_at]
        open_line = open_line_of(self.session, parts[0].line_id) if parts else None
        if not sent or open_line is None:
            return None
        conversation = self.session.get_one(Conversation, parts[0].conversation_id)
        first = next(filter(None, (sent[0].sent_at, sent[0].delivered_at, sent[0].read_at)))
        return Need(
            "tick",
            **common,
            open_line_id=open_line.open_line_id,
            written=Written(int(payload["chat_id"]), int(payload["im_message_id"]), 0, conversation.phone, "", ()),
            ids=tuple(message.whatsapp_id or message.gupshup_id or str(message.id) for message in sent),
            at=int(first.timestamp()),
        )


#: What came of the clients' messages that were begun.
_BEGUN = select(PortalTask.result).where(
    PortalTask.portal_id == bindparam("portal"), among(PortalTask.key, "keys"), PortalTask.claims > 0
)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
