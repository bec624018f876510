"""Stores what waits in the spool, as soon as the database is back: in the order in which it came, each entry once.

An entry is recognised, verified and stored like a call that has just come, but many of them in one transaction. If it was
stored before (the process that replayed it died, or the call that spooled it had been committed after all), the database
knows it by its key, as any repetition.

A call whose portal's application_token is not known yet can only be judged by the auth server. It is held in a file of its
own, and tried again until its workflow waits no more.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from messaging.intake.known_callers import KnownCallers
from messaging.intake.replay_storing import Asking, Outcome, store
from messaging.limits import bounds
from messaging.queue.group_insert import StaleSnapshot
from messaging.queue.spool_files import Entry
from messaging.queue.spool_replay import Replaying
from messaging.runtime import Runtime
from messaging.store.database import is_away
from messaging.store.patience import answers_within
from messaging.system.embedded_redis import QueueServerError

TICK_S = 1.0
#: Most entries of one transaction.
TOGETHER = 100
#: Bytes of the entries of one group: all of them are in memory at once, several times over.
TOGETHER_BYTES = 4 * 1024 * 1024
#: Held calls are tried again so often; the auth server is asked about them for so many seconds at most, and then once more.
HELD_EVERY, HELD_ASKING_S = timedelta(seconds=30), 5.0
#: An owner that changes while its entry is stored is read again at most this many times in one look.
RECOGNISED_ANEW = 5
log = structlog.get_logger(__name__)


class Keeper:
    """What a web process does for the spool each second."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known = KnownCallers(runtime)
        self._held_judged_at = datetime.min.replace(tzinfo=UTC)

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
        with answers_within(bounds.DATABASE_STALLED_S):
            self._look_after()

    def _look_after(self) -> None:
        spool = self._runtime.spool
        if spool.look():
            with spool.replaying() as replaying:
                if replaying is not None:
                    self._drain(replaying)
            spool.look()
        now = self._runtime.clock()
        if spool.has_held() and abs(now - self._held_judged_at) >= HELD_EVERY:
            self._held_judged_at = now
            with spool.replaying() as replaying:
                if replaying is not None:
                    self._judge_held(replaying)

    def _judge_held(self, replaying: Replaying) -> None:
        """Try calls again whose portal nobody could vouch for, in their order. Later calls may have overtaken them."""
        asking, entries, left = Asking(self._runtime, HELD_ASKING_S), replaying.held(), []
        for at, entry in enumerate(entries):
            try:
                kind, outcome = _store_alone(self._runtime, entry, replaying, asking)
            except SQLAlchemyError:
                left += entries[at:]
                break
            if outcome is Outcome.HELD:
                left.append(entry)
            else:
                self._runtime.counters.add("spool_replayed", kind, outcome.value)
        if len(left) < len(entries):
            replaying.keep_held(left)

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

    The auth server is not asked: it might be slow or away, and everybody would wait for it. Raises SQLAlchemyError if the
    database is away.
    """
    nobody = Asking(runtime, 0)
    try:
        outcomes = store(runtime, entries, nobody)
    except SQLAlchemyError as error:
        if is_away(error):
            raise
        outcomes = None
    except Exception as error:
        log.info("entries of the spool are stored one by one", count=len(entries), reason=type(error).__name__)
        outcomes = None
    for at, entry in enumerate(entries):
        kind, outcome = outcomes[at] if outcomes else _store_alone(runtime, entry, replaying, nobody)
        if outcome is Outcome.HELD and not replaying.hold(entry):
            log.error("too many entries of the spool are held, this one is refused")
            outcome = Outcome.REFUSED
        replaying.done(entry)
        runtime.counters.add("spool_replayed", kind, outcome.value)


def _store_alone(runtime: Runtime, entry: Entry, replaying: Replaying, asking: Asking) -> tuple[str, Outcome]:
    """Store an entry, or set it aside if it cannot be read or stored at all. Raises SQLAlchemyError if the database is away."""
    for _ in range(RECOGNISED_ANEW):
        try:
            return store(runtime, [entry], asking)[0]
        except StaleSnapshot:
            continue
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and is_away(error):
                raise
            log.exception("an entry of the spool could not be stored, it is set aside")
            break
    replaying.set_aside(entry)
    return "unknown", Outcome.SET_ASIDE
