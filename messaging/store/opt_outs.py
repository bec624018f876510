"""Clients who want no messages.

An entry without a line is the client's word to the portal: it holds for all its lines. An entry of a line is what the client
told WhatsApp about this number: it is about marketing alone, and only the client can lift it, in WhatsApp.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, bindparam, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from messaging.store.indexes import partial
from messaging.store.models import Base
from messaging.store.sql import among
from messaging.store.types import Key, ReadableText, UTCDateTime

#: `line_id` of an entry that holds for all lines of its portal. Not NULL: NULLs never violate a unique key.
EVERY_LINE = 0


class Source(StrEnum):
    """Who or what has put a client on the list."""

    WORD = "word"
    BUTTON = "button"
    ACTION = "action"
    PAGE = "page"
    IMPORT = "import"
    API = "api"
    PROVIDER = "provider"


class OptOut(Base):
    """One client of a portal who wants no messages, or no marketing from one line (`line_id`).

    phone_key: of the phone as its country writes it today; alias_key: of another spelling, or another number that WhatsApp
    knows the client by. why: the client's word, the title of the button, the provider's code; "" if nothing was said.
    user_id: of the portal's user; run_id: of the action's run. An entry that no known key opens (phone, why) still holds.
    confirmed_at: when it was last said that the client wants no messages.
    """

    __tablename__ = "opt_out"
    __table_args__ = (
        UniqueConstraint("portal_id", "phone_key", "line_id"),
        partial("ix_opt_out_alias", "portal_id", "alias_key", where="alias_key IS NOT NULL"),
        Index("ix_opt_out_list", "portal_id", "id"),
        # The page lifts an entry by its id: another client must never get it.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    line_id: Mapped[int] = mapped_column(Key, default=EVERY_LINE)
    phone: Mapped[str] = mapped_column(ReadableText)
    phone_key: Mapped[str] = mapped_column(String(32))
    alias_key: Mapped[str | None] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(ReadableText)
    user_id: Mapped[int | None] = mapped_column(Key)
    run_id: Mapped[int | None] = mapped_column(Key)
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    confirmed_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @property
    def keys(self) -> set[str]:
        return {self.phone_key, self.alias_key or self.phone_key}


# The portals stand on both sides, and the condition of the partial index is repeated: else SQLite uses one index only.
_WITH_KEYS = or_(
    among(OptOut.portal_id, "portals") & among(OptOut.phone_key, "keys"),
    among(OptOut.portal_id, "portals") & among(OptOut.alias_key, "keys") & OptOut.alias_key.is_not(None),
)
_ENTRIES = select(OptOut).where(_WITH_KEYS).order_by(OptOut.id).execution_options(populate_existing=True)

_PAGE = (
    select(OptOut)
    .where(OptOut.portal_id == bindparam("portal"), OptOut.id < bindparam("before"))
    .order_by(OptOut.id.desc())
    .limit(bindparam("limit"))
)
_CONFIRMED = (
    update(OptOut)
    .where(among(OptOut.id, "ids"), OptOut.confirmed_at < bindparam("at", type_=UTCDateTime))
    .values(confirmed_at=bindparam("at", type_=UTCDateTime))
)
_DELETED = delete(OptOut).where(among(OptOut.id, "ids")).returning(OptOut.id)


def entries(session: Session, portal_ids: Collection[int], keys: Collection[str]) -> Sequence[OptOut]:
    """The entries of these portals about clients with these phones (index keys)."""
    if not portal_ids or not keys:
        return ()
    return session.scalars(_ENTRIES, {"portals": list(portal_ids), "keys": list(keys)}).all()


def newest(session: Session, portal_id: int, before: int | None, limit: int) -> Sequence[OptOut]:
    """The entries of a portal, the newest first. before: the id of the last one that is known."""
    last = before if before is not None else 2**62
    return session.scalars(_PAGE, {"portal": portal_id, "before": last, "limit": limit}).all()


def confirm(session: Session, ids: Collection[int], at: datetime) -> None:
    """These clients have said again that they want no messages."""
    if ids:
        asked = {"ids": list(ids), "at": at}
        session.execute(_CONFIRMED, asked, execution_options={"synchronize_session": False})


def remove(session: Session, ids: Collection[int]) -> set[int]:
    """Delete these entries; the ids of those that were still there."""
    if not ids:
        return set()
    return set(session.scalars(_DELETED, {"ids": list(ids)}, execution_options={"synchronize_session": False}))
