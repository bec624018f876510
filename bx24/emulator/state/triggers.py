"""Triggers of the app: those it has registered, those that somebody has placed on stages, and each execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Item = tuple[int, int]
"""Entity type and id of a CRM item."""


@dataclass
class Trigger:
    """A trigger of `crm.automation.trigger.add`. app_id: the installation; a new one does not see those of an old one."""

    code: str
    name: str
    app_id: int


@dataclass
class PlacedTrigger:
    """A trigger on a stage of deals or smart processes. conditions: values that the item must have, by field in camelCase."""

    id: int
    code: str
    app_id: int
    stage: str
    allow_back: bool = False
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Move:
    """An item that an execution has moved."""

    item: Item
    moved_from: str
    moved_to: str


@dataclass(frozen=True)
class Execution:
    """One call of `crm.automation.trigger.execute`. moves: none when nothing was placed that could fire."""

    at: float
    code: str
    owner: Item
    moves: tuple[Move, ...]


@dataclass
class Triggers:
    """The triggers of one portal."""

    registered: list[Trigger] = field(default_factory=list)
    placed: list[PlacedTrigger] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)

    def find(self, app_id: int, code: str) -> Trigger | None:
        return next((item for item in self.registered if (item.app_id, item.code) == (app_id, code)), None)

    def of(self, app_id: int) -> list[Trigger]:
        return [item for item in self.registered if item.app_id == app_id]

    def on(self, stage_id: str) -> list[PlacedTrigger]:
        return [item for item in self.placed if item.stage == stage_id]
