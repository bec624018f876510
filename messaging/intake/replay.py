"""Stores what waits in the spool, as soon as the database is back: in the order in which it came, each entry once.

An entry is recognised, verified and stored like a call that has just come. If it was stored before (the process that replayed
it died, or the call that spooled it had been committed after all), the database knows it by its key, as any repetition.
"""

import threading
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bx24.payloads import RunCall, parse_form
from messaging.intake import robot_calls, spooling, webhooks
from messaging.intake.known_callers import KnownCallers
from messaging.limits.quotas import OverQuota
from messaging.queue.group_commit import Unavailable
from messaging.queue.spool import Replaying
from messaging.queue.spool_files import Entry
from messaging.runtime import Runtime
from messaging.store.database import is_away
from messaging.system.embedded_redis import QueueServerError
from robots import lookup

TICK_S = 1.0
#: Entries after which other processes are told how far it is, and workers are woken.
SAVE_EACH = 100
log = structlog.get_logger(__name__)


class Keeper:
    """What a web process does for the spool each second."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known = KnownCallers(runtime)

    def start(self, every_s: float = TICK_S) -> threading.Thread:
        """A thread that ends with its process."""
        thread = threading.Thread(target=self._run, args=(threading.Event().wait, every_s), name="spool", daemon=True)
        thread.start()
        return thread

    def _run(self, wait: Callable[[float], object], every_s: float) -> None:
        while True:
            wait(every_s)
            try:
                self.tick()
            except Exception:
                log.exception("the spool was not looked after, again in a moment")

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
        for entry in replaying.entries():
            try:
                kind, outcome = _replay(self._runtime, entry, replaying)
            except (Unavailable, SQLAlchemyError) as error:
                log.info("the database is still away, the spool waits", error=type(error).__name__)
                replaying.is_away()
                return None
            replaying.done(entry)
            self._runtime.counters.add("spool_replayed", kind, outcome)
            number += 1
            if number % SAVE_EACH == 0:
                self._tell(replaying)
        self._tell(replaying)
        return number

    def _tell(self, replaying: Replaying) -> None:
        replaying.save()
        self._runtime.spool.look()
        try:
            self._runtime.pending_wakeups.notify(lambda: self._runtime.wakeups)
            self._runtime.counters.flush_sometimes(lambda: self._runtime.redis, self._runtime.clock())
        except QueueServerError as error:
            log.warning("Redis is away, the database goes on", error=str(error))


def _replay(runtime: Runtime, entry: Entry, replaying: Replaying) -> tuple[str, str]:
    """Store an entry: its kind, and "stored" or "refused"; "set aside" if it cannot be read or stored at all.

    Raises Unavailable, SQLAlchemyError if the database is away.
    """
    kind = "unknown"
    try:
        told, body = spooling.opened(runtime, entry.content)
        kind = told["kind"]
        is_stored = _STORES[kind](runtime, entry, told, body)
        return kind, "stored" if is_stored else "refused"
    except Unavailable:
        raise
    except SQLAlchemyError as error:
        if is_away(error):
            raise
        log.exception("an entry of the spool could not be stored, it is set aside", kind=kind)
    except Exception:
        log.exception("an entry of the spool could not be replayed, it is set aside", kind=kind)
    replaying.set_aside(entry)
    return kind, "set aside"


def _store_call(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes) -> bool:
    """Whether the call is stored; else its caller could not be verified, or is not what he said."""
    action = lookup.action_of(told["side"], told["name"])
    if action is None:
        return False  # a later release has no such action
    call = RunCall.parse(parse_form(body))
    received = robot_calls.Received(told["side"], told["name"], action, call, body)
    is_refused = told.get("is_refused")
    try:
        taken = robot_calls.recognise_and_store(runtime, received, 0.0, is_refused=is_refused)
    except OverQuota as error:
        log.warning("a call of the spool is refused", reason=str(error))
        return False
    if taken is robot_calls.Taken.BUSY:
        raise Unavailable("the portal changes all the time")
    if taken is not robot_calls.Taken.KEPT:
        log.warning("a call of the spool is refused", reason=taken.name)
    return taken is robot_calls.Taken.KEPT


def _store_webhook(runtime: Runtime, entry: Entry, told: dict[str, Any], body: bytes) -> bool:
    """Whether the webhook is stored; else there is no line with its secret."""
    to = webhooks.Addressee(told["secret"], None)
    return webhooks.recognise_and_store(runtime, to, body, 0.0, entry.at)


_STORES: dict[str, Callable[[Runtime, Entry, dict[str, Any], bytes], bool]] = {
    "call": _store_call,
    "webhook": _store_webhook,
}
