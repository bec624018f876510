"""How a message's status may move: it only rises.

queued → sending → accepted → sent → delivered → read
              \\→ unknown (nobody can tell; any later event clears it up)
failed   overrides everything below delivered (reference section 7.3)
dropped  was never handed over; nothing changes it any more
"""

from datetime import datetime
from typing import Any

from messaging.store.rows import MessageRow
from messaging.store.states import MessageStatus

RANK: dict[str, int] = {
    MessageStatus.QUEUED: 0,
    MessageStatus.SENDING: 1,
    MessageStatus.UNKNOWN: 2,
    MessageStatus.ACCEPTED: 3,
    MessageStatus.SENT: 4,
    MessageStatus.DELIVERED: 5,
    MessageStatus.READ: 6,
}
FINAL = frozenset({MessageStatus.FAILED, MessageStatus.DROPPED})
#: Ranks of the contract's `until`. `replied` is above all statuses: a reply reaches it.
UNTIL = {"accepted": 3, "sent": 4, "delivered": 5, "read": 6, "replied": 7}
#: Statuses whose moment is kept, in the column of that name.
TIMED = frozenset({"accepted", "sent", "delivered", "read", "failed"})


def rises(current: str, status: str) -> bool:
    """Whether a message of this status takes on another one.

    A `failed` after `delivered` or `read` changes nothing: the client has the message.
    """
    if current in FINAL:
        return False
    if status == MessageStatus.FAILED:
        return RANK[current] < RANK[MessageStatus.DELIVERED]
    return RANK[status] > RANK[current]


def raised(message: MessageRow, status: str, at: datetime) -> dict[str, Any]:
    """The columns to write when a message has come so far at this moment of the provider's: its status if that rises.

    The moment is kept in any case, unless an earlier event told it.
    """
    columns: dict[str, Any] = {}
    if status in TIMED and getattr(message, f"{status}_at") is None:
        columns[f"{status}_at"] = at
    if rises(message.status, status):
        columns["status"] = status
    return columns


def satisfies(status: str, until: str) -> bool:
    """Whether a message of this status lets a run with this `until` go on."""
    return RANK.get(status, -1) >= UNTIL[until]
