"""How a message's status may move: it only rises.

held → queued → sending → accepted → sent → delivered → read
                     \\→ unknown (whether it was sent is unclear; any later event clears it up)
held     waits for the client to write, for a time of day, or for somebody to let it go (`hold`, `held_until`)
failed   replaces every status below delivered (reference section 7.3)
dropped  never sent; no status replaces it
"""

from datetime import datetime
from typing import Any

from messaging.store.rows import MessageRow
from messaging.store.states import MessageStatus

RANK: dict[str, int] = {
    MessageStatus.HELD: 0,
    MessageStatus.QUEUED: 1,
    MessageStatus.SENDING: 2,
    MessageStatus.UNKNOWN: 3,
    MessageStatus.ACCEPTED: 4,
    MessageStatus.SENT: 5,
    MessageStatus.DELIVERED: 6,
    MessageStatus.READ: 7,
}
FINAL = frozenset({MessageStatus.FAILED, MessageStatus.DROPPED})
#: The rank each `until` of the contract needs. `replied` is above all statuses: only a reply satisfies it.
UNTIL = {
    **{
        str(status): RANK[status]
        for status in (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
    },
    "replied": 8,
}
#: Statuses whose time is kept, in the column `<status>_at`.
TIMED = frozenset(
    {MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.FAILED}
)


def rises(current: str, status: str) -> bool:
    """Whether `status` replaces a message's current one.

    A `failed` after `delivered` or `read` does not: the client has the message.
    """
    if current in FINAL:
        return False
    if status == MessageStatus.FAILED:
        return RANK[current] < RANK[MessageStatus.DELIVERED]
    return RANK[status] > RANK[current]


def raised(message: MessageRow, status: str, at: datetime) -> dict[str, Any]:
    """The columns to write when the provider says that a message reached this status. at: the provider's time.

    `status` is among them only if it rises. The time is kept in any case, unless an earlier event has set it.
    """
    columns: dict[str, Any] = {}
    if status in TIMED and getattr(message, f"{status}_at") is None:
        columns[f"{status}_at"] = at
    if rises(message.status, status):
        columns["status"] = status
    return columns


def satisfies(status: str, until: str) -> bool:
    """Whether a run with this `until` may go on when its message has this status."""
    return RANK.get(status, -1) >= UNTIL[until]
