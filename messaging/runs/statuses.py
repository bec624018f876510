"""How a message's status may move: it only rises.

queued → sending → accepted → sent → delivered → read
              \\→ unknown (nobody can tell; any later event clears it up)
failed   overrides everything below delivered (reference section 7.3)
dropped  was never handed over; nothing changes it any more
"""

from datetime import datetime

from messaging.store.rows import SomeMessage

RANK = {"queued": 0, "sending": 1, "unknown": 2, "accepted": 3, "sent": 4, "delivered": 5, "read": 6}
FINAL = frozenset({"failed", "dropped"})
#: Ranks of the contract's `until`; `replied` is above them all and is reached by a reply, not by a status.
UNTIL = {"accepted": 3, "sent": 4, "delivered": 5, "read": 6, "replied": 7}


def raise_to(message: SomeMessage, status: str, at: datetime) -> bool:
    """Raise a message's status; False if it stood as high already. The provider's time is kept in any case.

    A `failed` after `delivered` or `read` is recorded and changes nothing: the client has the message.
    """
    _keep_time(message, status, at)
    if message.status in FINAL:
        return False
    if status == "failed":
        if RANK[message.status] >= RANK["delivered"]:
            return False
    elif RANK[status] <= RANK[message.status]:
        return False
    message.status = status
    return True


def _keep_time(message: SomeMessage, status: str, at: datetime) -> None:
    column = f"{status}_at"
    if status in ("accepted", "sent", "delivered", "read", "failed") and getattr(message, column) is None:
        setattr(message, column, at)


def satisfies(status: str, until: str) -> bool:
    """Whether a message of this status lets a run with this `until` go on."""
    return RANK.get(status, -1) >= UNTIL[until]
