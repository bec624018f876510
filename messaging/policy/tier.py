"""How many clients a line may write to first in 24 hours (WhatsApp's tier), and how many it has.

A template to a client whose window is closed opens a conversation; WhatsApp counts its clients in a moving 24 hours
(reference gupshup-2.md 4). The limit is what the last account event said, or what the administrator has set; until then it
is taken for the first tier, and only shown: a message is refused only on a limit that somebody has told.

A robot hears of a full limit when its message is planned; what decides is the claim (`over_limit`): from planning to leaving a
night may pass. There a client counts at once, and no more if the message certainly failed (`unopened`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from activities.errors import TIER_FULL, Refused
from gupshup.events import AccountEvent
from gupshup.tiers import FIRST, UNLIMITED, clients_a_day
from messaging.conversations import lookup
from messaging.runs.window import WINDOW
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Message
from messaging.store.rows import MessageRow
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


def refusal(session: Session, runtime: Runtime, line: Line, phone: str) -> Refused | None:
    """Why a template may not open the conversation with this phone (digits) now; None if it may. Its window is closed."""
    now = runtime.clock()
    if not line.tier or _remembered(session, runtime, line.id, now) < line.tier:
        return None
    # Of any activity: of what was about to leave, and is planned again, nothing may have been accepted yet.
    known = lookup.conversations_of(session, runtime, line.id, phone)
    return None if any(_counts(one.opened_at, now) for one in known) else _full(line)


def over_limit(
    session: Session, runtime: Runtime, lines: Mapping[int, Line], message_ids: Collection[int], now: datetime
) -> dict[int, Refused]:
    """The messages, of these that are about to leave in this order, that the limits of their lines do not allow.

    The clients of the other messages count from now on.
    """
    limited = {line_id: line for line_id, line in lines.items() if line.tier}
    if not limited:
        return {}
    asked = {"ids": list(message_ids), "lines": list(limited), "window_since": now - WINDOW}
    refusals: dict[int, Refused] = {}
    opened_now: dict[int, None] = {}
    for row in session.execute(_OPENING, asked):
        if _counts(row.opened_at, now) or row.conversation_id in opened_now:
            continue
        if _remembered(session, runtime, row.line_id, now) >= (limited[row.line_id].tier or 0):
            refusals[row.id] = _full(limited[row.line_id])
            continue
        runtime.clients_written.add(row.line_id)
        opened_now[row.conversation_id] = None
    if opened_now:
        session.execute(_OPENED_NOW, {"ids": list(opened_now), "now": now})
    return refusals


def _counts(opened_at: datetime | None, now: datetime) -> bool:
    """Whether a client was written to first in the last 24 hours."""
    return opened_at is not None and opened_at > now - PERIOD


def _remembered(session: Session, runtime: Runtime, line_id: int, now: datetime) -> int:
    return runtime.clients_written.get(line_id, lambda: _written(session, line_id, now))


def _full(line: Line) -> Refused:
    return Refused("limit_reached", TIER_FULL.format(limit=line.tier))


#: Templates that open a conversation, because its window is closed.
_OPENING = (
    select(Message.id, Message.line_id, Message.conversation_id, Conversation.opened_at)
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(
        among(Message.id, "ids"),
        among(Message.line_id, "lines"),
        Message.is_session.is_(False),
        or_(
            Conversation.last_inbound_at.is_(None),
            Conversation.last_inbound_at <= bindparam("window_since", type_=UTCDateTime),
        ),
    )
    .order_by(Message.priority, Message.position, Message.id)
)
_OPENED_NOW = (
    update(Conversation)
    .where(among(Conversation.id, "ids"))
    .values(opened_at=bindparam("now", type_=UTCDateTime))
    .execution_options(synchronize_session=False)
)
_UNOPENED = (
    update(Conversation)
    .where(Conversation.id == bindparam("conversation"), Conversation.opened_at == bindparam("at", type_=UTCDateTime))
    .values(opened_at=None)
    .execution_options(synchronize_session=False)
)


def unopened(session: Session, runtime: Runtime, message: MessageRow) -> None:
    """A message has certainly failed: its client does not count for it."""
    if not message.is_session:
        session.execute(_UNOPENED, {"conversation": message.conversation_id, "at": message.claimed_at})
        runtime.clients_written.forget(message.line_id)


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
    is_late = event.at is not None and line.tier_at is not None and event.at < line.tier_at
    if told is None or is_late:
        return False
    line.tier, line.tier_by, line.tier_at = told, "whatsapp", event.at or line.tier_at
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
