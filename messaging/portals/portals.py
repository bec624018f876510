"""Portals: verified install, recognition of later calls, update.

Trust comes from the auth server alone: a forged request names its own `client_endpoint`, whose server would answer
anything. Until `app.info` on an allow-listed host has confirmed the pair (client_id, member_id), nothing is stored and no
address of the request is contacted (Bitrix24 docs: api-reference/events/safe-event-handlers).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from activities import phones
from bx24.client import Client
from bx24.errors import Bx24Error, Unavailable
from bx24.oauth import AppInfo
from bx24.payloads import Auth
from messaging.limits.bounds import PAGE_ANSWER_BYTES, PAGE_TOTAL_S
from messaging.limits.concurrency import PAGE_TIMEOUT, ConcurrencyLimit
from messaging.portals import tokens
from messaging.queue.group_commit import CachedPortal
from messaging.runtime import Runtime
from messaging.store.crypto import digest, same
from messaging.store.models import (
    Portal,
)
from messaging.system.public_http import within

#: Limits on the threads that wait for the auth server, and on those that wait for a portal's `user.admin`.
_auth_threads, _page_threads = ConcurrencyLimit(), ConcurrencyLimit()
log = structlog.get_logger(__name__)


class Unverified(Exception):
    """A request that could not be proved genuine. `reason` is for the log; the caller gets 403."""


class Unlearned(Exception):
    """A call's application_token is not known yet, and the auth server does not answer, or is not to be asked."""


class _Given:
    """`TokenSource` for the pair a request brought: used as it is, never refreshed."""

    def __init__(self, endpoint: str, access: str) -> None:
        self.endpoint = endpoint
        self._access = access

    def token(self) -> str:
        return self._access

    def renew(self, stale: str) -> str:
        raise Unverified("the token of the request has expired")

    def moved(self, endpoint: str) -> None:
        raise Unverified("the portal moved during the install")


def identify(runtime: Runtime, auth: Auth, address: str = "", person: str = "") -> tuple[AppInfo, bool]:
    """Whose token this is, and whether he is an administrator.

    address: the caller's, "" if it cannot be told from others; person: who asks, if that was proved before.
    Raises Unverified, OverQuota, bx24.errors.Bx24Error: Unavailable also when too many wait for such an answer already.
    """
    if person:
        runtime.frame_quota.check_person(person)
    else:
        installed = partial(_is_installed, runtime, auth.member_id)
        runtime.frame_quota.check(_digest(auth), auth.member_id, address, installed)
    with _auth_threads.acquire() as is_free:
        if not is_free:
            raise Unavailable("busy", "too many wait for the authorization server")
        info = verify(runtime, auth)
    runtime.frame_quota.confirmed(_digest(auth))
    # Only now it is certain which portal it is: a stranger must not take the slot of another's.
    with _page_threads.acquire(info.member_id) as is_free:
        if not is_free:
            raise Unavailable("busy", "too many wait for their portal")
        return info, is_admin(runtime, info, auth.access_token)


def _digest(auth: Auth) -> str:
    """What is remembered of a token that was asked about."""
    return digest(f"{auth.server_endpoint} {auth.member_id} {auth.access_token}")


def _is_installed(runtime: Runtime, member_id: str) -> bool:
    with runtime.db.read() as session:
        return session.scalar(select(Portal.id).where(Portal.member_id == member_id)) is not None


def verify(runtime: Runtime, auth: Auth) -> AppInfo:
    """Ask the auth server whose token this is. Raises Unverified, bx24.errors.Unavailable."""
    if not auth.access_token or not auth.member_id:
        raise Unverified("no access token or member_id")
    asked = _digest(auth)
    if known := runtime.refused_tokens.reason(asked):
        raise Unverified(known)
    try:
        with within(PAGE_TOTAL_S):
            info = runtime.auth_servers.within(PAGE_TIMEOUT).verify(
                auth.server_endpoint or None, auth.access_token, auth.member_id
            )
    except Bx24Error as error:
        if error.retryable:
            raise
        runtime.refused_tokens.add(asked, str(error))
        raise Unverified(str(error)) from None
    if not runtime.config.allow_http and urlsplit(info.client_endpoint).scheme != "https":
        raise Unverified("the portal has no https address")
    return info


def is_admin(runtime: Runtime, info: AppInfo, access_token: str) -> bool:
    """Whether the token's user is an administrator; asks the portal at its verified address."""
    return bool(client_with(runtime, info.client_endpoint, access_token).call("user.admin").result)


def is_persons_admin(runtime: Runtime, portal: Portal, access_token: str) -> bool:
    """Whether an event's token is an administrator's; False if it has expired or the portal does not answer."""
    try:
        return bool(
            access_token and client_with(runtime, portal.client_endpoint, access_token).call("user.admin").result
        )
    except (Unverified, Bx24Error):
        return False


@contextmanager
def client_of(runtime: Runtime, portal: Portal, access_token: str, person: str) -> Iterator[Client]:
    """The REST of the portal with the token of somebody who looks at a page. person: who that is.

    Raises OverQuota; Unavailable if too many wait for this portal already. The client raises Bx24Error, and Unverified if
    the token has expired.
    """
    runtime.frame_quota.check_person(person)
    with _page_threads.acquire(portal.member_id) as is_free:
        if not is_free:
            raise Unavailable("busy", "too many wait for their portal")
        yield client_with(runtime, portal.client_endpoint, access_token)


def client_with(runtime: Runtime, endpoint: str, access_token: str, gate: Callable[[], None] = lambda: None) -> Client:
    """The REST at this verified address with a token that is used as it is. gate: as of bx24.client.Client."""
    return Client(
        runtime.bx_session,
        _Given(endpoint, access_token),
        gate,
        timeout=PAGE_TIMEOUT,
        max_bytes=PAGE_ANSWER_BYTES,
        within=partial(within, PAGE_TOTAL_S),
    )


def install(runtime: Runtime, auth: Auth, info: AppInfo, language: str, *, is_new: bool = True) -> Portal:
    """Store an install that was verified as an administrator's, first or repeated; registration is due at once.

    is_new: False when the app stayed installed, and only its pair of tokens is replaced. A new install has a new
    application_token: when the frame does not carry it, it is learned later, and the former one no longer counts.
    """
    now = runtime.clock()
    with runtime.db.write() as session:
        portal = session.scalar(select(Portal).where(Portal.member_id == info.member_id))
        if portal is None:
            portal = Portal(member_id=info.member_id, installed_at=now, token_version=0)
            session.add(portal)
        portal.client_endpoint = info.client_endpoint
        portal.server_endpoint = info.server_endpoint
        lifetime = timedelta(seconds=auth.expires_in or 3600)
        tokens.put_pair(portal, auth.access_token, auth.refresh_token, now + lifetime, info.user_id)
        if auth.application_token or is_new:
            portal.application_token = auth.application_token or None
        portal.status, portal.status_reason = "active", ""
        portal.installed = portal.installed or info.installed
        portal.language = (language or portal.language or "ru").lower()[:8]
        portal.registration_due_at, portal.registration_tries = now, 0
        session.flush()
        log.info("portal installed", portal=portal.id, member_id=portal.member_id)
        return portal


def phone_region(portal: Portal) -> str:
    """The country in which the portal's numbers without a country code are read, as two letters."""
    return phones.region_of(portal.region, portal.language, portal.phone_region)


def set_phone_region(runtime: Runtime, portal_id: int, region: str) -> None:
    """Read numbers in this country; "": in the portal's own. Raises ValueError for an unknown one."""
    if region and region not in phones.regions():
        raise ValueError("unknown")
    with runtime.db.write() as session:
        session.get_one(Portal, portal_id).phone_region = region


def finished(runtime: Runtime, member_id: str) -> None:
    """The auth server says that the install was finished: it was not, when the install page was verified."""
    with runtime.db.read() as session:
        if session.scalar(select(Portal.installed).where(Portal.member_id == member_id)) is not False:
            return
    with runtime.db.write() as session:
        session.execute(update(Portal).where(Portal.member_id == member_id).values(installed=True))


def awaits_user(runtime: Runtime, member_id: str) -> bool:
    """Whether the portal's own token died, so that an administrator's fresh one is welcome."""
    with runtime.db.read() as session:
        return session.scalar(select(Portal.status).where(Portal.member_id == member_id)) == "reauth"


def caller(runtime: Runtime, auth: Auth) -> CachedPortal | None:
    """The portal of a robot call, remembered from an earlier one; else as `recognise` says.

    What is remembered only ever accepts, and `runs.store` reads in its transaction whether the portal is still like that.
    """
    try:
        return caller_or_later(runtime, auth)
    except Unlearned:
        return None


def caller_or_later(
    runtime: Runtime, auth: Auth, may_ask: Callable[[Auth], bool] = lambda auth: True
) -> CachedPortal | None:
    """As `caller`, for who can wait. may_ask: whether the auth server may be asked about this call.

    Raises Unlearned if only the auth server could tell, and OverQuota.
    """
    given = digest(auth.application_token)
    known = runtime.intake.portals.get(auth.member_id)
    if known is not None and same(known.token_digest, given):
        return known
    portal = _recognised(runtime, auth, may_ask)
    if portal is None:
        return None
    known = CachedPortal(portal.id, portal.status, portal.token_version, given)
    runtime.intake.portals.put(auth.member_id, known)
    return known


def forget(runtime: Runtime, auth: Auth) -> None:
    """The portal is not as it was remembered: recognise it anew."""
    runtime.intake.portals.forget(auth.member_id)


def recognise(runtime: Runtime, auth: Auth) -> Portal | None:
    """The portal a call comes from, or None: unknown, uninstalled, or the token does not fit.

    An application_token that is not known yet is learned when the auth server vouches for the call's access token. A call
    with the right token from a portal that was closed (unpaid, unreachable) shows that the app lives there again.
    Raises OverQuota when the auth server was asked too often.
    """
    try:
        return _recognised(runtime, auth, lambda auth: True)
    except Unlearned:
        return None


def _recognised(runtime: Runtime, auth: Auth, may_ask: Callable[[Auth], bool]) -> Portal | None:
    with runtime.db.read() as session:
        portal = session.scalar(select(Portal).where(Portal.member_id == auth.member_id))
    if portal is None or not auth.application_token:
        return None
    if not portal.application_token:
        if portal.status == "inactive":
            return None
        if not may_ask(auth):
            raise Unlearned
        return _learn(runtime, portal, auth)
    if not same(portal.application_token, auth.application_token):
        return None
    return _revive(runtime, portal) if portal.status == "inactive" else portal


def _learn(runtime: Runtime, portal: Portal, auth: Auth) -> Portal | None:
    runtime.frame_quota.check(_digest(auth), portal.member_id, "", lambda: True)
    try:
        verify(runtime, auth)
    except Unverified:
        return None
    except Bx24Error as error:
        raise Unlearned from error
    with runtime.db.write() as session:
        known = session.get_one(Portal, portal.id)
        known.application_token = known.application_token or auth.application_token
        return known if same(known.application_token, auth.application_token) else None


def _revive(runtime: Runtime, portal: Portal) -> Portal:
    with runtime.db.write() as session:
        known = session.get_one(Portal, portal.id)
        known.status, known.status_reason = "active", ""
        register_again(session, known, runtime)
    log.info("portal is back", portal=known.id)
    return known


def updated(runtime: Runtime, portal_id: int, auth: Auth) -> None:
    """A new version of the app: Bitrix24 has dropped our robots and events, register them again."""
    with runtime.db.write() as session:
        portal = session.get_one(Portal, portal_id)
        portal.installed = True
        register_again(session, portal, runtime)
    log.info("app updated", portal=portal_id, member_id=auth.member_id)


def register_again(session: Session, portal: Portal, runtime: Runtime, after: timedelta = timedelta()) -> None:
    """Robots, activities and events are to be brought in line with what we offer, soon."""
    portal.registration_due_at, portal.registration_tries = runtime.clock() + after, 0


def adopt(runtime: Runtime, portal_id: int, auth: Auth) -> bool:
    """A portal whose token died gets the fresh pair of a robot call, once the auth server has vouched for it."""
    if not auth.access_token or not auth.refresh_token:
        return False
    try:
        info = verify(runtime, auth)
    except (Unverified, Bx24Error):
        return False
    with runtime.db.write() as session:
        portal = session.get_one(Portal, portal_id)
        if portal.status != "reauth":
            return portal.status == "active"
        expires = runtime.clock() + timedelta(seconds=auth.expires_in or 3600)
        tokens.put_pair(portal, auth.access_token, auth.refresh_token, expires, info.user_id)
        portal.status, portal.status_reason = "active", ""
        portal.client_endpoint = info.client_endpoint
    log.info("portal healed by a robot call's token", portal=portal_id)
    return True
