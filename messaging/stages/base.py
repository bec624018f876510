"""What all stages have in common, and what they pass on to each other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session


class Stage(Protocol):
    """One kind of work. `claim`, `record` and `lost` run in the drain's transactions, `work` runs on a thread without one.

    busy: what its tasks in flight are about, so that nothing is claimed twice.
    """

    name: str
    busy: set[Any]

    def slots(self, threads: int) -> int:
        """How many of its tasks may be in flight in a process with so many threads: no stage starves another."""

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Any]:
        """Tasks that are due on the shards we hold (shard → fence), at most `free_slots`."""

    def work(self, task: Any) -> Any:
        """Do the task: ask a vendor, say. An error of a vendor is a result; any other exception is a fault of ours."""

    def record(self, session: Session, done: list[tuple[Any, Any]]) -> None:
        """Write down these tasks with their results."""

    def lost(self, session: Session, task: Any) -> None:
        """A fault of ours: `work` or `record` failed. Let the task be done again later, or give it up."""


@dataclass(frozen=True)
class Finished:
    """A task whose thread has finished with it."""

    stage: Stage
    task: Any
    result: Any


#: Starts a task on a thread.
Submit = Callable[[Stage, Any], None]


@dataclass(frozen=True, slots=True)
class Content:
    """The encrypted columns of a message, decrypted, the trace of its run, and until when this plan holds."""

    trace: str
    phone: str
    payload: dict[str, Any]
    judge_at: datetime | None = None
