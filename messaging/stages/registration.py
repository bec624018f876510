"""The stage that makes a portal's robots and activities equal to what we offer: after install, update, and changes of lines.

The database says which portal is due (`registration_due_at`). All of it is idempotent, so install, update and repair are the
same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.client import Client
from bx24.errors import AuthDead, Bx24Error, PortalInactive
from bx24.registration import Report, bind_events, sync
from messaging.conversations import chat_tasks
from messaging.intake import portal_events
from messaging.limits.backoff import backoff_s
from messaging.portals import hand_places, list_places, open_lines, scopes, senders, tokens, triggers
from messaging.portals.robots import line_options, offers
from messaging.runtime import Runtime
from messaging.store.models import Portal, shard_of
from messaging.store.states import PortalStatus

EVENTS = ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPPAYMENT")
#: What else is registered where the portal has granted the scope: (scope, function). An error of one code is reported.
EXTRAS: tuple[tuple[str, "Extra"], ...] = (
    (scopes.CRM, triggers.register),
    (scopes.OPEN_CHANNELS, open_lines.register_connector),
    (scopes.OPEN_CHANNELS, open_lines.register_panel),
    (scopes.PLACEMENTS, hand_places.register),
    (scopes.PLACEMENTS, list_places.register),
)
TRIES = 8
BACKOFF_S, BACKOFF_MAX_S = 10.0, 600.0
log = structlog.get_logger(__name__)

#: Client, PUBLIC_URL, the portal's language → what was done.
Extra = Callable[[Client, str, str], Report]


@dataclass(frozen=True)
class Due:
    """One portal to update, with all that is needed of the database."""

    portal_id: int
    user_id: int
    language: str
    lines: dict[str, str]
    due_at: datetime | None


@dataclass(frozen=True)
class Done:
    """app: what the portal said of itself; granted: its scopes; reports: what became of each robot or activity (the first),
    of each event, and of what else was registered."""

    app: dict[str, Any]
    granted: list[str]
    reports: tuple[Report, ...]


Result = Done | Bx24Error


class Registry:
    """Registers robots, activities and events; one task per portal."""

    name = "register"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()

    @staticmethod
    def slots(threads: int) -> int:
        return 2

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Due]:
        portals = session.scalars(
            select(Portal).where(
                Portal.registration_due_at <= self.runtime.clock(),
                Portal.status == PortalStatus.ACTIVE,
                Portal.id.not_in(self.busy),
            )
        ).all()
        mine = [portal for portal in portals if shard_of(portal.id) in held][:free_slots]
        self.busy |= {portal.id for portal in mine}
        return [self.due(portal) for portal in mine]

    def due(self, portal: Portal) -> Due:
        """What `work` must know of a portal."""
        return Due(
            portal_id=portal.id,
            user_id=portal.token_user_id or 1,
            language=portal.language,
            lines=line_options(portal.lines),
            due_at=portal.registration_due_at,
        )

    def work(self, due: Due) -> Result:
        """Ask the portal what it is, then update its robots, activities and events; on a thread."""
        client = tokens.portal_client(self.runtime, due.portal_id)
        url = self.runtime.config.public_url
        try:
            app = client.call("app.info").mapping()
            language = str(app.get("LANGUAGE_ID") or due.language)
            self_hosted = "selfhosted" in str(app.get("LICENSE") or "")
            robots = sync(client, offers(url, language, due.lines, self_hosted), user_id=due.user_id)
            granted = scopes.asked(client)
            extras = [register(client, url, language) for scope, register in EXTRAS if scope in granted]
            if scopes.MESSAGES in granted:
                extras.append(senders.register(client, url, language, {int(key): due.lines[key] for key in due.lines}))
            events = bind_events(client, f"{url}/bx24/events", (*EVENTS, *portal_events.wanted(granted)))
            return Done(app, granted, (robots, events, *extras))
        except Bx24Error as error:
            return error

    def record(self, session: Session, done: list[tuple[Due, Result]]) -> None:
        for due, result in done:
            self._record(session, due, result)

    def _record(self, session: Session, due: Due, result: Result) -> None:
        self.busy.discard(due.portal_id)
        portal = session.get(Portal, due.portal_id, with_for_update=True)
        if portal is None:
            return
        if isinstance(result, Bx24Error):
            portal.registration = {**(portal.registration or {}), "error": str(result)[:300]}
            self._again(portal, due, retry=result.retryable or isinstance(result, AuthDead | PortalInactive))
            return
        robots = result.reports[0]
        failed = {code: str(error)[:300] for report in result.reports for code, error in report.failed.items()}
        licence = str(result.app.get("LICENSE") or "")
        portal.language = str(result.app.get("LANGUAGE_ID") or portal.language).lower()[:8]
        portal.region = licence.split("_")[0].lower()[:8]
        portal.registration = {
            "licence": licence,
            "scopes": result.granted,
            "added": robots.added,
            "updated": robots.updated,
            "deleted": robots.deleted,
            "failed": failed,
        }
        portal.registered_at = self.runtime.clock()
        chat_tasks.registered(session, self.runtime, portal.id)
        self._again(portal, due, retry=bool(failed))
        log.info("robots registered", portal=portal.id, failed=len(failed), added=len(robots.added))

    def _again(self, portal: Portal, due: Due, retry: bool) -> None:
        if portal.registration_due_at != due.due_at:
            return  # a line was added or removed meanwhile, and the portal does not know yet
        portal.registration_tries += 1
        if not retry or portal.registration_tries >= TRIES:
            portal.registration_due_at = None
            return
        wait = timedelta(seconds=backoff_s(portal.registration_tries, BACKOFF_MAX_S, BACKOFF_S))
        portal.registration_due_at = self.runtime.clock() + wait
        log.warning("registration is not complete, again later", portal=portal.id, tries=portal.registration_tries)

    def lost(self, session: Session, due: Due) -> None:
        """A fault of ours: again later, and not for ever."""
        self.busy.discard(due.portal_id)
        portal = session.get(Portal, due.portal_id, with_for_update=True)
        if portal is not None:
            self._again(portal, due, retry=True)
