"""Stores what waits in the spool, as soon as the database is back: in the order in which it came, each entry once.

An entry is recognised, verified and stored like a call that has just come, but many of them in one transaction. If it was
stored before (the process that replayed it died, or the call that spooled it had been committed after all), the database
knows it by its key, as any repetition.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bx24.payloads import RunCall, parse_form
from messaging.intake import robot_calls, spooling, webhooks
from messaging.intake.known_callers import KnownCallers
from messaging.limits.quotas import OverQuota
from messaging.lines import lines
from messaging.portals import portals
from messaging.queue.group_commit import Insert
from messaging.queue.group_insert import StaleSnapshot
from messaging.queue.spool import Replaying
from messaging.queue.spool_files import Entry
from messaging.runtime import Runtime
from messaging.store.database import is_away
from messaging.system.embedded_redis import QueueServerError
from robots import lookup

TICK_S = 1.0
#: Most entries of one transaction.
TOGETHER = 100
#: A group ends when its entries have so many bytes: all of them are in memory at once, several times over.
TOGETHER_BYTES = 4 * 1024 * 1024
#: An owner that changes while its entry is stored is read again at most this many times in one look.
RECOGNISED_ANEW = 5
log = structlog.get_logger(__name__)


class Keeper:
    """What a web process does for the spool each second."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known = KnownCallers(runtime)

    def start(self, every_s: float = TICK_S) -> None:
        """Two threads that end with their process: a Redis that does not answer holds up only the one that tells it."""
        for name, work in (("spool", self.tick), ("spool-wakeups", self.notify)):
            args = (work, threading.Event().wait, every_s)
            threading.Thread(target=self._run, args=args, name=name, daemon=True).start()

    def _run(self, work: Callable[[], None], wait: Callable[[float], object], every_s: float) -> None:
        while True:
            wait(every_s)
            try:
                work()
            except Exception:
                log.exception("the spool was not looked after, again in a moment")

    def notify(self) -> None:
        """Let the workers know that there is work. Without Redis they find it themselves."""
        try:
            self._runtime.pending_wakeups.notify(lambda: self._runtime.wakeups)
            self._runtime.counters.flush_sometimes(lambda: self._runtime.redis, self._runtime.clock())
        except QueueServerError as error:
            log.warning("Redis is away, the database goes on", error=str(error))

    def tick(self) -> None:
        """Remember who was recognised; replay what waits, if the database is there and no other process does.

        Raises OSError.
        """
        self._known.save_sometimes()
        spool = self._runtime.spool
        if spool.look():
            with spool.replaying() as replaying:
                if replaying is not None:
                    self._drain(replaying)
            spool.look()

    def _drain(self, replaying: Replaying) -> None:
        """Replay until nothing waits, though new calls come all the time; or until the database is away."""
        while (number := self._replayed(replaying)) is not None:
            if replaying.finish():
                log.warning("the spool is empty: what comes in is stored at once again")
                return
            if number == 0:  # somebody is appending at this moment
                return

    def _replayed(self, replaying: Replaying) -> int | None:
        """Replay what waits now; how many entries that were, None if the database is away."""
        number = 0
        for entries in _in_groups(replaying.entries()):
            try:
                _replay(self._runtime, entries, replaying)
            except SQLAlchemyError as error:
                log.info("the database is still away, the spool waits", error=type(error).__name__)
                replaying.is_away()
                return None
            number += len(entries)
            replaying.save()
            self._runtime.spool.look()
        return number


@dataclass(frozen=True)
class _Recognised:
    """An entry whose sender is known. tell: counts what became of it. forget: the sender is no longer as he was recognised."""

    insert: Insert
    tell: Callable[[int | None], None]
    forget: Callable[[], None]


class _Refused(Exception):
    """An entry whose sender is not who he said, or not any more."""


def _in_groups(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    size = 0
    for entry in entries:
        group.append(entry)
        size += len(entry.content)
        if len(group) >= TOGETHER or size >= TOGETHER_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _replay(runtime: Runtime, entries: Sequence[Entry], replaying: Replaying) -> None:
    """Store entries, all in one transaction; if something is wrong with one of them, each alone.

    Raises SQLAlchemyError if the database is away.
    """
    try:
        outcomes = _store(runtime, entries)
    except SQLAlchemyError as error:
        if is_away(error):
            raise
        outcomes = None
    except Exception as error:
        log.info("entries of the spool are stored one by one", count=len(entries), reason=type(error).__name__)
        outcomes = None
    for at, entry in enumerate(entries):
        kind, outcome = outcomes[at] if outcomes else _store_alone(runtime, entry, replaying)
        replaying.done(entry)
        runtime.counters.add("spool_replayed", kind, outcome)


def _store(runtime: Runtime, entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Store entries in one transaction. For each its kind, and "stored" or "refused".

    Raises whatever is wrong with one of them; then none is stored.
    """
    outcomes: list[tuple[str, str]] = []
    found: list[_Recognised] = []
    for entry in entries:
        if not entry.is_intact:
            raise ValueError("its checksum does not fit")
        told, body = spooling.opened(runtime, entry.content)
        try:
            found.append(_RECOGNISE[told["kind"]](runtime, entry, told, body))
            outcomes.append((told["kind"], "stored"))
        except _Refused as error:
            log.warning("an entry of the spool is refused", kind=told["kind"], reason=str(error))
            outcomes.append((told["kind"], "refused"))
    try:
        ids = runtime.intake.store_in_order([one.insert for one in found])
    except StaleSnapshot:
        for one in found:
            one.forget()
        raise
    for one, stored in zip(found, ids, strict=True):
        one.tell(stored)
    return outcomes


def _store_alone(runtime: Runtime, entry: Entry, replaying: Replaying) -> tuple[str, str]:
    """Store an entry, or set it aside if it cannot be read or stored at all. Raises SQLAlchemyError if the database is away."""
    for _ in range(RECOGNISED_ANEW):
        try:
            return _store(runtime, [entry])[0]
        except StaleSnapshot:
            continue
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and is_away(error):
                raise
            log.exception("an entry of the spool could not be stored, it is set aside")
            break
    replaying.set_aside(entry)
    return "unknown", "set aside"


def _call(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes) -> _Recognised:
    call = RunCall.parse(parse_form(body))
    side, action = told["side"], lookup.action_of(told["side"], told["name"])
    if action is None:
        raise _Refused("there is no such action any more")
    try:
        portal = portals.caller(runtime, call.auth)
        if portal is None:
            raise _Refused("unknown portal or wrong application_token")
    except OverQuota as error:
        raise _Refused(str(error)) from None
    # What an unknown caller could spool is bounded by bytes. Counted here, each try of a replay would cost its quota again.
    is_refused = told.get("is_refused", False)
    insert = robot_calls.insert_of(runtime, portal, side, action, call, is_refused=is_refused)
    return _Recognised(insert, partial(robot_calls.tell, runtime, insert), partial(portals.forget, runtime, call.auth))


def _webhook(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes) -> _Recognised:
    line = lines.by_secret(runtime, told["secret"])
    if line is None:
        raise _Refused("unknown webhook secret")
    insert, events = webhooks.insert_of(runtime, line, body, entry.at)
    tell = partial(webhooks.tell, runtime, line, events, body)
    return _Recognised(insert, tell, partial(lines.forget, runtime, line))


_RECOGNISE: dict[str, Callable[[Runtime, Entry, dict[str, Any], bytes], _Recognised]] = {
    "call": _call,
    "webhook": _webhook,
}
