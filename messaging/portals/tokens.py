"""The one place where a portal's OAuth pair is read, refreshed and replaced.

Refresh is lazy, under a lock per portal, with compare-and-swap on `token_version`: two processes that refresh one token
at the same time would otherwise lose the portal (the later one shows a replaced refresh token). The new pair is
committed before the lock opens. If Redis loses the lock, the auth server still decides, and the loser reads again.
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
from redis.exceptions import LockError, RedisError
from sqlalchemy import update
from sqlalchemy.orm import Session

from bx24.client import Client, Reply
from bx24.errors import AuthDead, PortalInactive, Throttled, Unauthorized, Unavailable
from bx24.oauth import Grant
from bx24.open_points import REPLACED_TOKEN
from messaging.limits.bounds import REST_TOTAL_S
from messaging.limits.portal_rate import Gate
from messaging.runtime import Runtime
from messaging.store.models import Portal
from messaging.system.counters import POINT
from messaging.system.public_http import within

LOCK_S = 90
#: To reach a portal that is given much time for its answer.
CONNECT_S = 5.0
#: The token is good, its user is not: dismissed, or without access to the app.
USER_GONE = ("authorization_error", "user_access_error")
EARLY = timedelta(seconds=60)
log = structlog.get_logger(__name__)


class PortalTokens:
    """`bx24.client.TokenSource` of one portal."""

    def __init__(self, runtime: Runtime, portal_id: int) -> None:
        self.runtime = runtime
        self.portal_id = portal_id
        self._asked: Portal | None = None

    @property
    def endpoint(self) -> str:
        # Asked for right after the token: the same row, not another transaction for each REST call.
        portal, self._asked = self._asked or self._portal(), None
        return portal.client_endpoint

    def token(self) -> str:
        """An access token that has a minute to live at least. Raises PortalInactive, AuthDead, Unavailable."""
        portal = self._asked = self._portal()
        if portal.status == "reauth":
            raise AuthDead("reauth", "the portal waits for a new token")
        if not portal.access_token or portal.status != "active":
            raise PortalInactive("NOT_INSTALLED", f"the portal is {portal.status}")
        if portal.token_expires_at and portal.token_expires_at - EARLY <= self.runtime.clock():
            return self.renew(portal.access_token)
        return portal.access_token

    def renew(self, stale: str) -> str:
        """A token other than `stale`: somebody else's fresh one, else a refreshed one."""
        self._asked = None
        name = f"waba24:refresh:{self.portal_id}"
        try:
            lock = self.runtime.redis.lock(name, timeout=LOCK_S, blocking_timeout=LOCK_S)
            taken = lock.acquire()
        except RedisError as error:
            raise Unavailable("queue", type(error).__name__) from None
        if not taken:
            raise Unavailable("refresh", "another process is refreshing the token")
        try:
            return self._renewed(stale)
        finally:
            with contextlib.suppress(LockError, RedisError):  # a Redis that was emptied has forgotten the lock
                lock.release()

    def _renewed(self, stale: str) -> str:
        portal = self._portal()
        if portal.access_token and portal.access_token != stale:
            return portal.access_token
        try:
            return self._refresh(portal)
        except (AuthDead, PortalInactive) as error:
            return self._lost(portal, error)

    def moved(self, endpoint: str) -> None:
        """The portal says it lives elsewhere: believed only if the auth server says so too."""
        self._asked = None
        portal = self._portal()
        info = self.runtime.auth_servers.app_info(portal.server_endpoint or None, portal.access_token or "")
        same_host = urlsplit(info.client_endpoint).netloc == urlsplit(endpoint).netloc
        if info.member_id != portal.member_id or not same_host:
            # Not final: the auth server may hear of a new name later than we do, and nothing was sent there.
            raise Unavailable("MOVED", "the redirect does not lead to this portal")
        with self.runtime.db.write() as session:
            session.get_one(Portal, self.portal_id).client_endpoint = info.client_endpoint
        log.info("portal moved", portal=self.portal_id, endpoint=info.client_endpoint)

    def user_gone(self, error: Unauthorized) -> None:
        """The token's user was dismissed or shut out: a robot's own pair, or an administrator opening the app, heals."""
        with self.runtime.db.write() as session:
            portal = session.get_one(Portal, self.portal_id, with_for_update=True)
            if portal.status == "active":
                portal.status, portal.status_reason = "reauth", str(error)[:200]
        log.error("the token's user may not any more", portal=self.portal_id, code=error.code)

    def _portal(self) -> Portal:
        with self.runtime.db.read() as session:
            return session.get_one(Portal, self.portal_id)

    def _refresh(self, portal: Portal) -> str:
        grant = self.runtime.auth_servers.refresh(portal.server_endpoint or None, portal.refresh_token or "")
        if grant.member_id and grant.member_id != portal.member_id:
            raise AuthDead("invalid_grant", "the new token belongs to another portal")
        with self.runtime.db.write() as session:
            if not store_grant(session, portal, grant):
                return session.get_one(Portal, self.portal_id).access_token or ""
        log.info("token refreshed", portal=self.portal_id)
        return grant.access_token

    def _lost(self, seen: Portal, error: AuthDead | PortalInactive) -> str:
        """The auth server refuses: read once more, another process may have won; else close the portal."""
        current = self._portal()
        if current.token_version != seen.token_version and current.access_token:
            self.runtime.counters.seen(POINT, REPLACED_TOKEN, "refused", self.portal_id)
            return current.access_token
        status = "reauth" if isinstance(error, AuthDead) else "inactive"
        with self.runtime.db.write() as session:
            portal = session.get_one(Portal, self.portal_id)
            if portal.status == "active":  # else it was uninstalled meanwhile
                portal.status, portal.status_reason = status, f"{error.code}: {error.description}"[:200]
        log.error("portal lost its token", portal=self.portal_id, code=error.code, status=status)
        raise error


def store_grant(session: Session, seen: Portal, grant: Grant) -> bool:
    """Compare and swap: put the new pair in the place of the one that was seen; False if somebody was faster."""
    swapped = session.execute(
        update(Portal)
        .where(Portal.id == seen.id, Portal.token_version == seen.token_version)
        .values(
            access_token=grant.access_token,
            refresh_token=grant.refresh_token,
            previous_refresh_token=seen.refresh_token,
            token_expires_at=grant.expires_at,
            token_version=seen.token_version + 1,
        )
    )
    return bool(swapped.rowcount)  # type: ignore[attr-defined]  # a CursorResult, typed as Result


def put_pair(portal: Portal, access: str, refresh: str, expires_at: datetime, user_id: int | None) -> None:
    """A pair that was verified by other means (an install, a robot's own pair) becomes the portal's."""
    portal.previous_refresh_token = portal.refresh_token
    portal.access_token, portal.refresh_token = access, refresh
    portal.token_expires_at, portal.token_user_id = expires_at, user_id
    portal.token_version = (portal.token_version or 0) + 1


class PortalClient(Client):
    """The REST door of one portal. It notices when the token's user has left: then another user's pair is awaited.

    patience_s: for one answer; None: as usual. A portal that is given more is not taken for a slow one.
    begin_until: later no request is begun, but Throttled raised; None: at any time.
    """

    def __init__(
        self, runtime: Runtime, portal_id: int, patience_s: float | None = None, begin_until: datetime | None = None
    ) -> None:
        self._runtime, self._portal_id, self._begin_until = runtime, portal_id, begin_until
        self._source = PortalTokens(runtime, portal_id)
        self.limit = Gate(runtime.redis, portal_id, runtime.counters, runtime.sleep)
        if patience_s is None:
            timed = partial(_timed, runtime, portal_id)
            super().__init__(runtime.bx_session, self._source, gate=self._enter, within=timed)
        else:
            timeout = (CONNECT_S, patience_s)
            patient = partial(within, patience_s)
            super().__init__(runtime.bx_session, self._source, gate=self._enter, timeout=timeout, within=patient)

    def with_patience(self, patience_s: float) -> "PortalClient":
        """The same door, with other patience."""
        return PortalClient(self._runtime, self._portal_id, patience_s, self._begin_until)

    def _enter(self) -> None:
        self.limit()
        if self._begin_until is not None and self._runtime.clock() > self._begin_until:
            raise Throttled("TOO_LATE", "this process stood still")

    @property
    def endpoint(self) -> str:
        """The address of the portal's REST, read now."""
        return self._source.endpoint

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Reply:
        try:
            return super().call(method, params)
        except Unauthorized as error:
            if error.code.lower() in USER_GONE:
                self._source.user_gone(error)
            raise


@contextmanager
def _timed(runtime: Runtime, portal_id: int) -> Iterator[None]:
    """One exchange with a portal: cut when its time is up, and remembered if it was slow."""
    begun = runtime.clock()
    try:
        with within(REST_TOTAL_S):
            yield
    finally:
        if runtime.slow_portals.took(portal_id, (runtime.clock() - begun).total_seconds()):
            runtime.counters.add("portal_pauses", portal_id, portal=portal_id)


def portal_client(
    runtime: Runtime, portal_id: int, patience_s: float | None = None, begin_until: datetime | None = None
) -> PortalClient:
    """The REST door of one portal: its tokens, its share of the limiter. The rest as of PortalClient."""
    return PortalClient(runtime, portal_id, patience_s, begin_until)
