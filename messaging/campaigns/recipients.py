"""The recipients of a campaign as rows: entries of an audience are read into rows, stored, and deleted.

Everything here happens in the caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from activities import phones
from messaging.runtime import Runtime
from messaging.store.campaigns import Recipient, RecipientState, RefusedRow, Skipped
from messaging.store.models import Portal
from messaging.store.sql import insert_missing

#: Characters that are kept of a phone (or of other text in its place), and of one value.
PHONE_LENGTH, VALUE_LENGTH = 100, 2000
#: Rows deleted in one transaction: few, because robot calls wait for SQLite's only write lock.
FORGOTTEN = 2000


@dataclass(frozen=True)
class Entry:
    """One entry of an audience. line_no: its row in the file, or its place in the list; phone: as written, perhaps several
    phones in one text; values: by the names of columns or fields; item: "DEAL_345" or ""; is_found: False if the CRM has no
    such item."""

    line_no: int
    phone: str
    values: Mapping[str, str] = field(default_factory=dict)
    item: str = ""
    is_found: bool = True


def region_of(portal: Portal) -> str:
    """The country in which a portal's numbers are read."""
    return phones.region_of(portal.region, portal.language, portal.phone_region)


Row = dict[str, Any]


def rows_of(runtime: Runtime, entries: Iterable[Entry], region: str) -> list[Row]:
    """The rows of a part of the audience, for `store`. Call it outside of the transaction: reading phones takes longer than
    storing the rows."""
    return [_row(runtime, entry, region) for entry in entries]


def _row(runtime: Runtime, entry: Entry, region: str) -> Row:
    number = _number(entry.phone, region)
    return {
        "phone": number or entry.phone.strip()[:PHONE_LENGTH],
        "phone_key": runtime.phone_key(number) if number else None,
        "country": phones.country_of(number) if number else "",
        "item": entry.item[:64],
        "line_no": entry.line_no,
        "values": {name: str(value)[:VALUE_LENGTH] for name, value in entry.values.items()} or None,
        "state": RecipientState.PENDING if number else RecipientState.SKIPPED,
        "reason": "" if number else Skipped.INVALID_PHONE if entry.is_found else Skipped.NOT_FOUND,
        "due_at": runtime.clock(),
    }


def store(session: Session, campaign_id: int, rows: Sequence[Row]) -> None:
    """Store a part of the audience, every row: a phone that the campaign already has becomes a skipped `duplicate`."""
    new: dict[str, Row] = {}
    rest: list[Row] = []
    for given in rows:
        row = {**given, "campaign_id": campaign_id}
        if row["phone_key"] is None:
            rest.append(row)
        elif row["phone_key"] in new:
            rest.append(_duplicate(row))
        else:
            new[row["phone_key"]] = row
    kept = {found.phone_key for found in insert_missing(session, Recipient, list(new.values()), "phone_key")}
    rest += [_duplicate(row) for key, row in new.items() if key not in kept]
    if rest:
        session.execute(insert(Recipient), rest)


def forget_some(session: Session, campaign_id: int) -> int:
    """Delete up to FORGOTTEN rows of the stored audience; how many were deleted."""
    gone = 0
    for table in (Recipient, RefusedRow):
        ids = session.scalars(select(table.id).where(table.campaign_id == campaign_id).limit(FORGOTTEN - gone)).all()
        session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
        gone += len(ids)
    return gone


def _number(text: str, region: str) -> str | None:
    """The first valid phone of the text, as digits."""
    return next((found for part in phones.split(text) if (found := phones.digits(part, region))), None)


def _duplicate(row: Row) -> Row:
    return {**row, "phone_key": None, "state": RecipientState.SKIPPED, "reason": Skipped.DUPLICATE}
