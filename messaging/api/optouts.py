"""A portal's opt-outs as the API shows and changes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.conversations import lookup
from messaging.policy import consent
from messaging.policy.consent import Cause, Client
from messaging.runtime import Runtime
from messaging.store import opt_outs
from messaging.store.models import Line
from messaging.store.opt_outs import EVERY_LINE, OptOut, Source


class NotOurs(Exception):
    """Only the client can lift this, in WhatsApp."""


@dataclass(frozen=True)
class Shown:
    """phone: digits; lines: None if no line may write, else those whose marketing the client has stopped in WhatsApp."""

    phone: str
    lines: list[int] | None
    source: str
    why: str | None
    since: datetime


def newest(session: Session, portal_id: int, before: int | None, limit: int) -> tuple[list[Shown], int | None]:
    """A page of entries, the newest first, and where the next page begins; None: at the end."""
    rows = opt_outs.newest(session, portal_id, before, limit + 1)
    page = rows[:limit]
    return [_shown([row]) for row in page], page[-1].id if len(rows) > limit else None


def find(runtime: Runtime, portal_id: int, phone: str) -> Shown | None:
    """What stands in the way of writing to this client (phone: digits); None: nothing does."""
    with runtime.db.read() as session:
        return _found(session, runtime, portal_id, phone)


def _found(session: Session, runtime: Runtime, portal_id: int, phone: str) -> Shown | None:
    entries = opt_outs.entries(session, [portal_id], _client(session, runtime, portal_id, phone).keys)
    whole = [entry for entry in entries if entry.line_id == EVERY_LINE]
    return _shown(whole or entries) if entries else None


def put(runtime: Runtime, portal_id: int, phone: str, why: str) -> Shown:
    """Put a client (phone: digits) on the list, unless the client is on it already."""
    cause = Cause(Source.API, runtime.clock(), why=why)
    with runtime.db.write() as session:
        consent.stop(session, runtime, portal_id, _client(session, runtime, portal_id, phone), cause)
        found = _found(session, runtime, portal_id, phone)
    assert found is not None
    return found


def lift(runtime: Runtime, portal_id: int, phone: str) -> bool:
    """Take a client (phone: digits) off the list; False if he does not stand there. Raises NotOurs."""
    cause = Cause(Source.API, runtime.clock())
    with runtime.db.write() as session:
        client = _client(session, runtime, portal_id, phone)
        if consent.allow(session, runtime, portal_id, client, cause):
            return True
        if opt_outs.entries(session, [portal_id], client.keys):
            raise NotOurs
    return False


def _client(session: Session, runtime: Runtime, portal_id: int, phone: str) -> Client:
    """With all keys that a conversation knows the client by."""
    lines = session.scalars(select(Line.id).where(Line.portal_id == portal_id)).all()
    return Client.of(runtime, phone, lookup.conversations_with(session, lines, runtime.phone_keys(phone)))


def _shown(entries: Sequence[OptOut]) -> Shown:
    """A client's entries of one kind: one about all lines, or one for each of several lines."""
    first = min(entries, key=lambda entry: entry.since)
    lines = sorted(entry.line_id for entry in entries)
    return Shown(first.phone, None if EVERY_LINE in lines else lines, first.source, first.why or None, first.since)
