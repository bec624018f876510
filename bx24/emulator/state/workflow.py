"""Placed robots, and workflows with their logs and the answers of the app."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.state.crm import Triple

MAX_TIMEOUT_S = 5 * 365 * 24 * 3600


@dataclass
class PlacedRobot:
    """A robot on a stage. values: by property code, may hold expressions. timeout_s 0: it waits without limit."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    name: str = field(default_factory=lambda: "A" + "_".join(f"{secrets.randbelow(90000) + 10000}" for _ in range(4)))
    timeout_s: int = 0
    use_subscription: str | None = None
    auth_user_id: int | None = None
    status_text: str = ""
    """What the workflow shows while the step waits; empty: the portal's own text."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "title": self.title,
            "name": self.name,
            "values": self.values,
            "timeout_s": self.timeout_s,
            "use_subscription": self.use_subscription,
            "auth_user_id": self.auth_user_id,
            "status_text": self.status_text,
        }


@dataclass
class Template:
    """A workflow that somebody designed for one kind of documents, and its robots and activities in order."""

    id: int
    name: str
    document_type: Triple
    steps: list[PlacedRobot]


@dataclass
class LogLine:
    """One line of a workflow's log. kind: names its text, `log_<kind>`, and its colour."""

    at: float
    kind: str
    text: str
    robot: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        shown = {"at": self.at, "kind": self.kind, "text": self.text, "robot": self.robot}
        return {**shown, "values": self.values} if self.values else shown


@dataclass
class Answer:
    """One `bizproc.event.send` as it came. effect: `accepted`, or why it was ignored."""

    at: float
    token: str
    values: Any
    log_message: str
    effect: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "token": self.token,
            "values": php.jsonable(self.values),
            "log_message": self.log_message,
            "effect": self.effect,
        }


@dataclass
class Workflow:
    """A workflow on one document: its steps are the robots, run one after another."""

    id: str
    document_id: Triple
    document_type: Triple
    steps: list[PlacedRobot]
    started_at: float
    user_id: int
    stage: str = ""
    index: int = -1
    state: str = "running"
    event_id: str = ""
    event_token: str = ""
    status_text: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    returned: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[LogLine] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    held: list[tuple[str, bytes]] | None = None
    """If set, it takes the calls to the app, as (address, body), instead of the queue."""

    @property
    def waiting(self) -> bool:
        return bool(self.event_id)

    @property
    def shown_state(self) -> str:
        """`state`, but `waiting` while a step waits for the app's answer."""
        return "waiting" if self.waiting else self.state

    @property
    def step(self) -> PlacedRobot | None:
        return self.steps[self.index] if 0 <= self.index < len(self.steps) else None

    def step_named(self, name: str) -> PlacedRobot | None:
        return next((step for step in self.steps if step.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        sends = {token: sum(answer.token == token for answer in self.answers) for token in self.tokens}
        return {
            "id": self.id,
            "document_id": self.document_id,
            "document_type": self.document_type,
            "stage": self.stage,
            "state": self.state,
            "waiting": self.waiting,
            "step": self.index,
            "event_token": self.event_token,
            "status_text": self.status_text,
            "started_at": self.started_at,
            "robots": [step.to_dict() for step in self.steps],
            "returned": self.returned,
            "sends": sends,
            "answers": [answer.to_dict() for answer in self.answers],
            "log": [line.to_dict() for line in self.log],
        }
