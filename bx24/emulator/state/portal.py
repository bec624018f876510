"""One emulated portal: its app row, users, CRM, automation and everything it sends to the app."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state import crm
from bx24.emulator.state.call_queue import Queue
from bx24.emulator.state.faults import Faults
from bx24.emulator.state.rate_limits import Bucket, Operating
from bx24.emulator.state.records import (
    USERS,
    Counters,
    EventBinding,
    Grant,
    Installation,
    Notice,
    PlacementBinding,
    RobotRecord,
    User,
)
from bx24.emulator.state.workflow import PlacedRobot, Workflow

if TYPE_CHECKING:
    from flask import Flask

    from bx24.emulator.emulator import Emulator

STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")


def host_of(url: str) -> str:
    """Host as Bitrix24 writes it: with the port unless it is the scheme's own."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.netloc if parts.port not in (None, default) else str(parts.hostname)


@dataclass
class Stage:
    id: str
    robots: list[PlacedRobot] = field(default_factory=list)


class Portal:
    """State of one portal. Mutated under `emulator.lock` only."""

    app: Flask

    def __init__(self, emulator: Emulator, number: int, base_url: str, lang: str) -> None:
        self.emulator = emulator
        self.number = number
        self.base_url = base_url.rstrip("/")
        self.old_hosts: set[str] = set()
        self.lang = lang
        self.member_id = secrets.token_hex(16)
        self.clock = emulator.clock
        self.viewer_id = 1
        """Who looks at the portal's pages unless an address says `?user=`."""
        self.users: dict[int, User] = {user.id: user for user in USERS}
        self.crm = crm.seed()
        self.faults = Faults()
        self.counters = Counters()
        self.bucket = Bucket(emulator.clock)
        self.operating = Operating(emulator.clock)
        self.queue: Queue = emulator.queue
        self.engine = Engine(self)
        self.installation = Installation(number + 40, emulator.client_id)
        self.robots: dict[str, RobotRecord] = {}
        self.events: list[EventBinding] = []
        self.placements: list[PlacementBinding] = []
        self.notices: list[Notice] = []
        self.stages = [Stage(name) for name in STAGES]
        self._next_id = 100

    @property
    def domain(self) -> str:
        return host_of(self.base_url)

    @property
    def client_endpoint(self) -> str:
        return f"{self.base_url}/rest/"

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def settle(self, *, lang: str | None = None, viewer: object = None) -> None:
        """Language of the portal, and who looks at its pages. Raises ValueError for others than it knows."""
        if lang is not None and lang not in ("ru", "en"):
            raise ValueError(f"lang: ru or en expected, not {lang}")
        if viewer is not None and (not str(viewer).isdigit() or int(str(viewer)) not in self.users):
            raise ValueError(f"viewer: one of {sorted(self.users)} expected, not {viewer}")
        self.lang = lang or self.lang
        self.viewer_id = int(str(viewer)) if viewer is not None else self.viewer_id

    def user(self, user_id: int) -> User | None:
        user = self.users.get(user_id)
        return None if user is None or user_id in self.faults.dismissed else user

    def stage(self, stage_id: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.id == stage_id), None)

    def move(self, deal_id: int, stage_id: str, *, user_id: int = 1) -> Workflow | None:
        """Put a deal on a stage and start the stage's robots. Raises KeyError for an unknown deal or stage."""
        deal, stage = self.crm.get(crm.DEAL, deal_id), self.stage(stage_id)
        if deal is None or stage is None:
            raise KeyError(deal_id if deal is None else stage_id)
        deal["stageId"] = stage_id
        triple = crm.document_type(crm.DEAL)
        document_id = (triple[0], triple[1], f"DEAL_{deal_id}")
        for flow in self.engine.workflows.values():
            # The robots of the stage the deal has left stop: Bitrix24 terminates that stage's workflow.
            if flow.document_id == document_id and flow.stage:
                self.engine.terminate(flow)
        self.raise_event("ONCRMDEALUPDATE", {"FIELDS": {"ID": deal_id}}, user_id=user_id)
        if not stage.robots:
            return None
        return self.engine.start(document_id, triple, list(stage.robots), user_id=user_id, stage=stage_id)

    def event_auth(self, user_id: int | None, *, with_refresh: bool) -> dict[str, Any]:
        """The `auth` map of events and robot calls; without a live user only the guaranteed part."""
        bare: dict[str, Any] = {
            "domain": self.domain,
            "client_endpoint": self.client_endpoint,
            "server_endpoint": self.emulator.server_endpoint,
            "member_id": self.member_id,
            "application_token": self.installation.application_token,
        }
        if user_id is None or self.user(user_id) is None:
            return bare
        grant = self.emulator.tokens.issue(self, user_id)
        full = self.grant_auth(grant)
        if not with_refresh:
            full.pop("refresh_token")
        return {**full, **bare}

    def grant_auth(self, grant: Grant) -> dict[str, Any]:
        return {
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "expires": int(grant.expires_at),
            "expires_in": max(0, int(grant.expires_at - self.clock())),
            "scope": ",".join(self.installation.scope),
            "status": self.installation.status,
            "user_id": grant.user_id,
        }

    def raise_event(
        self,
        event: str,
        data: dict[str, Any],
        *,
        user_id: int | None,
        with_refresh: bool = False,
        send_auth: bool = True,
    ) -> int:
        """Queue the event for every handler bound to it; events of an unfinished install vanish. Returns how many.

        send_auth false: no tokens at all, only the guaranteed part of `auth`.
        """
        if not (self.installation.active and self.installation.installed):
            return 0
        bound = [binding for binding in self.events if binding.event == event and not binding.offline]
        for binding in bound:
            who = (binding.auth_type or user_id) if send_auth else None
            form = {
                "event": event,
                "event_handler_id": binding.id,
                "data": data,
                "ts": int(self.clock()),
                "auth": self.event_auth(who, with_refresh=with_refresh),
            }
            self.queue.send(binding.handler, form, delay_s=self.faults.delay_s, label=f"event {event}")
        return len(bound)

    def drop_app_objects(self) -> None:
        """What an update and an uninstall take away: robots, activities and their settings pages."""
        self.robots.clear()
