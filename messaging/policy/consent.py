"""Who wants no messages: putting clients on the list and taking them off, and telling those who want to know.

Each entry is written in the transaction that learns its cause, once, however often the cause is told. A message that was
planned before is looked at again when it leaves (messaging.policy.sending).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import bindparam, select, type_coerce
from sqlalchemy.orm import Session, load_only

from bx24.i18n import Text
from messaging.callbacks import telling
from messaging.policy import words
from messaging.policy.settings import Policy
from messaging.runs import crm_tasks, reactions
from messaging.runtime import Runtime
from messaging.store import opt_outs
from messaging.store.changes import Changes
from messaging.store.models import Conversation, Line, Portal, Reply, Run
from messaging.store.opt_outs import EVERY_LINE, OptOut, Source
from messaging.store.rows import MessageRow, RunRow
from messaging.store.sql import among, insert_missing
from messaging.store.states import MessageStatus
from messaging.store.types import ReadableJson

#: Codes with which WhatsApp says that the client has stopped the marketing of this number (reference gupshup.md 8.4).
STOPPED_MARKETING = frozenset({"131050", "492"})
#: Replies of the client that are looked through for a newer word than one that comes late.
RECENT = 50
#: Characters that are kept of the reason for which a client is on the list.
WHY_LENGTH = 200
#: The client has said so himself: webhooks tell it, and they keep no order.
BY_CLIENT = frozenset({Source.WORD, Source.BUTTON, Source.PROVIDER})
_WORDY = frozenset({"text", "button", "list"})
#: What a workflow's log says when only the client could allow it.
NO_MARKETING = Text(
    "messages may go to the client, but no marketing from this line: the client stopped it in WhatsApp, and only the client "
    "can allow it again there",
    "писать клиенту можно, но не рекламу с этой линии: её клиент отключил в WhatsApp, и вернуть может только он сам",
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Client:
    """phone: digits; keys: all under which the client stands in the phone index."""

    phone: str
    keys: frozenset[str]

    @classmethod
    def of(cls, runtime: Runtime, phone: str, conversations: Iterable[Conversation] = ()) -> "Client":
        keys = {key for one in conversations for key in (one.phone_key, one.alias_key) if key}
        return cls(phone, frozenset({*runtime.phone_keys(phone), *keys}))


@dataclass(frozen=True)
class Cause:
    """What puts a client on the list or takes him off. at: since when; why, user_id, run_id: as in OptOut.

    reply_id, conversation_id: of the client's word; message_id: of ours that he opted out after. Who is told of the change
    may want them.
    """

    source: Source
    at: datetime
    why: str = ""
    user_id: int | None = None
    run_id: int | None = None
    reply_id: int | None = None
    conversation_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True)
class Changed:
    """A client has been put on the list, or taken off it. line_id: EVERY_LINE, or of the line whose marketing it is about."""

    portal_id: int
    line_id: int
    phone: str
    opted_out: bool
    cause: Cause


def _sets_off_trigger(session: Session, runtime: Runtime, change: Changed) -> None:
    """A client who opts out sets off a trigger in the CRM; a file of thousands does not."""
    cause = change.cause
    if not change.opted_out or cause.source == Source.IMPORT:
        return
    run = session.get(Run, cause.run_id) if cause.run_id is not None else None
    if cause.reply_id is not None:
        name = f"r{cause.reply_id}"
    elif run is not None:
        name = f"run{run.id}"
    else:
        name = f"{runtime.phone_key(change.phone)[:20]} {runtime.clock():%y%m%d%H%M%S}"
    crm_tasks.opted_out(
        session,
        runtime,
        change.portal_id,
        name,
        item=run.item if run is not None else "",
        phone=change.phone,
        reply_id=cause.reply_id,
        conversation_id=cause.conversation_id,
    )


def _tells_customers(session: Session, runtime: Runtime, change: Changed) -> None:
    source, at = str(change.cause.source), change.cause.at
    telling.opt_out_changed(
        session, runtime, change.portal_id, change.phone, change.line_id, change.opted_out, source, at
    )


def _counts_for_reports(session: Session, runtime: Runtime, change: Changed) -> None:
    """A client who opts out by himself does so after a message."""
    cause = change.cause
    if change.opted_out and cause.source in BY_CLIENT:
        talks = [cause.conversation_id] if cause.conversation_id is not None else []
        reactions.opted_out(session, talks, cause.message_id, runtime.clock())


Observer = Callable[[Session, Runtime, Changed], None]
#: Told of each change, in its transaction; never when nothing has changed.
OBSERVERS: tuple[Observer, ...] = (_sets_off_trigger, _counts_for_reports, _tells_customers)


def changed(session: Session, runtime: Runtime, change: Changed) -> None:
    """Log a change and tell whoever wants to know."""
    cause = change.cause
    log.info(
        "opted out" if change.opted_out else "opt-out lifted",
        portal=change.portal_id,
        line=change.line_id,
        source=str(cause.source),
        user=cause.user_id,
        run=cause.run_id,
        to=change.phone,
    )
    for observer in OBSERVERS:
        observer(session, runtime, change)


def stop(
    session: Session, runtime: Runtime, portal_id: int, client: Client, cause: Cause, line_id: int = EVERY_LINE
) -> bool:
    """Put a client on the list; False if the client is on it already."""
    return stop_all(session, runtime, portal_id, [client], cause, line_id) > 0


def stop_all(
    session: Session,
    runtime: Runtime,
    portal_id: int,
    clients: Sequence[Client],
    cause: Cause,
    line_id: int = EVERY_LINE,
) -> int:
    """Put these clients on the list; how many are new on it. A client may be given more than once."""
    asked = {key for client in clients for key in client.keys}
    found = [one for one in opt_outs.entries(session, [portal_id], asked) if one.line_id == line_id]
    opt_outs.confirm(session, [entry.id for entry in found], cause.at)
    known = {key for entry in found for key in entry.keys}
    rows: dict[str, dict[str, Any]] = {}
    for client in clients:
        if not client.keys & known:
            row = _row(runtime, portal_id, client, cause, line_id)
            rows[row["phone_key"]] = row
            known |= client.keys
    new = {row.phone_key for row in insert_missing(session, OptOut, list(rows.values()), "phone_key")}
    for row in (row for key, row in rows.items() if key in new):
        changed(session, runtime, Changed(portal_id, line_id, row["phone"], opted_out=True, cause=cause))
    return len(new)


def _row(runtime: Runtime, portal_id: int, client: Client, cause: Cause, line_id: int) -> dict[str, Any]:
    key = runtime.phone_key(client.phone)
    return {
        "portal_id": portal_id,
        "line_id": line_id,
        "phone": client.phone,
        "phone_key": key,
        "alias_key": min(client.keys - {key}, default=None),
        "source": cause.source,
        "why": cause.why[:WHY_LENGTH],
        "user_id": cause.user_id,
        "run_id": cause.run_id,
        "since": cause.at,
        "confirmed_at": cause.at,
    }


def allow(
    session: Session, runtime: Runtime, portal_id: int, client: Client, cause: Cause, line_id: int = EVERY_LINE
) -> bool:
    """Take a client off the list; False if he does not stand there, or came back to it later than he said this.

    What WhatsApp has told of a line (`line_id`) stays, unless WhatsApp tells the opposite.
    """
    is_late = cause.source in BY_CLIENT
    found = [entry for entry in opt_outs.entries(session, [portal_id], client.keys) if entry.line_id == line_id]
    gone = opt_outs.remove(session, [entry.id for entry in found if not is_late or entry.confirmed_at <= cause.at])
    if gone:
        changed(session, runtime, Changed(portal_id, line_id, client.phone, opted_out=False, cause=cause))
    return bool(gone)


def lift(session: Session, runtime: Runtime, entry: OptOut, cause: Cause) -> bool:
    """Take one entry off the list; False if it was gone, or is WhatsApp's."""
    if entry.line_id != EVERY_LINE or not opt_outs.remove(session, [entry.id]):
        return False
    changed(session, runtime, Changed(entry.portal_id, EVERY_LINE, entry.phone, opted_out=False, cause=cause))
    return True


def by_action(
    changes: Changes, runtime: Runtime, run: RunRow, line_id: int, client: Client, mode: str
) -> dict[str, str]:
    """Carry out the action `opt_out`; its result: whether marketing to this client is off now. mode: stop or allow."""
    session, cause = changes.session, Cause(Source.ACTION, runtime.clock(), run_id=run.id)
    carry_out = stop if mode == "stop" else allow
    carry_out(session, runtime, run.portal_id, client, cause)
    holding = {entry.line_id for entry in opt_outs.entries(session, [run.portal_id], client.keys)}
    if EVERY_LINE not in holding and line_id in holding:
        changes.set(run, note=NO_MARKETING.to(run.language))
    return {"opted_out": "Y" if holding & {EVERY_LINE, line_id} else "N"}


def said(
    session: Session,
    runtime: Runtime,
    line: Line,
    conversations: Sequence[Conversation],
    reply: Reply,
    values: dict[str, Any],
    run: RunRow | None,
    message_id: int | None = None,
) -> None:
    """Act on stop and start words in a reply that was just stored.

    conversations: the client's on this line, the reply's own first. values: of the reply. run: the run that it ends.
    message_id: of ours that was quoted or tapped.
    """
    texts = (values["reply_text"], values["reply_id"] if reply.type != "text" else "")
    if reply.type not in _WORDY or min(map(len, filter(None, texts)), default=words.LONGEST + 1) > words.LONGEST:
        return
    policy = Policy.of(session.scalars(_POLICY, {"id": line.portal_id}).one())
    word = words.find(policy, texts)
    if word is None or _has_said_more(session, policy, conversations, reply):
        return
    own = conversations[0]
    cause = Cause(
        Source.WORD if reply.type == "text" else Source.BUTTON,
        reply.at,
        why=word.said,
        run_id=run.id if run else None,
        reply_id=reply.id,
        conversation_id=own.id,
        message_id=message_id,
    )
    carry_out = stop if word.is_stop else allow
    carry_out(session, runtime, line.portal_id, Client.of(runtime, own.phone, conversations), cause)


def _has_said_more(session: Session, policy: Policy, conversations: Sequence[Conversation], reply: Reply) -> bool:
    """Whether a later word of the client has come before this one: webhooks keep no order."""
    ids = [one.id for one in conversations]
    return any(
        words.find(policy, (other.content["values"]["reply_text"], other.content["values"]["reply_id"]))
        for other in session.execute(_REPLIES, {"ids": ids})
        if other.at > reply.at and other.content
    )


def failed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """A message's status has risen: WhatsApp may have said that the client has stopped this line's marketing."""
    if (
        message.status != MessageStatus.FAILED
        or message.error_code not in STOPPED_MARKETING
        or not message.client.phone
    ):
        return
    at = message.failed_at or runtime.clock()
    cause = Cause(Source.PROVIDER, at, why=message.error_code, run_id=message.run_id, message_id=message.id)
    client = Client.of(runtime, message.client.phone)
    stop(changes.session, runtime, message.portal_id, client, cause, message.line_id)


def preferred(
    session: Session,
    runtime: Runtime,
    line: Line,
    phone: str,
    conversations: Sequence[Conversation],
    stops: bool,
    at: datetime,
) -> None:
    """The client has stopped this line's marketing in WhatsApp, or allowed it again."""
    cause = Cause(Source.PROVIDER, at, conversation_id=conversations[0].id if conversations else None)
    carry_out = stop if stops else allow
    carry_out(session, runtime, line.portal_id, Client.of(runtime, phone, conversations), cause, line.id)


# Statements are made once: building a statement takes longer than running it.
_POLICY = select(Portal).where(Portal.id == bindparam("id")).options(load_only(Portal.id, Portal.policy))
_REPLIES = (
    select(Reply.at, type_coerce(Reply.content, ReadableJson).label("content"))
    .where(among(Reply.conversation_id, "ids"))
    .order_by(Reply.id.desc())
    .limit(RECENT)
)
