"""One emulated portal: its address, users, CRM, stages, the installed app, and what it sends to the app."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import Any

from bx24.emulator.formats.addresses import host_of
from bx24.emulator.state.chats import Chats
from bx24.emulator.state.cloud import Cloud
from bx24.emulator.state.drive import Drive
from bx24.emulator.state.english import english_user
from bx24.emulator.state.faults import LATE_S, Faults
from bx24.emulator.state.messages import MessageService
from bx24.emulator.state.open_lines import OpenLines
from bx24.emulator.state.rate_limits import OperatingTime, RequestLimit
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
from bx24.emulator.state.sample_crm import sample_crm
from bx24.emulator.state.timeline import Timeline
from bx24.emulator.state.triggers import Triggers
from bx24.emulator.state.workflow import PlacedRobot, Template, Workflow

STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")
TIME_ZONE = timezone(timedelta(hours=3))


@dataclass
class Stage:
    """A stage of the deals, and the robots that run when a deal enters it."""

    id: str
    robots: list[PlacedRobot] = field(default_factory=list)


class Portal:
    """The state of one portal. Whoever changes it holds `cloud.lock`."""

    def __init__(self, cloud: Cloud, number: int, base_url: str, lang: str) -> None:
        self.cloud = cloud
        self.number = number
        self.base_url = base_url.rstrip("/")
        self.old_hosts: set[str] = set()
        self.lang = lang
        self.member_id = secrets.token_hex(16)
        self.clock = cloud.clock
        self.viewer_id = 1
        """The user who looks at the portal's pages, unless an address says `?user=`."""
        self.users: dict[int, User] = {user.id: user if lang == "ru" else english_user(user) for user in USERS}
        self.crm = sample_crm(lang)
        self.drive = Drive.in_language(lang)
        self.timeline = Timeline()
        self.triggers = Triggers()
        self.faults = Faults()
        self.counters = Counters()
        self.request_limit = RequestLimit(cloud.clock)
        self.operating = OperatingTime(cloud.clock)
        self.installation = Installation(number + 40, cloud.client_id)
        self.robots: dict[str, RobotRecord] = {}
        self.events: list[EventBinding] = []
        self.placements: list[PlacementBinding] = []
        self.notices: list[Notice] = []
        self.open_lines = OpenLines(lang)
        self.chats = Chats()
        self.message_service = MessageService()
        self.stages = [Stage(name) for name in STAGES]
        self.workflows: dict[str, Workflow] = {}
        self.templates: dict[int, Template] = {}
        self.signing_key = secrets.token_bytes(32)
        """Signs the event tokens of the workflows."""
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

    def shown_time(self) -> float:
        """The unix time that the portal's own clock shows."""
        return self.clock() + self.faults.clock_ahead_s

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def change_settings(self, *, lang: str | None = None, viewer: object = None) -> None:
        """Set the language, and the id of the user who looks at the pages. Raises ValueError for unknown ones."""
        if lang is not None and lang not in ("ru", "en"):
            raise ValueError(f"lang: ru or en expected, not {lang}")
        if viewer is not None and (not str(viewer).isdigit() or int(str(viewer)) not in self.users):
            raise ValueError(f"viewer: one of {sorted(self.users)} expected, not {viewer}")
        self.lang = lang or self.lang
        self.viewer_id = int(str(viewer)) if viewer is not None else self.viewer_id

    def user(self, user_id: int) -> User | None:
        """The user, unless dismissed."""
        user = self.users.get(user_id)
        return None if user is None or user_id in self.faults.dismissed else user

    def stage(self, stage_id: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.id == stage_id), None)

    def robot_title(self, robot: PlacedRobot, lang: str = "") -> str:
        """The title of a placed robot: its own, or the registered name in this or the portal's language."""
        record = self.robots.get(robot.code)
        return robot.title or (record.name(lang or self.lang) if record else robot.code)

    def event_auth(self, user_id: int | None, *, with_refresh: bool) -> dict[str, Any]:
        """The `auth` map of events and robot calls, with new tokens for the user.

        No user, or a dismissed one: no tokens, only the part that Bitrix24 guarantees.
        """
        bare: dict[str, Any] = {
            "domain": self.domain,
            "client_endpoint": self.client_endpoint,
            "server_endpoint": self.cloud.server_endpoint,
            "member_id": self.member_id,
            "application_token": self.installation.application_token,
        }
        if user_id is None or self.user(user_id) is None:
            return bare
        grant = self.cloud.tokens.issue(self, user_id)
        full = self.grant_auth(grant)
        if not with_refresh:
            full.pop("refresh_token")
        return {**full, **bare}

    def grant_auth(self, grant: Grant) -> dict[str, Any]:
        """The part of `auth` that describes a token pair."""
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
        data: Any,
        *,
        user_id: int | None,
        with_refresh: bool = False,
        send_auth: bool = True,
    ) -> int:
        """Queue the event for every handler bound to it; return the number of handlers.

        Events before the end of the installation are lost. send_auth False: `auth` has no tokens.
        """
        if not (self.installation.active and self.installation.installed):
            return 0
        bound = [binding for binding in self.events if binding.event == event and not binding.offline]
        if self.faults.undelivered:
            return len(bound)
        for binding in bound:
            token_owner = (binding.auth_type or user_id) if send_auth else None
            form = {
                "event": event,
                "event_handler_id": binding.id,
                "data": data,
                "ts": int(self.clock()),
                "auth": self.event_auth(token_owner, with_refresh=with_refresh),
            }
            delay_s = self.faults.delay_s + (LATE_S if self.faults.take("late_events") else 0)
            for _ in range(2 if self.faults.take("repeated_events") else 1):
                self.cloud.queue.send(binding.handler, form, delay_s=delay_s, label=f"event {event}")
        return len(bound)

    def drop_app_objects(self) -> None:
        """Remove what an update and an uninstall remove: robots, activities and their settings pages."""
        self.robots.clear()
