"""How many clients a line may write to first in 24 hours (WhatsApp's tier), and how many it has.

A template to a client whose window is closed opens a conversation; WhatsApp counts its clients in a moving 24 hours
(reference gupshup-2.md 4). The limit is what the last account event said, or what the administrator has set; until then it
is taken for the first tier, and only shown: a message is refused only on a limit that somebody has told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from activities.errors import TIER_FULL, Refused
from gupshup.events import AccountEvent
from gupshup.tiers import FIRST, UNLIMITED, clients_a_day
from messaging.runs.window import WINDOW
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line
from messaging.store.sql import among
from messaging.store.types import UTCDateTime

PERIOD = timedelta(hours=24)
#: From this share of the limit on people are warned.
WARN_FROM = 0.8
#: Limits that an administrator can choose; UNLIMITED is the last one.
CHOICES = (250, 2_000, 10_000, 100_000, UNLIMITED)


@dataclass(frozen=True)
class Use:
    """written: clients written to first in the last 24 hours; limit: 0 if there is none; is_known: somebody has told it."""

    written: int
    limit: int
    is_known: bool

    @property
    def share(self) -> float:
        """How much of the limit is used, 0.0 to 1.0 and more; 0.0 without a limit."""
        return self.written / self.limit if self.limit else 0.0

    @property
    def is_high(self) -> bool:
        """Whether people should be warned."""
        return self.share >= WARN_FROM


def use(session: Session, line: Line, now: datetime) -> Use:
    """How much of a line's limit is used now."""
    return Use(_written(session, line.id, now), FIRST if line.tier is None else line.tier, line.tier is not None)


def _written(session: Session, line_id: int, now: datetime) -> int:
    return session.scalar(_OPENED, {"line": line_id, "since": now - PERIOD}) or 0


_OPENED = (
    select(func.count())
    .select_from(Conversation)
    .where(
        Conversation.line_id == bindparam("line"),
        Conversation.opened_at.is_not(None),
        Conversation.opened_at > bindparam("since", type_=UTCDateTime),
    )
)


def refusal(session: Session, runtime: Runtime, line: Line, conversation: Conversation | None) -> Refused | None:
    """Why a template may not open this conversation now; None if it may. Its window is closed.

    conversation: None for a client who was never written to.
    """
    if not line.tier:
        return None
    now = runtime.clock()
    if conversation is not None and conversation.opened_at is not None and conversation.opened_at > now - PERIOD:
        return None  # counted already
    written = runtime.clients_written.get(line.id, lambda: _written(session, line.id, now))
    if written < line.tier:
        runtime.clients_written.add(line.id)
        return None
    return Refused("limit_reached", TIER_FULL.format(limit=line.tier))


#: Of these conversations, those whose window is closed are opened by a template of this moment.
_OPEN = (
    update(Conversation)
    .where(among(Conversation.id, "ids"))
    .values(
        opened_at=case(
            (
                and_(
                    Conversation.last_inbound_at.is_not(None),
                    Conversation.last_inbound_at > bindparam("window_since", type_=UTCDateTime),
                ),
                Conversation.opened_at,
            ),
            else_=bindparam("now", type_=UTCDateTime),
        )
    )
    .execution_options(synchronize_session=False)
)


def opened(session: Session, conversation_ids: Iterable[int], now: datetime) -> None:
    """Templates were accepted for these conversations."""
    ids = list(conversation_ids)
    if ids:
        session.execute(_OPEN, {"ids": ids, "now": now, "window_since": now - WINDOW})


def learn(line: Line, event: AccountEvent) -> bool:
    """An account event may tell the limit. Returns whether it did."""
    told = clients_a_day(event)
    if told is None:
        return False
    line.tier, line.tier_by = told, "whatsapp"
    return True


def set_by_admin(runtime: Runtime, line_id: int, limit: int | None) -> None:
    """Set a line's limit, None: not known. Raises LookupError for an unknown line, ValueError for a negative number."""
    if limit is not None and limit < 0:
        raise ValueError("out_of_range")
    with runtime.db.write() as session:
        line = session.get(Line, line_id, with_for_update=True)
        if line is None or line.status != "connected":
            raise LookupError(f"there is no connected line {line_id}; `lines list` shows them")
        line.tier, line.tier_by = limit, "" if limit is None else "admin"
    runtime.clients_written.forget(line_id)
