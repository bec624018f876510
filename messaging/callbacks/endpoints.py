"""What people do with endpoints: make, list, test, replace the secret, switch on, delete, send again.

A change locks the endpoint's row alone. What it leaves to be done, the worker does (messaging.stages.callbacks).
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from messaging.callbacks import signing
from messaging.callbacks.listeners import News, tell_one
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.runtime import Runtime
from messaging.store.callbacks import Callback, CallbackState, Endpoint, EndpointState, Event
from messaging.store.models import Portal, shard_of
from messaging.store.states import Origin
from messaging.system import public_http

#: Endpoints of one portal.
MOST = 5
URL_LENGTH = 500
#: How long a replaced secret still signs, beside the new one.
OLD_SECRET = timedelta(hours=24)
#: Deliveries that people see.
SHOWN = 100
#: Deliveries sent again at once, the newest.
AGAIN = 1_000
#: What an endpoint can ask for.
EVENTS = tuple(event for event in Event if event is not Event.TEST)
#: Threads of a process that look names up, one for a portal: the name server is the customer's, and may take half a minute.
_lookups = ConcurrencyLimit(2, patience_s=1.0)
log = structlog.get_logger(__name__)


class Unfit(ValueError):
    """Values that cannot be taken. problems: `url`, `events` or `origins` → code of what is wrong with it."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{field}: {code}" for field, code in problems.items()))
        self.problems = dict(problems)


class TooMany(Exception):
    """The portal has as many endpoints as it may have."""


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for. origins: of the messages whose statuses are told, none: all."""

    url: str
    events: Sequence[str]
    origins: Sequence[str] = ()


def check(runtime: Runtime, wanted: Wanted) -> Wanted:
    """The same, tidied. Looks the host's name up. Raises Unfit, which names all that is wrong."""
    url = wanted.url.strip()
    found = {
        "url": _problem_of(url) or public_http.why_forbidden(url, runtime.config.allow_http),
        "events": _unknown(wanted.events, EVENTS) if wanted.events else "missing",
        "origins": _unknown(wanted.origins, tuple(Origin)),
    }
    if problems := {field: code for field, code in found.items() if code}:
        raise Unfit(problems)
    return Wanted(url, _ordered(wanted.events, EVENTS), _ordered(wanted.origins, tuple(Origin)))


def _unknown(asked: Collection[str], allowed: Collection[str]) -> str:
    unknown = set(asked) - set(allowed)
    return f"unknown {min(unknown)}"[:60] if unknown else ""


def _problem_of(url: str) -> str:
    """What is wrong with the form of an address: `missing`, `too_long`, `not_a_url`, `password`; "" nothing."""
    if not url or len(url) > URL_LENGTH:
        return "too_long" if url else "missing"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "not_a_url"
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return "not_a_url"
    if not is_address:
        return "not_a_url"
    return "password" if "@" in parts.netloc else ""


def _ordered(asked: Collection[str], order: Sequence[str]) -> list[str]:
    return [str(one) for one in order if one in asked]


def make(
    runtime: Runtime,
    portal_id: int,
    wanted: Wanted,
    user_id: int = 0,
    also: Callable[[Session, Endpoint], None] | None = None,
) -> Endpoint:
    """A new endpoint, on; its secret is to be shown now and never again. also: done in the same transaction.

    Raises Unfit, TooMany.
    """
    with _lookups.acquire(str(portal_id)) as is_free:
        if not is_free:
            raise Unfit({"url": "busy"})
        wanted = check(runtime, wanted)
    with runtime.db.write() as session:
        session.get_one(Portal, portal_id, with_for_update=True)  # two at once would both find room
        if len(listed(session, portal_id)) >= MOST:
            raise TooMany
        made = Endpoint(
            key=f"wh_{secrets.token_urlsafe(12)}",
            portal_id=portal_id,
            shard=shard_of(portal_id),
            url=wanted.url,
            events=list(wanted.events),
            origins=list(wanted.origins),
            secret=signing.new_secret(),
            created_by=user_id,
            created_at=runtime.clock(),
        )
        session.add(made)
        session.flush()
        if also is not None:
            also(session, made)
        log.info("endpoint made", portal=portal_id, endpoint=made.id, user=user_id)
        return made


def listed(session: Session, portal_id: int) -> Sequence[Endpoint]:
    """The endpoints of a portal, the oldest first."""
    mine = (Endpoint.portal_id == portal_id) & (Endpoint.state != EndpointState.REMOVED)
    return session.scalars(select(Endpoint).where(mine).order_by(Endpoint.id)).all()


def find(session: Session, portal_id: int, key: str, lock: bool = False) -> Endpoint:
    """An endpoint of the portal. Raises LookupError."""
    mine = (Endpoint.portal_id == portal_id) & (Endpoint.state != EndpointState.REMOVED) & (Endpoint.key == key)
    query = select(Endpoint).where(mine)
    found = session.scalar(query.with_for_update(key_share=True) if lock else query)
    if found is None:
        raise LookupError(key)
    return found


def remove(runtime: Runtime, portal_id: int, key: str) -> None:
    """Tell this endpoint nothing more; what waits for it is deleted soon. Raises LookupError."""

    def change(session: Session, endpoint: Endpoint) -> None:
        endpoint.state, endpoint.due_at = EndpointState.REMOVED, None
        endpoint.url = endpoint.secret = ""
        endpoint.old_secret = None

    _change(runtime, portal_id, key, change)


def renew_secret(runtime: Runtime, portal_id: int, key: str) -> str:
    """A new secret, to be shown now and never again; the last one signs as well for OLD_SECRET. Raises LookupError."""
    new = signing.new_secret()

    def change(session: Session, endpoint: Endpoint) -> None:
        endpoint.old_secret, endpoint.old_until = endpoint.secret, runtime.clock() + OLD_SECRET
        endpoint.secret = new

    _change(runtime, portal_id, key, change)
    return new


def switch_on(runtime: Runtime, portal_id: int, key: str) -> None:
    """Tell an endpoint again that was switched off: first what has waited, then what comes. Raises LookupError."""

    def change(session: Session, endpoint: Endpoint) -> None:
        if endpoint.state == EndpointState.ON:
            return
        endpoint.state, endpoint.off_reason, endpoint.off_at = EndpointState.ON, "", None
        endpoint.failures, endpoint.failing_since, endpoint.error = 0, None, ""
        waiting = (Callback.endpoint_id == endpoint.id) & (Callback.state == CallbackState.WAITING)
        endpoint.waiting = session.scalar(select(func.count()).where(waiting)) or 0
        endpoint.missed, endpoint.missed_at, endpoint.due_at = 0, None, runtime.clock()
        session.execute(
            update(Callback)
            .where(waiting)
            .values(due_at=runtime.clock(), attempts=0)
            .execution_options(synchronize_session=False)
        )

    _change(runtime, portal_id, key, change)


def test(runtime: Runtime, portal_id: int, key: str) -> None:
    """Send an event of the type `test`. Raises LookupError."""

    def change(session: Session, endpoint: Endpoint) -> None:
        now = runtime.clock()
        tell_one(session, portal_id, endpoint.id, now, News(Event.TEST, "", now, {"webhook": endpoint.key}))

    _change(runtime, portal_id, key, change)


def newest(session: Session, endpoint: Endpoint, limit: int = SHOWN) -> Sequence[Callback]:
    """The last deliveries of an endpoint, the newest first."""
    mine = select(Callback).where(Callback.endpoint_id == endpoint.id)
    return session.scalars(mine.order_by(Callback.id.desc()).limit(limit)).all()


def send_again(runtime: Runtime, portal_id: int, key: str, callback_key: str) -> bool:
    """Send one delivery again, from the start; False if it is gone, or waits anyway. Raises LookupError."""
    return _again(runtime, portal_id, key, 1, (CallbackState.DONE, CallbackState.FAILED), callback_key) > 0


def send_failed_again(runtime: Runtime, portal_id: int, key: str) -> int:
    """Send what was given up again, the newest AGAIN; how many. Raises LookupError."""
    return _again(runtime, portal_id, key, AGAIN, (CallbackState.FAILED,))


def _again(
    runtime: Runtime, portal_id: int, key: str, most: int, states: Sequence[CallbackState], callback_key: str = ""
) -> int:
    count = 0

    def change(session: Session, endpoint: Endpoint) -> None:
        nonlocal count
        which = select(Callback.id).where(Callback.endpoint_id == endpoint.id, Callback.state.in_(states))
        if callback_key:
            which = which.where(Callback.key == callback_key)
        ids = session.scalars(which.order_by(Callback.id.desc()).limit(most)).all()
        fresh = {"state": CallbackState.NEW, "attempts": 0, "due_at": runtime.clock(), "ended_at": None}
        session.execute(
            update(Callback).where(Callback.id.in_(ids)).values(**fresh).execution_options(synchronize_session=False)
        )
        count = len(ids)

    _change(runtime, portal_id, key, change)
    return count


def _change(runtime: Runtime, portal_id: int, key: str, change: Callable[[Session, Endpoint], None]) -> None:
    with runtime.db.write() as session:
        endpoint = find(session, portal_id, key, lock=True)
        change(session, endpoint)
        log.info("endpoint changed", portal=portal_id, endpoint=endpoint.id, state=endpoint.state)
    runtime.wakeups.notify([shard_of(portal_id)])
