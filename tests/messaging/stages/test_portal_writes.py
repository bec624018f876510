"""The stage that writes to portals: each task once, in the order of its lane, whatever dies in between."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from bx24.client import Client
from messaging.insight import crm_work
from messaging.portals import uninstalling
from messaging.runs import unsent
from messaging.runtime import Runtime
from messaging.stages.portal_writes.due import orphaned
from messaging.stages.portal_writes.stage import LOST_AFTER, ROOM, PortalWrites, Result
from messaging.stages.portal_writes.writer import BEGIN_S, Again, Done, GivenUp, Job, Unclear, Written
from messaging.store.models import SHARDS, shard_of
from messaging.store.models import Portal as StoredPortal
from messaging.store.portal_tasks import PortalTask, change, put
from messaging.worker import retention
from tests.support.world import World

BUSY_S = 60.0
#: So long after a claim nobody looks whether it was done: the portal may be at work on it.
SETTLED_S = BEGIN_S + BUSY_S


class Notices:
    """A writer for tests: each task is one call of the portal, and ends as `results` says."""

    kind = "notice"
    batch = 3
    one_of_a_lane = False

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, bool]]] = []
        self.results: dict[str, Written] = {}
        self.heard: list[tuple[str, str]] = []
        self.nothing_to_do: set[str] = set()

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Any]:
        return {task.id: task.payload for task in tasks if task.key not in self.nothing_to_do}

    def busy_s(self, needs: Iterable[Any]) -> float:
        return BUSY_S

    def write(self, client: Client, jobs: Sequence[Job]) -> list[Written]:
        self.calls.append([(job.key, job.look_first) for job in jobs])
        client.call("profile")
        return [self.results.get(job.key, Done({"id": 7})) for job in jobs]

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Written) -> None:
        self.heard.append((task.key, task.state))


@contextmanager
def counted_queries(world: World) -> Iterator[list[str]]:
    """Each statement about portal tasks made meanwhile."""
    asked: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "portal_task" in statement:
            asked.append(statement)

    event.listen(world.runtime.db.engine, "before_cursor_execute", hear)
    yield asked
    event.remove(world.runtime.db.engine, "before_cursor_execute", hear)


def another_portal(world: World) -> int:
    """A second portal, on the shard of the first; its id."""
    with world.runtime.db.write() as session:
        other = StoredPortal(
            id=1 + SHARDS, member_id="b" * 32, client_endpoint="https://b.example/rest/", installed_at=world.now
        )
        session.add(other)
        session.flush()
        return other.id


class Portal:
    """A portal with the stage alone, driven step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.writer = Notices()
        self.stage = self.started()
        self.id = 1
        self.held = {shard_of(self.id): 1}

    def started(self) -> PortalWrites:
        """A process of its own."""
        stage = PortalWrites(self.world.runtime, "test", [self.writer])
        stage.slots(64)
        return stage

    def put(self, *keys: str, lane: str = "", kind: str = "notice", portal_id: int = 1) -> list[int]:
        with self.world.runtime.db.write() as session:
            tasks = [{"kind": kind, "key": key, "lane": lane, "payload": {"text": key}} for key in keys]
            return put(session, portal_id, self.world.now, tasks)

    def later(self, seconds: float) -> None:
        """Let time pass, without the drain."""
        self.world.now += timedelta(seconds=seconds)

    def claim(self, stage: PortalWrites | None = None) -> list[Any]:
        with self.world.runtime.db.write() as session:
            return (stage or self.stage).claim(session, self.held, 4)

    def step(self) -> int:
        """Claim, write, record; how many batches there were."""
        batches = self.claim()
        done = [(batch, self.stage.work(batch)) for batch in batches]
        with self.world.runtime.db.write() as session:
            self.stage.record(session, done)
        return len(batches)

    def tasks(self) -> dict[str, PortalTask]:
        with self.world.runtime.db.read() as session:
            return {task.key: task for task in session.scalars(select(PortalTask))}

    def states(self) -> dict[str, str]:
        return {key: task.state for key, task in self.tasks().items()}


@pytest.fixture
def portal(world: World) -> Portal:
    world.install_app()
    return Portal(world)


def test_a_cause_that_comes_twice_makes_one_task(portal: Portal) -> None:
    assert len(portal.put("reply 5")) == 1
    assert portal.put("reply 5") == []
    portal.step()
    assert portal.put("reply 5") == []
    assert portal.step() == 0
    assert portal.writer.calls == [[("reply 5", False)]]
    task = portal.tasks()["reply 5"]
    assert (task.state, task.payload, task.result) == ("done", None, {"id": 7})


def test_a_lane_keeps_its_order_and_waits_behind_what_failed(portal: Portal) -> None:
    portal.writer.results["a1"] = Again("busy", 60.0)
    portal.put("a1", "a2", "a3", "a4", lane="chat 1")
    portal.put("b1", lane="chat 2")
    portal.step()
    assert portal.writer.calls == [[("a1", False), ("a2", False), ("a3", False)]]
    portal.step()
    assert portal.writer.calls[1:] == [[("b1", False)]]  # a4 waits behind a1
    portal.writer.results.clear()
    portal.later(61)
    portal.step()
    assert portal.writer.calls[2:] == [[("a1", False), ("a4", False)]]


@pytest.mark.parametrize("death", ["taken over", "long ago"])
def test_a_process_that_died_leaves_an_unclear_task_that_is_looked_at_first(portal: Portal, death: str) -> None:
    portal.put("trigger 1")
    assert portal.claim()  # and then the process is killed
    assert portal.claim(portal.started()) == []
    if death == "long ago":
        portal.later(LOST_AFTER.total_seconds() + 1)
    with portal.world.runtime.db.write() as session:
        orphaned(session, portal.held, portal.world.now, LOST_AFTER if death == "long ago" else timedelta(0))
    portal.stage = portal.started()
    if death == "taken over":
        assert portal.step() == 0, "the portal may still be at work on the first request"
        portal.later(SETTLED_S)
    portal.step()
    assert portal.writer.calls == [[("trigger 1", True)]]
    assert portal.states() == {"trigger 1": "done"}


def test_a_process_that_stood_still_begins_nothing_any_more(portal: Portal) -> None:
    portal.put("trigger 1")
    (batch,) = portal.claim()
    portal.later(BEGIN_S + 1)  # frozen, or without a database
    result = portal.stage.work(batch)
    assert [request.url for request in portal.world.net.seen if "profile" in str(request.url)] == []
    with portal.world.runtime.db.write() as session:
        portal.stage.record(session, [(batch, result)])
    assert portal.states() == {"trigger 1": "due"}


def test_a_late_result_of_a_lost_process_changes_nothing(portal: Portal) -> None:
    portal.put("card 1")
    (batch,) = portal.claim()
    late = portal.stage.work(batch)
    with portal.world.runtime.db.write() as session:
        orphaned(session, portal.held, portal.world.now)
    portal.later(SETTLED_S)
    other = portal.started()
    assert portal.claim(other)
    with portal.world.runtime.db.write() as session:
        portal.stage.record(session, [(batch, late)])
    assert portal.states() == {"card 1": "doing"}


@pytest.mark.parametrize(
    ("broken", "state", "look_first"),
    [
        pytest.param(requests.exceptions.ReadTimeout("late"), "unclear", True, id="no answer: nobody knows"),
        pytest.param(None, "due", False, id="told: again"),
    ],
)
def test_what_was_perhaps_done_is_looked_at_before_it_is_repeated(
    portal: Portal, broken: Exception | None, state: str, look_first: bool
) -> None:
    portal.put("note 1")
    if broken is None:
        portal.writer.results["note 1"] = Again("busy")
    else:
        portal.world.net.broken["acme.example"] = broken
    portal.step()
    assert portal.states() == {"note 1": state}
    portal.world.net.broken.clear()
    portal.writer.results.clear()
    portal.later(3)
    assert portal.step() == (not look_first), "what is unclear waits until the portal is through with it"
    portal.later(SETTLED_S - 3)
    portal.step()
    assert portal.writer.calls[1:] == [[("note 1", look_first)]]


def test_a_task_that_never_succeeds_is_given_up_and_says_why(portal: Portal) -> None:
    portal.writer.results["note 1"] = Unclear("no answer")
    portal.put("note 1", "note 2", lane="chat")
    for _ in range(9):
        portal.step()
        assert portal.states()["note 1"] == "unclear"
        portal.later(6 * 3600)
    portal.step()
    task = portal.tasks()["note 1"]
    assert (task.state, task.error, task.tries) == ("failed", "in vain: no answer", 10)
    portal.step()
    assert portal.states()["note 2"] == "done"


def test_what_changes_while_it_is_written_is_written_again(portal: Portal) -> None:
    portal.put("card 1")
    (batch,) = portal.claim()
    with portal.world.runtime.db.write() as session:
        change(session, portal.id, ["card 1"], portal.world.now)
    result = portal.stage.work(batch)
    with portal.world.runtime.db.write() as session:
        portal.stage.record(session, [(batch, result)])
    assert portal.states() == {"card 1": "due"}
    portal.step()
    assert portal.states() == {"card 1": "done"}
    with portal.world.runtime.db.write() as session:
        change(session, portal.id, ["card 1"], portal.world.now + timedelta(seconds=5))
    assert portal.step() == 0
    portal.later(5)
    assert portal.step() == 1


def test_what_has_nothing_to_do_any_more_is_done(portal: Portal) -> None:
    portal.writer.nothing_to_do.add("card 1")
    portal.put("card 1")
    assert portal.step() == 0
    assert portal.states() == {"card 1": "done"}


def test_a_refusal_is_final_for_its_task_alone(portal: Portal) -> None:
    portal.writer.results["card 1"] = GivenUp("ACCESS_DENIED")
    portal.put("card 1", "card 2")
    portal.step()
    assert portal.states() == {"card 1": "failed", "card 2": "done"}
    assert portal.writer.heard == [("card 1", "failed"), ("card 2", "done")]


def test_answers_keep_half_of_the_portals_bucket(portal: Portal) -> None:
    portal.put(*(f"card {number}" for number in range(100)))
    steps = 0
    while portal.step():
        steps += 1
    assert 10 < steps <= ROOM + 1  # each is one request of three tasks
    assert list(portal.states().values()).count("due") >= 100 - 3 * (ROOM + 1)
    portal.later(2)
    assert portal.step() == 1


@pytest.mark.parametrize("front", ["in flight", "at rest", "unknown kind", "waiting"])
def test_a_portal_with_hundreds_of_tasks_is_no_reason_for_another_to_wait(portal: Portal, front: str) -> None:
    other = another_portal(portal.world)
    portal.put(*(f"card {number}" for number in range(450)), kind="newer" if front == "unknown kind" else "notice")
    if front == "in flight":
        assert len(portal.claim()) == 1
    elif front == "at rest":
        portal.world.runtime.slow_portals.took(portal.id, 6.0)
    portal.put("card of the other", portal_id=other)
    claimed = portal.claim()
    assert (other, ["card of the other"]) in [(batch.portal_id, [job.key for job in batch.jobs]) for batch in claimed]


def test_who_has_been_served_stands_behind_who_waits(portal: Portal) -> None:
    other = another_portal(portal.world)
    portal.put(*(f"card {number}" for number in range(6)))
    portal.later(1)
    portal.put("card of the other", portal_id=other)
    served = []
    for _ in range(2):
        with portal.world.runtime.db.write() as session:
            (batch,) = portal.stage.claim(session, portal.held, 1)
            served.append(batch.portal_id)
            portal.stage.record(session, [(batch, Result([Done()] * len(batch.jobs), 0))])
    assert served == [portal.id, other]


def test_without_a_free_slot_nothing_is_asked(portal: Portal) -> None:
    portal.put("card 1")
    with portal.world.runtime.db.write() as session, counted_queries(portal.world) as asked:
        assert portal.stage.claim(session, portal.held, 0) == []
    assert asked == []


def test_of_a_lane_whose_tasks_go_one_by_one_only_the_first_is_claimed(portal: Portal) -> None:
    portal.writer.one_of_a_lane = True
    portal.put("a1", "a2", lane="deal 1")
    portal.put("b1", lane="deal 2")
    portal.step()
    portal.step()
    assert portal.writer.calls == [[("a1", False), ("b1", False)], [("a2", False)]]


def test_a_portal_that_asks_us_to_wait_fails_no_task_but_is_asked_less_and_less_often(portal: Portal) -> None:
    portal.put("card 1")
    portal.step()
    portal.later(49 * 3600)
    with portal.world.runtime.db.write() as session:
        change(session, portal.id, ["card 1"], portal.world.now)
    portal.writer.results["card 1"] = Again("QUERY_LIMIT_EXCEEDED", 1.0, is_asked=True)
    asked = []
    for _ in range(8):
        asked.append(portal.step())
        portal.later(1)
    assert asked == [1, 1, 0, 1, 0, 0, 0, 1]
    task = portal.tasks()["card 1"]
    assert (task.state, task.tries) == ("due", 0)


@pytest.mark.parametrize("ending", ["recorded", "lost"])
def test_a_late_result_is_not_another_portals_whose_task_got_the_same_id(portal: Portal, ending: str) -> None:
    other = another_portal(portal.world)
    portal.put("card of the first")
    (batch,) = portal.claim()
    late = portal.stage.work(batch)
    uninstalling.uninstall(portal.world.runtime, portal.id, clean=True)
    portal.put("card of the other", portal_id=other)
    assert portal.claim(portal.started())
    with portal.world.runtime.db.write() as session:
        if ending == "recorded":
            portal.stage.record(session, [(batch, late)])
        else:
            portal.stage.lost(session, batch)
    assert portal.states() == {"card of the other": "doing"}


def test_a_task_that_no_key_opens_is_given_up_and_no_other_waits_for_it(portal: Portal) -> None:
    portal.put("card 1", "card 2", "card 3")
    with portal.world.runtime.db.write() as session:
        session.execute(text("UPDATE portal_task SET payload = 'of a lost key' WHERE key = 'card 2'"))
    assert portal.step() == 1
    assert portal.states() == {"card 1": "done", "card 2": "failed", "card 3": "done"}
    assert crm_work.remedy(portal.tasks()["card 2"].error) != crm_work.remedy("no answer")


def test_an_uninstalled_app_leaves_no_open_task(portal: Portal) -> None:
    portal.put("card 1", "card 2", "card 3", "card 4")
    portal.claim()
    uninstalling.uninstall(portal.world.runtime, portal.id, clean=False)
    assert {(task.state, task.payload) for task in portal.tasks().values()} == {("failed", None)}


def test_what_nobody_takes_up_is_deleted_like_what_is_done(portal: Portal) -> None:
    runtime = portal.world.runtime
    portal.put("card of a newer release", kind="newer")
    keep = timedelta(days=runtime.config.keep_texts_days)
    for passed, left in ((keep, 1), (keep + timedelta(seconds=1), 0)):
        begun, portal.world.now = portal.world.now, portal.world.now + passed
        with runtime.db.write() as session:
            retention.portal_tasks(session, runtime, 10)
        portal.world.now = begun
        assert len(portal.tasks()) == left


def test_after_a_restore_the_portal_is_looked_at_before_anything_is_done(portal: Portal) -> None:
    portal.put("trigger 1")
    dumped = portal.world.now
    portal.later(3600)
    portal.put("trigger 2")
    assert unsent.doubt_writes(portal.world.runtime, dumped) == 1
    portal.step()
    assert portal.writer.calls == [[("trigger 1", True), ("trigger 2", False)]]
