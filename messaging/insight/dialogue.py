"""What was written to a client on a line and what the client answered, in the order of time, newest part first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.conversations import lookup
from messaging.insight import lone_timeline
from messaging.insight.reasons import reason_of
from messaging.insight.sent_message import client_view
from messaging.runtime import Runtime
from messaging.store.models import Line, Message, Portal, Reply
from messaging.store.states import MessageStatus

#: Entries of one page; the most that a page that grows shows.
PAGE, MOST = 20, 200


@dataclass(frozen=True)
class Place:
    """From which message and which reply on, by their ids, all are shown, and none before them; 0: nothing is shown yet.

    Ids rise in the order in which we got something, and times may not: a reply may come late. So pages are cut by ids, and each
    is in the order of time.
    """

    message_id: int = 0
    reply_id: int = 0


@dataclass(frozen=True)
class Entry:
    """One message or reply. view: of a message as client_view gives it, None if its text is not kept any more.

    text, media, file_name: of a reply. why: of a message that failed, or may not have arrived.
    """

    at: datetime
    is_ours: bool
    status: str = ""
    origin: str = ""
    view: dict[str, Any] | None = None
    text: str = ""
    media: str = ""
    file_name: str = ""
    why: Text | None = None
    message_id: int = 0
    reply_id: int = 0


@dataclass(frozen=True)
class Dialogue:
    """Entries, oldest first. from_here: the place of the oldest; has_older: whether there is more before it."""

    entries: list[Entry] = field(default_factory=list)
    from_here: Place = Place()
    has_older: bool = False


def before(session: Session, runtime: Runtime, line: Line, phone: str, place: Place) -> Dialogue:
    """The PAGE entries before this place, or a few more; the newest ones if nothing is shown yet."""
    mine = _conversations(session, runtime, line, phone)
    messages = _messages(session, mine, below=place.message_id, limit=PAGE + 1)
    replies = _replies(session, mine, below=place.reply_id, limit=PAGE + 1)
    has_more = max(len(messages), len(replies)) > PAGE
    messages, replies = messages[:PAGE], replies[:PAGE]
    entries = _merged(session, runtime, line, messages, replies)
    last = entries[-PAGE:]
    oldest = Place(
        _first_shown([one.id for one in messages], [one.message_id for one in last]),
        _first_shown([one.id for one in replies], [one.reply_id for one in last]),
    )
    # What is older by its time, but came later than something that is shown, is shown too: the next page begins below it.
    shown = [one for one in entries if one.message_id >= oldest.message_id or one.reply_id >= oldest.reply_id]
    return Dialogue(shown, oldest, has_older=has_more or len(entries) > len(shown))


def _first_shown(found: Sequence[int], shown: Sequence[int]) -> int:
    """The smallest id of those shown; if none of them is, an id above all that were found."""
    return min((one for one in shown if one), default=max(found, default=0) + 1)


def since(session: Session, runtime: Runtime, line: Line, phone: str, place: Place) -> Dialogue:
    """All entries from this place on, the newest MOST of them: what a page shows that has been open for a while."""
    mine = _conversations(session, runtime, line, phone)
    messages = _messages(session, mine, least=place.message_id, limit=MOST)
    replies = _replies(session, mine, least=place.reply_id, limit=MOST)
    return Dialogue(_merged(session, runtime, line, messages, replies)[-MOST:], place)


def _conversations(session: Session, runtime: Runtime, line: Line, phone: str) -> list[int]:
    return [one.id for one in lookup.conversations_of(session, runtime, line.id, phone)]


def _messages(
    session: Session, mine: Collection[int], *, limit: int, below: int = 0, least: int = 0
) -> Sequence[Message]:
    query = select(Message).where(Message.conversation_id.in_(mine), Message.id >= least)
    if below:
        query = query.where(Message.id < below)
    return session.scalars(query.order_by(Message.id.desc()).limit(limit)).all() if mine else []


def _replies(session: Session, mine: Collection[int], *, limit: int, below: int = 0, least: int = 0) -> Sequence[Reply]:
    query = select(Reply).where(Reply.conversation_id.in_(mine), Reply.id >= least)
    if below:
        query = query.where(Reply.id < below)
    return session.scalars(query.order_by(Reply.id.desc()).limit(limit)).all() if mine else []


def _merged(
    session: Session, runtime: Runtime, line: Line, messages: Sequence[Message], replies: Sequence[Reply]
) -> list[Entry]:
    language = session.scalar(select(Portal.language).where(Portal.id == line.portal_id)) or ""
    entries = [_ours(session, line, message, language) for message in messages]
    entries += [_theirs(reply) for reply in replies]
    return sorted(entries, key=lambda entry: (entry.at, entry.reply_id, entry.message_id))


def _ours(session: Session, line: Line, message: Message, language: str) -> Entry:
    why = None
    if message.status in (MessageStatus.FAILED, MessageStatus.UNKNOWN, MessageStatus.DROPPED):
        run = message.run
        why = reason_of(run, message, line, language) if run is not None else lone_timeline.why(message)
    return Entry(
        at=message.created_at,
        is_ours=True,
        status=message.status,
        origin=message.origin,
        view=client_view(session, message) if message.payload else None,
        why=why,
        message_id=message.id,
    )


def _theirs(reply: Reply) -> Entry:
    content = reply.content or {}
    values = content.get("values") or {}
    media = reply.type if content.get("url") or content.get("name") else ""
    return Entry(
        at=reply.at,
        is_ours=False,
        text=str(values.get("reply_text") or ""),
        media=media,
        file_name=str(content.get("name") or ""),
        reply_id=reply.id,
    )
