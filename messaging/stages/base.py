"""What all stages have in common, and what one hands to another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.orm import Session


class Stage(Protocol):
    """One kind of work. Claim and record run in the drain's transactions, work on a thread without one."""

    name: str
    busy: set[Any]

    def slots(self, threads: int) -> int:
        """How many of its tasks may be in flight, so that no stage starves another."""

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Any]: ...

    def work(self, task: Any) -> Any: ...

    def record(self, session: Session, done: list[tuple[Any, Any]]) -> None: ...

    def lost(self, session: Session, task: Any) -> None: ...


@dataclass(frozen=True)
class Finished:
    """A task that came back from its thread."""

    stage: Stage
    task: Any
    result: Any


#: Begins a task on a thread.
Submit = Callable[[Stage, Any], None]


@dataclass(frozen=True, slots=True)
class Content:
    """What of a message is sealed, and the trace of its run."""

    trace: str
    phone: str
    payload: dict[str, Any]
