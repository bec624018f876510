"""What a kind of portal task must know how to do (messaging.store.portal_tasks)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.orm import Session

from messaging.portals.tokens import PortalClient
from messaging.runtime import Runtime
from messaging.store.portal_tasks import PortalTask

#: Seconds after the claim of its tasks during which a request may begin.
BEGIN_S = 30.0


@dataclass(frozen=True)
class Job:
    """One claimed task, for a thread.

    look_first: the task may have been done before, so the writer looks and does only what is missing. needs: what `load` found.
    """

    task_id: int
    claim: int
    key: str
    look_first: bool
    result: dict[str, Any]
    needs: Any


@dataclass(frozen=True)
class Done:
    """The task is done. result: what later tasks need; it is merged into the task's former result."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Again:
    """The task was certainly not done, and is due again after `after_s` seconds; None: after the usual back-off.

    is_asked: the portal has asked us to wait. That is no failure of the task; its kind rests in this portal, each time
    longer.
    """

    reason: str
    after_s: float | None = None
    is_asked: bool = False


@dataclass(frozen=True)
class Unclear:
    """It is not known whether the task was done: the connection broke after the request was written.

    The writer looks when the portal cannot be at work on the task any more and `after_s` seconds have passed; None: after the
    usual back-off.
    """

    reason: str
    after_s: float | None = None


@dataclass(frozen=True)
class Behind:
    """The task was not begun, because an earlier task of its lane did not succeed. This does not count as a try."""


@dataclass(frozen=True)
class GivenUp:
    """The task will never be done; `reason` is shown to people."""

    reason: str


Written = Done | Again | Unclear | Behind | GivenUp


class Writer(Protocol):
    """One kind of task. `load` and `written` run in the drain's transactions, `write` on a thread without one."""

    kind: str
    #: Tasks of one portal that `write` gets at most at once.
    batch: int
    #: Whether the tasks of a lane are claimed one by one, so that never more than one of them is in doubt.
    one_of_a_lane: bool

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Any]:
        """What each task needs, by its id. A task that is left out has nothing to do any more and counts as done."""

    def busy_s(self, needs: Iterable[Any]) -> float:
        """How many seconds the portal may be at work on one request about these needs, whether or not we wait for it."""

    def write(self, client: PortalClient, jobs: Sequence[Job]) -> list[Written]:
        """Do these tasks of one portal, in their order; one result for each. May raise Bx24Error for all of them: what came
        of the request then is told by its class."""

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Written) -> None:
        """A task has come to this result; the stage writes the task's own row."""
