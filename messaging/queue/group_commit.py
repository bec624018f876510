"""Rows that come in at the same moment are committed together: one transaction for all threads of this process (decision 0014).

Each thread encrypts its own row. A thread that finds no other at work leads: it commits all rows that wait, then hands the lead
to the first row that came meanwhile. No thread is started for this, and a row that comes alone waits for no other.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from messaging.queue.group_insert import (
    ClaimSpec,
    GroupClaim,
    GroupInsert,
    InsertSpec,
    NewClaim,
    NewRow,
    Snapshot,
    StaleSnapshot,
    group_insert,
    new_claim,
    takes_arrays,
)
from messaging.store.database import is_away, is_disk_full

T = TypeVar("T")
#: Most rows of one transaction. A process has fewer threads.
MAX_GROUP = 128
#: Seconds between two attempts while the database is away.
RETRY_S = 0.25
#: Seconds that a row waits for its leader. Longer, and the database has stalled: the other threads of the process stay free.
STALLED_S = 2.0
#: While rows come together, a leader waits for as many as there were last time, at most this many seconds. Without it, every
#: second group would be a single row.
GATHER_S = 0.004
log = structlog.get_logger(__name__)


class Unavailable(Exception):
    """The database is away for longer than the caller wants to wait."""


class DiskFull(Unavailable):
    """The database has no room; nobody waits for it."""


@dataclass(frozen=True)
class CachedPortal:
    """A portal as its robots' calls are recognised. token_digest: of its application_token, which memory does not keep."""

    id: int
    status: str
    token_version: int
    token_digest: str


@dataclass(frozen=True)
class CachedLine:
    """A line as its webhooks are recognised."""

    id: int
    portal_id: int
    secret_digest: str


class RecognitionCache(Generic[T]):
    """Portals or lines that earlier calls came from, so that later calls need no query. Bounded.

    An entry may only lead to accepting a call; a refusal always asks the database.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._known: dict[str, T] = {}
        #: How often something was put in: whoever has seen this number has seen everything.
        self.version = 0

    def get(self, name: str) -> T | None:
        return self._known.get(name)

    def put(self, name: str, value: T) -> None:
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[name] = value
        self.version += 1

    def items(self) -> list[tuple[str, T]]:
        return list(self._known.copy().items())

    def forget(self, name: str) -> None:
        self._known.pop(name, None)


@dataclass(eq=False)
class PendingRow:
    """A row that waits to be committed.

    claim: inserted with it; if another row was made under the same claim before, this one is not stored.
    tried: its group was committed, or failed.
    outcome: the row's id, None if it was stored before, or an error. It is an error until the commit: however a leader ends,
    nobody takes that for success.
    """

    spec: InsertSpec
    row: NewRow
    shard: int
    claim: NewClaim | None = None
    tried: bool = False
    outcome: int | Exception | None = field(default_factory=lambda: Unavailable("not committed"))
    wake: threading.Event = field(default_factory=threading.Event)


class Insert(NamedTuple):
    """A row to be inserted, with the snapshot of its owner. values: not yet encrypted."""

    spec: InsertSpec
    values: Mapping[str, Any]
    snapshot: Snapshot
    shard: int


class Claim(NamedTuple):
    """What a row is stored under, so that it is stored once. values: not yet encrypted."""

    spec: ClaimSpec
    values: Mapping[str, Any]


class Intake:
    """Commits the rows of one process.

    stored: called with the shards of the new rows after each commit. no_room: called with the table of each row that was not
    stored because the disk is full. is_hopeless: whether others have found that the database stays away, so that nobody need
    wait to find it again.
    """

    def __init__(
        self,
        engine: Engine,
        stored: Callable[[set[int]], None],
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        no_room: Callable[[str], None] = lambda table: None,
        is_hopeless: Callable[[], bool] = lambda: False,
    ) -> None:
        self.engine = engine
        self.portals: RecognitionCache[CachedPortal] = RecognitionCache()
        self.lines: RecognitionCache[CachedLine] = RecognitionCache()
        #: Portals with lines of theirs that were found to belong together.
        self.senders: RecognitionCache[bool] = RecognitionCache()
        self.pause = pause
        self.now = now
        #: When a row last found the disk full, by `now`; None: never.
        self.disk_full_at: float | None = None
        #: A group of one spec is one statement on PostgreSQL: BEGIN and COMMIT would be two more round trips.
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT") if takes_arrays(engine) else None
        self._stored = stored
        self._no_room = no_room
        self._is_hopeless = is_hopeless
        self._inserts: dict[InsertSpec, GroupInsert] = {}
        self._claims: dict[ClaimSpec, GroupClaim] = {}
        self._mutex = threading.Lock()
        self._waiting: list[PendingRow] = []
        self._has_leader = False
        #: How many rows the next leader waits for: those of the last group, and those that came while it was committed.
        self._expected = 1
        self._gathered = threading.Event()

    @property
    def waiting(self) -> int:
        """How many rows wait for the next group."""
        return len(self._waiting)

    def store(
        self,
        spec: InsertSpec,
        values: Mapping[str, Any],
        snapshot: Snapshot,
        shard: int,
        retry_for_s: float,
        claim: Claim | None = None,
    ) -> int | None:
        """Commit one row; its id, or None if a row with its key, or under its claim, was stored before.

        A row whose group failed is tried again alone, so a bad row spoils only itself. retry_for_s: how long to keep trying
        while the database is away; a full disk is not waited for. Raises StaleSnapshot, Unavailable, SQLAlchemyError.
        """
        pending = self._prepared(spec, values, snapshot, shard)
        if claim is not None:
            pending.claim = new_claim(claim.spec, claim.values, self.engine.dialect)
        begun = self.now()
        until = begun + retry_for_s
        self._commit_with_others(pending)
        if isinstance(pending.outcome, Exception) and self.now() - begun > max(STALLED_S, retry_for_s):
            raise Unavailable("the database does not answer")
        while isinstance(pending.outcome, Exception):
            try:
                self._commit([pending], wait=True)
            except SQLAlchemyError as error:
                if not is_away(error):
                    raise
                if is_disk_full(error):
                    self.note_disk_full(spec.model.__tablename__)
                    raise DiskFull("the disk is full") from error
                if self.now() + RETRY_S > until or self._is_hopeless():
                    raise Unavailable(type(error).__name__) from error
                self.pause(RETRY_S)
                continue
            if isinstance(pending.outcome, StaleSnapshot):
                raise pending.outcome
        return pending.outcome

    def store_in_order(self, inserts: Sequence[Insert]) -> list[int | None]:
        """Commit rows in one transaction, one after the other, so that their ids follow their order; all or none.

        Returns their ids, None for a row whose key was stored before. Raises StaleSnapshot, SQLAlchemyError.
        """
        rows = [self._prepared(one.spec, one.values, one.snapshot, one.shard) for one in inserts]
        outcomes: list[int | None] = []
        with self.engine.begin() as connection:
            for pending in rows:
                (outcome,) = self._inserts[pending.spec].execute(connection, [pending.row], wait=True)
                if isinstance(outcome, StaleSnapshot):
                    raise outcome
                outcomes.append(outcome)
        self._stored({one.shard for one, outcome in zip(inserts, outcomes, strict=True) if outcome is not None})
        return outcomes

    def note_disk_full(self, table: str) -> None:
        """A row of this table could not be kept for want of room."""
        self.disk_full_at = self.now()
        self._no_room(table)

    def _prepared(self, spec: InsertSpec, values: Mapping[str, Any], snapshot: Snapshot, shard: int) -> PendingRow:
        insert = self._inserts.get(spec)
        if insert is None:
            insert = self._inserts[spec] = group_insert(self.engine, spec, values)
        return PendingRow(spec, insert.prepare(values, snapshot), shard)

    def _commit_with_others(self, pending: PendingRow) -> None:
        """Wait until a leader has committed the row, or lead its group."""
        with self._mutex:
            self._waiting.append(pending)
            if len(self._waiting) >= self._expected:
                self._gathered.set()
            leads = not self._has_leader
            self._has_leader = True
        if not leads and not pending.wake.wait(STALLED_S) and self._leaves(pending):
            raise Unavailable("the database does not answer")
        if not pending.tried:
            self._lead()

    def _leaves(self, pending: PendingRow) -> bool:
        """Wait no longer. False if the row was tried or its thread made leader a moment ago.

        If the leader commits the row after all, it is stored: whoever stores it again is told that it is a repetition.
        """
        with self._mutex:
            if pending.tried or pending.wake.is_set():
                return False
            if pending in self._waiting:
                self._waiting.remove(pending)
            return True

    def _lead(self) -> None:
        """Commit the rows that wait, this thread's own among them."""
        if self._expected > 1:
            self._gathered.wait(GATHER_S)
        with self._mutex:
            self._gathered.clear()
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        try:
            self._commit(group)
        except SQLAlchemyError as error:
            log.warning("a group could not be stored, one by one now", count=len(group), error=type(error).__name__)
        finally:
            self._hand_over(group)

    def _hand_over(self, group: list[PendingRow]) -> None:
        """Wake the threads of the group, and the first thread that waits: it leads the next group."""
        with self._mutex:
            for pending in group:
                pending.tried = True
            next_leader = self._waiting[:1]
            self._has_leader = bool(next_leader)
            self._expected = len(group) + len(self._waiting)
            for pending in next_leader:
                pending.wake.set()
        for pending in group:
            pending.wake.set()

    def _commit(self, group: list[PendingRow], wait: bool = False) -> None:
        """Commit the rows and set their outcomes. wait: see `GroupInsert.execute`."""
        specs = sorted({pending.spec for pending in group}, key=lambda spec: spec.order)
        outcomes: list[tuple[PendingRow, int | Exception | None]] = []
        is_one_statement = len(specs) == 1 and all(pending.claim is None for pending in group)
        with self._autocommit.connect() if self._autocommit and is_one_statement else self.engine.begin() as connection:
            for spec in specs:
                of_spec = [pending for pending in group if pending.spec is spec]
                inserted = self._inserts[spec].execute(connection, [pending.row for pending in of_spec], wait)
                outcomes += self._claimed(connection, spec, list(zip(of_spec, inserted, strict=True)))
        for pending, outcome in outcomes:
            pending.outcome = outcome
        self._stored({pending.shard for pending, outcome in outcomes if isinstance(outcome, int)})

    def _claimed(
        self, connection: Connection, spec: InsertSpec, outcomes: list[tuple[PendingRow, int | StaleSnapshot | None]]
    ) -> list[tuple[PendingRow, int | Exception | None]]:
        """The outcomes, None for a row whose claim was staked before."""
        made = {row_id: one.claim for one, row_id in outcomes if isinstance(row_id, int) and one.claim is not None}
        late = self._claims_of(made).stake(connection, made, spec.model) if made else set()
        return [(one, None if isinstance(outcome, int) and outcome in late else outcome) for one, outcome in outcomes]

    def _claims_of(self, made: Mapping[int, NewClaim]) -> GroupClaim:
        claimed = next(iter(made.values())).spec
        if claimed not in self._claims:
            self._claims[claimed] = GroupClaim(self.engine.dialect, claimed)
        return self._claims[claimed]
