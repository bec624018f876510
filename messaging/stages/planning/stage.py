"""The planning stage of a drain: stored runs become messages or refusals (messaging.stages.planning.plan).

Most runs can be planned from what the database holds: they are, in groups, on the drain's own thread, before its transaction
begins, for planning is what takes the time. The others must ask the portal or Gupshup, on a thread: a contact, a file, a
template not seen before, or the phone of the card's client. For that, up to fifty runs of a portal go together, for two
REST calls answer fifty of them as well as one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, column, exists, func, or_, select, true
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from activities import phones
from activities.errors import Refused
from bx24.client import MAX_BATCH
from gupshup.templates import TemplateInfo
from messaging.limits.backoff import backoff_s
from messaging.limits.bounds import share_of_portal
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.stages.base import Content
from messaging.stages.planning import context, plan
from messaging.stages.planning.context import PlanningContext
from messaging.stages.planning.desk import Elsewhere, QuickDesk
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.database import ask
from messaging.store.models import Lease, Line, Run
from messaging.store.rows import RunRow
from messaging.store.sql import among, not_among
from messaging.store.states import RunState
from messaging.store.types import Array, UTCDateTime
from messaging.templates import catalogue

TRIES = 4
#: Runs planned in one transaction: some 40 ms, in which nothing else of this process happens.
GROUP = 64
#: Answers of the template cache that are kept in memory.
KNOWN = 2000
#: Messages planned and not claimed yet whose payload is kept in memory; more, and they are read again.
FRESH = 2000


@dataclass(frozen=True)
class Flying:
    """A run that a thread plans; `together` as in `desk.Elsewhere`."""

    run_id: int
    portal_id: int
    together: str


@dataclass(frozen=True)
class Task:
    """Runs of one portal that a thread plans: one, or those that one asking answers."""

    runs: tuple[RunRow, ...]
    together: str

    @property
    def portal_id(self) -> int:
        return self.runs[0].portal_id

    def flying(self) -> set[Flying]:
        return {Flying(run.id, run.portal_id, self.together) for run in self.runs}


@dataclass
class Prepared:
    """A group of due runs with what planning found, not yet written. slow: runs for a thread, with what they ask together."""

    due: list[RunRow]
    around: PlanningContext
    outcomes: dict[int, plan.PlanResult]
    slow: list[tuple[RunRow, str]]
    shut: list[int]


class Planning:
    """Which runs are being planned on a thread is known to this process alone, for it holds their shards."""

    name = "plan"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[Flying] = set()
        #: How many runs became something in the last claim, without a thread.
        self.done = 0
        #: Runs that became messages, by line, since somebody last looked.
        self.fed: defaultdict[int, list[int]] = defaultdict(list)
        #: The messages planned last, by run: what is sent at once need not be read and opened again.
        self.fresh: dict[int, Content] = {}
        #: How many of a portal's runs wait for their cards behind those that are being read.
        self._behind: Counter[int] = Counter()
        self._known: dict[tuple[int, datetime | None, str], list[TemplateInfo]] = {}
        #: Whether more was due than one group.
        self.crowded = False
        #: The portal of each shard that had its turn last, while more waits than one group.
        self._turns: dict[int, int] = {}
        self._slots = 4
        self._prepared: Prepared | None = None
        self._looked = False

    def slots(self, threads: int) -> int:
        self._slots = max(4, threads // 4)
        return self._slots

    def prepare(self, session: Session, held: dict[int, int]) -> bool:
        """Plan what is due and can be planned at once; nothing is locked or written. False if nothing is due."""
        self._prepared, self._looked = None, True
        asked: dict[str, Any] = {
            "now": self.runtime.clock(),
            "busy": [flying.run_id for flying in self.busy],
            "shards": list(held),
            "limit": GROUP + 1,
        }
        ids = sorted(ask(session, _DUE_RUNS, asked).scalars())
        self.crowded = len(ids) > GROUP
        if self.crowded:
            ids = self._fairly(session, asked)
        if ids:
            due, shut = rows.runs_to_plan(session, ids)
            self._prepared = self._plan_quickly(session, due, shut)
        return bool(ids)

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Task]:
        """Write what was planned; the rest is for threads, at most `free_slots` of them, and not all for one portal."""
        self.done = 0
        looked, self._looked = self._looked, False  # if so, nothing was due a moment ago
        if self._prepared is None and (looked or not self.prepare(session, held)):
            return []
        prepared, self._prepared = self._prepared, None
        assert prepared is not None
        for run_id in prepared.shut:
            outcomes.set_aside(session, run_id)
        still = set(ask(session, _STILL_STORED, {"ids": [run.id for run in prepared.due]}).scalars())
        mine = [run for run in prepared.due if run.id in still and run.shard in held]
        planned = [(run, prepared.outcomes[run.id]) for run in mine if run.id in prepared.outcomes]
        slow = [(run, together) for run, together in prepared.slow if run in mine]
        tasks = self._tasks(slow, free_slots)
        taken = {run.id for task in tasks for run in task.runs}
        changes = Changes(session)
        for run, _ in slow:
            if run.id not in taken:
                self._wait(changes, run)
        if planned:
            self._write(changes, planned, prepared.around.enter(session))
        changes.write()
        self.done = len(planned)
        self.busy |= {flying for task in tasks for flying in task.flying()}
        return tasks

    def _wait(self, changes: Changes, run: RunRow) -> None:
        """No thread is free for it, or its portal rests: it is looked at again when its turn may have come, not each round."""
        self._behind[run.portal_id] += 1
        wait_s = min(30.0, 1 + self._behind[run.portal_id] / MAX_BATCH)
        wait_s = max(wait_s, self.runtime.slow_portals.pause_s(run.portal_id))
        changes.set(run, plan_at=self.runtime.clock() + timedelta(seconds=wait_s))

    def _tasks(self, slow: list[tuple[RunRow, str]], free_slots: int) -> list[Task]:
        """A portal that answers slowly must not take all slots, and none while it rests; nothing is asked twice at once."""
        flying = {(one.portal_id, one.together) for one in self.busy}
        groups: defaultdict[tuple[int, str], list[RunRow]] = defaultdict(list)
        for run, together in slow:
            groups[run.portal_id, together or str(run.id)].append(run)
        taken = Counter(portal_id for portal_id, _ in flying)
        tasks: list[Task] = []
        for (portal_id, together), group in groups.items():
            is_free = (portal_id, together) not in flying and taken[portal_id] < share_of_portal(self._slots)
            is_resting = self.runtime.slow_portals.pause_s(portal_id) > 0
            if len(tasks) < free_slots and is_free and not is_resting:
                taken[portal_id] += 1
                tasks.append(Task(tuple(group[:MAX_BATCH]), together))
                self._behind[portal_id] = 0
        return tasks

    def _fairly(self, session: Session, asked: dict[str, Any]) -> list[int]:
        """More than one group waits: each shard gets its part, and its portals go in turns, so that one portal's burst does
        not stand before all."""
        shards = sorted(set(session.scalars(_WAITING_SHARDS)) & set(asked["shards"]))
        each = max(1, GROUP // len(shards))
        found = self._in_turn(session, {shard: self._turns.get(shard, 0) for shard in shards}, each, asked)
        again = {shard: 0 for shard in shards if len(found[shard]) < each and shard in self._turns}
        for shard, rest in self._in_turn(session, again, each, asked).items():
            found[shard] += rest[: each - len(found[shard])]  # behind the last portal comes the first
        self._turns = {shard: of_shard[-1].portal_id for shard, of_shard in found.items() if len(of_shard) == each}
        return sorted({row.id for of_shard in found.values() for row in of_shard})

    @staticmethod
    def _in_turn(
        session: Session, after: dict[int, int], each: int, asked: dict[str, Any]
    ) -> defaultdict[int, list[Any]]:
        """What is due in these shards after these portals, a part of each portal."""
        found: defaultdict[int, list[Any]] = defaultdict(list)
        asked = {**asked, "limit": each}
        groups = [{**asked, "shard": shard, "after": portal_id} for shard, portal_id in after.items()]
        query = _DUE_IN_TURN
        if groups and session.get_bind().dialect.name == "postgresql":
            query, groups = _DUE_IN_TURNS, [{**asked, "shards": [*after], "afters": [*after.values()]}]
        for group in groups:
            for row in ask(session, query, group):
                found[row.shard].append(row)
        return found

    def _plan_quickly(self, session: Session, due: list[RunRow], shut: list[int]) -> Prepared:
        around = PlanningContext(session, self.runtime, due)
        prepared = Prepared(due, around, {}, [], shut)
        drafts: list[plan.Draft] = []

        def trying(run: RunRow, step: Callable[[], None]) -> None:
            try:
                step()
            except Refused as refusal:
                prepared.outcomes[run.id] = refusal
            except Elsewhere as asking:
                prepared.slow.append((run, asking.together))
            except OperationalError:
                raise
            except Exception:  # the thread has the words for it
                prepared.slow.append((run, ""))

        for run in due:
            trying(run, partial(self._draft, run, drafts))
        around.know({key for draft in drafts for key in draft.keys})
        for draft in drafts:
            trying(draft.run, partial(self._finish, session, draft, around, prepared.outcomes))
        return prepared

    def _draft(self, run: RunRow, drafts: list[plan.Draft]) -> None:
        if plan.heals(run):
            raise Elsewhere
        drafts.append(plan.draft_of(self.runtime, run, _typed))

    def _finish(
        self, session: Session, draft: plan.Draft, around: PlanningContext, outcomes: dict[int, plan.PlanResult]
    ) -> None:
        if not draft.action.is_addressed:
            outcomes[draft.run.id] = draft.awaiting(session)
            return
        portal = around.portals[draft.run.portal_id]
        chosen = draft.chosen(portal, around.conversations(draft.keys))
        if isinstance(chosen, plan.Lineless):
            outcomes[draft.run.id] = chosen
            return
        line, conversation = chosen
        desk = QuickDesk(self.runtime, draft.run, line, conversation, draft.region, portal)
        desk.known = lambda line, reference: self._templates(session, line, reference)
        outcomes[draft.run.id] = draft.planned(line, conversation, desk)

    def _templates(self, session: Session, line: Line, reference: str) -> list[TemplateInfo]:
        key = (line.id, line.templates_synced_at, reference)
        if key not in self._known:
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[key] = catalogue.look(session, line, reference)
        return self._known[key]

    def work(self, task: Task) -> list[plan.PlanResult]:
        return plan.plan_all(self.runtime, task.runs)

    def record(self, session: Session, done: list[tuple[Task, list[plan.PlanResult]]]) -> None:
        """Write down what the threads found."""
        told: dict[int, plan.PlanResult] = {}
        for task, found_out in done:
            self._forget(task)
            told |= {run.id: outcome for run, outcome in zip(task.runs, found_out, strict=True)}
        found = [(run, told[run.id]) for run in rows.runs(session, told)]  # those missing were wiped with their portal
        if not found:
            return
        around = PlanningContext(session, self.runtime, [run for run, _ in found]).enter(session)
        planned = [one for _, one in found if isinstance(one, plan.Planned)]
        around.know({key for one in planned for key in self.runtime.phone_keys(one.phone)})
        changes = Changes(session)
        self._write(changes, found, around)
        changes.write()

    def _write(
        self, changes: Changes, results: Sequence[tuple[RunRow, plan.PlanResult]], around: PlanningContext
    ) -> None:
        around.make({(one.line_id, one.phone) for _, one in results if isinstance(one, plan.Planned)})
        context.read_messages(changes.session, [run for run, _ in results])
        for run, outcome in around.allowed(results):
            context.record(changes, self.runtime, run, outcome, around)
            if isinstance(outcome, plan.Planned) and outcome.message is not None and outcome.leaves_at_once:
                self.fed[outcome.line_id].append(run.id)
                message = outcome.message
                self.fresh[run.id] = Content(run.trace, outcome.phone, message["payload"], message["judge_at"])
            else:
                self.fresh.pop(run.id, None)  # what was planned for it before
        around.write()
        while len(self.fresh) > FRESH:
            del self.fresh[next(iter(self.fresh))]

    def _forget(self, task: Task) -> None:
        self.busy -= task.flying()

    def lost(self, session: Session, task: Task) -> None:
        """A fault of ours. Planning only reads, so it may be repeated; then the robot is told, with a number to quote."""
        self._forget(task)
        changes = Changes(session)
        for stored in rows.runs(session, [run.id for run in task.runs]):
            if stored.state != RunState.STORED:
                continue
            if stored.plan_tries < TRIES:
                again_s = backoff_s(stored.plan_tries + 1, plan.BACKOFF_MAX_S)
                context.postpone(changes, self.runtime, stored, plan.Postponed(again_s, "internal"))
            else:
                outcomes.finish_run(changes, self.runtime, stored, outcomes.internal(stored.trace))
        changes.write()


_NOW = bindparam("now", type_=UTCDateTime)
#: Parameters: now, busy (ids of runs on threads). Statements are made once, for building one costs more than running it.
_DUE = (
    (Run.state == "stored")
    & or_(Run.plan_at.is_(None), Run.plan_at <= _NOW)
    & (Run.deadline_at > _NOW)
    & not_among(Run.id, "busy")
)
_DUE_RUNS = (
    select(Run.id)
    .where(among(Run.shard, "shards"), _DUE)
    .limit(bindparam("limit"))  # without an order: sorting would read all that waits
)
#: In the order of the index, so that what is read ends with the limit.
_OF_SHARD = (
    select(Run.id, Run.portal_id, Run.shard).where(_DUE).order_by(Run.portal_id, Run.id).limit(bindparam("limit"))
)
_DUE_IN_TURN = _OF_SHARD.where(Run.shard == bindparam("shard"), Run.portal_id > bindparam("after"))
#: PostgreSQL: of many shards in one question.
_TURN = (
    func.unnest(bindparam("shards", type_=Array(Integer())), bindparam("afters", type_=Array(BigInteger())))
    .table_valued(column("shard", Integer), column("after", BigInteger))
    .render_derived(name="turn")
)
_OF_TURN = _OF_SHARD.where(Run.shard == _TURN.c.shard, Run.portal_id > _TURN.c.after).lateral("due")
_DUE_IN_TURNS = select(_OF_TURN.c.id, _OF_TURN.c.portal_id, _OF_TURN.c.shard).join_from(_TURN, _OF_TURN, true())
_WAITING_SHARDS = select(Lease.shard).where(exists().where(Run.shard == Lease.shard, Run.state == "stored"))
_STILL_STORED = select(Run.id).where(among(Run.id, "ids"), Run.state == "stored").order_by(Run.id).with_for_update()


def _typed(given: str) -> list[str]:
    """The numbers that were typed in; whom a card means, only the portal knows."""
    if not given.strip():
        raise Elsewhere("cards")
    return phones.split(given)
