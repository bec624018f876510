"""Stores entries of the spool: each is recognised and verified like a call or a webhook that has just come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from bx24.message_service import ProviderCall
from bx24.payloads import Auth, RunCall, parse_form
from messaging.intake import provider_calls, robot_calls, spooling, webhooks
from messaging.limits.quotas import OverQuota
from messaging.lines import lines
from messaging.portals import portals
from messaging.queue.group_commit import CachedPortal, Insert
from messaging.queue.group_insert import StaleSnapshot
from messaging.queue.spool_files import Entry
from messaging.runtime import Runtime
from robots import lookup

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of an entry. HELD: nobody can say yet whether its sender is who he says."""

    STORED = "stored"
    REFUSED = "refused"
    HELD = "held"
    SET_ASIDE = "set aside"


class Asking:
    """Whether the auth server may be asked about a call: for so many seconds from now on, and not if it was silent before."""

    def __init__(self, runtime: Runtime, seconds: float) -> None:
        self._runtime = runtime
        self._until = runtime.intake.now() + seconds
        self._silent: set[str] = set()

    def may_ask(self, auth: Auth) -> bool:
        return self._runtime.intake.now() < self._until and self._server(auth) not in self._silent

    def was_silent(self, auth: Auth) -> None:
        self._silent.add(self._server(auth))

    def _server(self, auth: Auth) -> str:
        return self._runtime.auth_servers.base(auth.server_endpoint)


@dataclass(frozen=True)
class _Recognised:
    """An entry whose sender is known. tell: counts what became of it. forget: the sender is no longer as he was recognised."""

    insert: Insert
    tell: Callable[[int | None], None]
    forget: Callable[[], None]


class _Refused(Exception):
    """An entry whose sender is not who he said, or not any more."""


class _Held(Exception):
    """An entry that only the auth server can judge, which does not answer or is not to be asked now."""


def store(runtime: Runtime, entries: Sequence[Entry], asking: Asking) -> list[tuple[str, Outcome]]:
    """Store entries in one transaction. For each its kind, and what became of it: not SET_ASIDE.

    Raises whatever is wrong with one of them; then none is stored.
    """
    outcomes: list[tuple[str, Outcome]] = []
    found: list[_Recognised] = []
    for entry in entries:
        if not entry.is_intact:
            raise ValueError("its checksum does not fit")
        told, body = spooling.opened(runtime, entry.content)
        try:
            found.append(_RECOGNISE[told["kind"]](runtime, entry, told, body, asking))
            outcomes.append((told["kind"], Outcome.STORED))
        except _Refused as error:
            log.warning("an entry of the spool is refused", kind=told["kind"], reason=str(error))
            outcomes.append((told["kind"], Outcome.REFUSED))
        except _Held as error:
            log.info("an entry of the spool is held", kind=told["kind"], reason=str(error))
            outcomes.append((told["kind"], Outcome.HELD))
    try:
        ids = runtime.intake.store_in_order([one.insert for one in found])
    except StaleSnapshot:
        for one in found:
            one.forget()
        raise
    for one, stored in zip(found, ids, strict=True):
        one.tell(stored)
    return outcomes


def _call(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes, asking: Asking) -> _Recognised:
    call = RunCall.parse(parse_form(body))
    side, action = told["side"], lookup.action_of(told["side"], told["name"])
    if action is None:
        raise _Refused("there is no such action any more")
    portal = _caller(runtime, entry, call.auth, asking, timedelta(minutes=robot_calls.wait_minutes(call.properties)))
    # What an unknown caller could spool is bounded by bytes. Counted here, each try of a replay would cost its quota again.
    is_refused = told.get("is_refused", False)
    insert = robot_calls.insert_of(runtime, portal, side, action, call, is_refused=is_refused)
    return _Recognised(insert, partial(robot_calls.tell, runtime, insert), partial(portals.forget, runtime, call.auth))


def _to_be_sent(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes, asking: Asking) -> _Recognised:
    call = ProviderCall.parse(parse_form(body))
    portal = _caller(runtime, entry, call.auth, asking, provider_calls.PATIENCE)
    is_refused = told.get("is_refused", False)
    insert = provider_calls.insert_of(runtime, portal, told["line"], call, is_refused=is_refused)
    tell = partial(provider_calls.tell, runtime, insert)
    return _Recognised(insert, tell, partial(portals.forget, runtime, call.auth))


def _caller(runtime: Runtime, entry: Entry, auth: Auth, asking: Asking, waits: timedelta) -> CachedPortal:
    """The portal of a call. waits: for so long the call is of use to somebody. Raises _Refused and _Held."""
    try:
        portal = portals.caller_or_later(runtime, auth, asking.may_ask)
    except portals.Unlearned:
        asking.was_silent(auth)
        raise _held(runtime, entry, waits, "its application_token is not known yet") from None
    except OverQuota as error:
        raise _held(runtime, entry, waits, str(error)) from None
    if portal is None:
        raise _Refused("unknown portal or wrong application_token")
    return portal


def _held(runtime: Runtime, entry: Entry, waits: timedelta, reason: str) -> _Held | _Refused:
    """What to raise of a call that cannot be judged now: it is worth keeping as long as somebody waits for it."""
    return _Refused(reason) if entry.at + waits < runtime.clock() else _Held(reason)


def _webhook(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes, asking: Asking) -> _Recognised:
    line = lines.by_secret(runtime, told["secret"])
    if line is None:
        raise _Refused("unknown webhook secret")
    insert, events = webhooks.insert_of(runtime, line, body, entry.at)
    tell = partial(webhooks.tell, runtime, line, events, body)
    return _Recognised(insert, tell, partial(lines.forget, runtime, line))


_RECOGNISE: dict[str, Callable[[Runtime, Entry, dict[str, Any], bytes, Asking], _Recognised]] = {
    "call": _call,
    "provider": _to_be_sent,
    "webhook": _webhook,
}
