"""The connected lines of a portal, and which of them a run sends from."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.errors import refused
from messaging.lines.lines import digits
from messaging.store.models import Conversation, Line, Portal
from messaging.store.states import LineStatus


def connected(session: Session, portal_id: int) -> list[Line]:
    """The connected lines of a portal, in the order in which they were added."""
    mine = (Line.portal_id == portal_id) & (Line.status == LineStatus.CONNECTED)
    return list(session.scalars(select(Line).where(mine).order_by(Line.id)))


def choose(
    portal: Portal, wanted: str, keys: Collection[str], conversations: Sequence[Conversation]
) -> tuple[Line, Conversation | None]:
    """The line to send from, and the newest conversation on it with one of these phones (index keys).

    wanted: a line's id, phone or name; empty: the line of the newest conversation, else the portal's default line.
    conversations: what `conversations_with` found for these phones on the portal's lines.
    Raises Refused line_not_found, line_not_connected.
    """
    if wanted:
        line = named(portal, wanted)
        return line, _newest(conversations, {line.id}, keys)
    by_id = {line.id: line for line in portal.lines if line.status == LineStatus.CONNECTED}
    newest = _newest(conversations, by_id.keys(), keys)
    if newest is not None:
        return by_id[newest.line_id], newest
    if portal.default_line_id not in by_id:
        raise refused("line_not_connected", at="line")
    return by_id[portal.default_line_id], None


def named(portal: Portal, wanted: str) -> Line:
    """The line of this id, phone or name. Raises Refused line_not_found, line_not_connected."""
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else None
    found = [
        line
        for line in portal.lines
        if wanted in (line.name, line.app_name)
        or line.id == number
        or (len(digits(wanted)) >= 7 and line.phone == digits(wanted))
    ]
    # Robots choose by id: a line that somebody named "2" must not take messages meant for line 2.
    found.sort(key=lambda line: line.id != number)
    if not found:
        raise refused("line_not_found", at="line", value=wanted)
    # A removed line may have the same name as its successor.
    sending = [line for line in found if line.status == LineStatus.CONNECTED]
    if not sending:
        raise refused("line_not_connected", at="line")
    return sending[0]


def _newest(
    conversations: Sequence[Conversation], line_ids: Collection[int], keys: Collection[str]
) -> Conversation | None:
    # A conversation without any activity does not count: its first message is still on its way, or was refused.
    activity = {
        conversation: at
        for conversation in conversations
        if conversation.line_id in line_ids
        and (conversation.phone_key in keys or conversation.alias_key in keys)
        and (at := conversation.last_activity_at or conversation.last_inbound_at)
    }
    return max(activity, key=lambda conversation: activity[conversation], default=None)
