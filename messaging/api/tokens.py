"""Tokens of a portal's API: made, found again by their digest, revoked.

A token is 43 random characters behind `waba24_`, so its plain sha256 is enough: it cannot be tried out, and whoever reads the
database can use none.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from messaging.api import scopes
from messaging.queue.group_insert import Snapshot
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.api import ApiToken
from messaging.store.models import Portal
from messaging.store.states import PortalStatus

PREFIX = "waba24_"
#: Tokens of one portal that are not revoked.
AT_MOST = 50
NAME_LENGTH = 100
#: When a token was used is written this often at most.
USED_TO = timedelta(minutes=1)
log = structlog.get_logger(__name__)


class TooMany(Exception):
    """A portal has AT_MOST tokens."""


@dataclass(frozen=True)
class Caller:
    """Whose call it is. snapshot: of the portal, as messaging.intake.robot_calls stores a run by it."""

    token_id: int
    portal_id: int
    scopes: frozenset[str]
    last_used_at: datetime | None
    snapshot: Snapshot


@dataclass(frozen=True)
class Made:
    """A new token, in clear for the only time."""

    id: int
    token: str
    scopes: list[str]


def add(runtime: Runtime, portal_id: int, name: str, wanted: Collection[str] = (), user_id: int | None = None) -> Made:
    """Make a token. wanted: scopes, none: all.

    Raises ValueError for a name that is empty or too long and for an unknown scope, TooMany.
    """
    name = name.strip()
    if not name or len(name) > NAME_LENGTH:
        raise ValueError("name")
    held = scopes.tidied(wanted or scopes.ALL)
    token = PREFIX + secrets.token_urlsafe(32)
    with runtime.db.write() as session:
        session.get_one(Portal, portal_id, with_for_update=True)
        mine = (ApiToken.portal_id == portal_id) & ApiToken.revoked_at.is_(None)
        if (session.scalar(select(func.count(ApiToken.id)).where(mine)) or 0) >= AT_MOST:
            raise TooMany
        made = ApiToken(
            portal_id=portal_id,
            digest=crypto.digest(token),
            tail=token[-4:],
            name=name,
            scopes=held,
            user_id=user_id,
            created_at=runtime.clock(),
        )
        session.add(made)
        session.flush()
        log.info("token of the API made", portal=portal_id, token=made.id, scopes=held, user=user_id)
        return Made(made.id, token, held)


def listed(session: Session, portal_id: int | None = None) -> Sequence[ApiToken]:
    """The tokens of a portal, or of all, the newest last; the revoked ones too."""
    query = select(ApiToken).order_by(ApiToken.id)
    return session.scalars(query if portal_id is None else query.where(ApiToken.portal_id == portal_id)).all()


def revoke(runtime: Runtime, token_id: int, portal_id: int | None = None, user_id: int | None = None) -> bool:
    """Let a token open nothing any more; False if it was revoked before. Raises LookupError."""
    with runtime.db.write() as session:
        token = session.get(ApiToken, token_id, with_for_update=True)
        if token is None or portal_id not in (None, token.portal_id):
            raise LookupError(f"there is no token {token_id}; `tokens list` shows them")
        if token.revoked_at is not None:
            return False
        token.revoked_at = runtime.clock()
        log.warning("token of the API revoked", portal=token.portal_id, token=token.id, user=user_id)
        return True


# Statements are made once: building a statement takes longer than running it.
_CALLER = (
    select(
        *(ApiToken.id, ApiToken.scopes, ApiToken.last_used_at),
        *(Portal.id.label("portal_id"), Portal.status, Portal.token_version),
    )
    .join(Portal, Portal.id == ApiToken.portal_id)
    .where(ApiToken.digest == bindparam("digest"), ApiToken.revoked_at.is_(None))
)


def caller(runtime: Runtime, token: str) -> Caller | None:
    """Whose token this is; None: it is unknown or revoked, or its portal has removed the app."""
    if not token.startswith(PREFIX) or len(token) > 100:
        return None
    with runtime.db.read() as session:
        row = session.execute(_CALLER, {"digest": crypto.digest(token)}).one_or_none()
    if row is None or row.status == PortalStatus.INACTIVE:
        return None
    snapshot = (row.portal_id, row.status, row.token_version)
    return Caller(row.id, row.portal_id, frozenset(row.scopes), row.last_used_at, snapshot)


def used(runtime: Runtime, known: Caller) -> None:
    """Write down that a token was used, unless that stands there already."""
    now = runtime.clock()
    if known.last_used_at is not None and now - known.last_used_at < USED_TO:
        return
    with runtime.db.write() as session:
        session.execute(update(ApiToken).where(ApiToken.id == known.token_id).values(last_used_at=now))
