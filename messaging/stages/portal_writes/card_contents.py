"""What the cards of some tasks show, read from the rows at the moment when they are written."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer, joinedload

from bx24 import i18n
from bx24.fields import YesNo
from bx24.i18n import Text
from messaging.insight import lone_timeline, wording
from messaging.insight.reasons import reason_of
from messaging.insight.sent_message import client_view
from messaging.policy.resending import is_lost
from messaging.runtime import Runtime
from messaging.stages.portal_writes.layout import Card
from messaging.store.models import Line, Message, Portal, Reply, Run
from messaging.store.portal_tasks import PortalTask
from messaging.store.states import MessageStatus, OutcomeKind

_REPLY = Text("WhatsApp: the client's reply", "WhatsApp: ответ клиента")
_TAPPED = Text("WhatsApp: the client tapped a button", "WhatsApp: клиент нажал кнопку")
_FILE_COMES = Text("The file is being fetched", "Файл загружается")
_FILE_LOST = Text("The file could not be fetched", "Файл получить не удалось")
_UNSENT = frozenset({MessageStatus.HELD, MessageStatus.QUEUED, MessageStatus.DROPPED})


class CardContents:
    """Cards of one portal, in one transaction."""

    def __init__(self, session: Session, runtime: Runtime, portal_id: int, tasks: Sequence[PortalTask]) -> None:
        self.session, self.runtime = session, runtime
        #: Read at once: afterwards the session knows them by their ids.
        self._known = [*self._read(Message, {task.message_id for task in tasks}, joinedload(Message.run))]
        self._known += self._read(Reply, {task.reply_id for task in tasks})
        spoken = session.scalar(select(Portal.language).where(Portal.id == portal_id))
        self.language = i18n.language(spoken)

    def _read(self, model: Any, ids: set[int | None], *options: Any) -> Sequence[Any]:
        wanted = ids - {None}
        return self.session.scalars(select(model).where(model.id.in_(wanted)).options(*options)).all() if wanted else ()

    def of(self, task: PortalTask) -> Card | None:
        """What the card of a task shows; None if there is nothing (any more) to be shown."""
        cause = task.key.removeprefix("card ")
        if task.reply_id is not None:
            return self._reply(task.reply_id)
        if cause.startswith("run"):
            run = self.session.get(Run, int(cause[3:]))
            return self._run(run) if run is not None else None
        message = self.session.get(Message, task.message_id) if task.message_id is not None else None
        return self._message(message, task.result or {}) if message is not None else None

    def _message(self, message: Message, known: dict[str, Any]) -> Card | None:
        if message.payload is None:
            return None  # its texts are wiped: the card stays as it is
        run, line = message.run, self._line(message.line_id)
        why = reason_of(run, message, line, self.language) if run is not None else lone_timeline.why(message)
        status = _status(message, bool(known.get("answered")))
        resent = known.get("resent")
        return Card(
            title=_title(wording.title(run.side if run else message.origin, message.action)),
            status=status,
            seen=client_view(self.session, message) or {},
            template=message.template,
            remedy=why if status in (MessageStatus.FAILED, *_UNCLEAR) else None,
            note=Text(known["note"]["en"], known["note"]["ru"]) if known.get("note") else None,
            story=str(run.id) if run else f"m{message.id}",
            resend=message.id if is_lost(message) and not resent else None,
        )

    def _run(self, run: Run) -> Card | None:
        """A run that failed before there was a message: what has to be done is what the salesperson needs."""
        wanted = {str(name).lower(): value for name, value in (run.properties or {}).items()}
        if run.outcome != OutcomeKind.FAILED or YesNo.is_no(wanted.get("timeline")):
            return None
        return Card(
            title=_title(wording.title(run.side, run.action)),
            status=MessageStatus.DROPPED,
            remedy=reason_of(run, None, self._line(run.line_id), self.language),
            story=str(run.id),
        )

    def _reply(self, reply_id: int) -> Card | None:
        reply = self.session.get(Reply, reply_id)
        values = (reply.content or {}).get("values") if reply is not None else None
        if reply is None or not isinstance(values, dict):
            return None
        link = str(values.get("reply_file") or "")
        is_file = bool(reply.content.get("url"))
        name = str(reply.content.get("name") or "") or wording.webhook(f"message.{reply.type}").to(self.language)
        without = _FILE_COMES if reply.fetch_at is not None else _FILE_LOST
        return Card(
            title=_TAPPED if reply.type in ("button", "list") else _REPLY,
            seen={"body": values.get("reply_text") or ""},
            file=(name, link) if link else None,
            remedy=without if is_file and not link else None,
            story=str(reply.run_id) if reply.run_id is not None else "",
        )

    def _line(self, line_id: int | None) -> Line | None:
        hidden = [defer(Line.api_key), defer(Line.secret)]
        return self.session.get(Line, line_id, options=hidden) if line_id is not None else None


#: Statuses that need a word of explanation besides failures.
_UNCLEAR = (MessageStatus.UNKNOWN, MessageStatus.DROPPED, OutcomeKind.TIMEOUT)


def _title(what: Text) -> Text:
    """“WhatsApp: template to the client” as it is; anything else says that it is WhatsApp."""
    return what if what.en.startswith("WhatsApp") else Text("WhatsApp: {what}", "WhatsApp: {what}").format(what=what)


def _status(message: Message, is_answered: bool) -> str:
    """How far a message has come, as its card says it."""
    run = message.run
    if message.status == MessageStatus.FAILED:
        return message.status
    if is_answered or (run is not None and run.outcome == OutcomeKind.REPLIED):
        return OutcomeKind.REPLIED
    if run is not None and run.outcome == OutcomeKind.TIMEOUT and message.status in _UNSENT:
        return OutcomeKind.TIMEOUT
    return message.status
