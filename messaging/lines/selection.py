"""Which line a run sends from."""

from collections.abc import Collection, Sequence

from activities.errors import refused
from messaging.lines.lines import digits
from messaging.store.models import Conversation, Line, Portal


def choose(
    portal: Portal, wanted: str, keys: Collection[str], conversations: Sequence[Conversation]
) -> tuple[Line, Conversation | None]:
    """The line to send from, and the newest conversation with one of these phones (index keys) on it.

    wanted: empty, or a line's id, phone or name; conversations: those `conversations_with` finds.
    Raises Refused line_not_found, line_not_connected.
    """
    if wanted:
        line = _named(portal, wanted)
        return line, _newest(conversations, {line.id}, keys)
    connected = {line.id: line for line in portal.lines if line.status == "connected"}
    newest = _newest(conversations, connected.keys(), keys)
    if newest is not None:
        return connected[newest.line_id], newest
    if portal.default_line_id not in connected:
        raise refused("line_not_connected", at="line")
    return connected[portal.default_line_id], None


def _named(portal: Portal, wanted: str) -> Line:
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else None
    found = [
        line
        for line in portal.lines
        if wanted in (line.name, line.app_name)
        or line.id == number
        or (len(digits(wanted)) >= 7 and line.phone == digits(wanted))
    ]
    # Robots choose by id: a line that somebody called "2" must not take what is for line 2.
    found.sort(key=lambda line: line.id != number)
    if not found:
        raise refused("line_not_found", at="line", value=wanted)
    # One that was removed bears the name of its successor.
    connected = [line for line in found if line.status == "connected"]
    if not connected:
        raise refused("line_not_connected", at="line")
    return connected[0]


def _newest(
    conversations: Sequence[Conversation], line_ids: Collection[int], keys: Collection[str]
) -> Conversation | None:
    # One in which nothing has happened yet is none: its first message may still be on its way, or was refused.
    happened = {
        one: at
        for one in conversations
        if one.line_id in line_ids
        and (one.phone_key in keys or one.alias_key in keys)
        and (at := one.last_activity_at or one.last_inbound_at)
    }
    return max(happened, key=lambda one: happened[one], default=None)
