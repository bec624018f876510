"""A world and the doctor in it, for the tests that break something on purpose."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rq import Worker
from sqlalchemy import delete, inspect, select, update

from messaging.doctor import echo, line, portal, server, trial
from messaging.doctor.certificate import Certificate
from messaging.doctor.finding import Finding
from messaging.doctor.server import Outside
from messaging.insight import line_checks
from messaging.store.models import InboundEvent, Line, Portal
from messaging.worker.pool import make_worker
from tests.flows.scenes import OLGA, host, set_portal_faults
from tests.support.world import APP, PORTAL, World

#: A robot that sends nothing.
CHECK_WINDOW = {"code": "activity.check_window", "values": {"phone": OLGA}}


class Clinic:
    """A world and the doctor in it; whatever the doctor waits for, the world goes on."""

    def __init__(self, shop: World) -> None:
        self.shop = shop
        shop.runtime.sleep = shop.advance_clock
        self.expires = shop.now + timedelta(days=60)
        self.outside = Outside(lambda host, port: ["93.184.216.34"], lambda host, port: Certificate(self.expires))
        self.worker = make_worker(shop.runtime.redis)
        self.worker.register_birth()
        self._healthy = self._state()
        with self.runtime.db.read() as session:
            self._rows = {
                model: {
                    column.key: getattr(session.scalars(select(model)).one(), column.key)
                    for column in inspect(model).columns
                }
                for model in (Portal, Line)
            }

    def _state(self) -> dict[str, Any]:
        """What the breaks of the table change in the vendors, except their faults."""
        app, portal = self.app(), self.shop.portal
        kept = {
            name: getattr(portal, name)
            for name in ("robots", "events", "placements", "users", "installation", "message_service")
        }
        return copy.deepcopy({**kept, "subscriptions": app.subscriptions, "templates": app.templates})

    def app(self) -> Any:
        return self.shop.gs.accounts.of_id(self.shop.gupshup_app["app_id"])

    def heal(self) -> None:
        """Undo what a break did; a while later, so that no last answer counts any more."""
        self.shop.runtime.sleep = self.shop.advance_clock
        for name, value in copy.deepcopy(self._healthy).items():
            setattr(self.app() if name in ("subscriptions", "templates") else self.shop.portal, name, value)
        set_portal_faults(self.shop, reset=True)
        self.shop.gs.faults.reset()
        self.shop.net.broken.clear()
        self.shop.net.apps[host(APP)] = self.shop.flask
        with self.runtime.db.write() as session:
            session.execute(delete(InboundEvent))
            for model, columns in self._rows.items():
                session.execute(update(model).values(columns))
        if not Worker.count(connection=self.runtime.redis):
            self.worker.register_birth()
        line_checks.forget(self.runtime, 1)
        self.shop.now += timedelta(seconds=20)
        self.expires = self.shop.now + timedelta(days=60)
        self.outside = Outside(lambda host, port: ["93.184.216.34"], lambda host, port: Certificate(self.expires))

    @property
    def runtime(self) -> Any:
        return self.shop.runtime

    def portal(self) -> Portal:
        with self.runtime.db.read() as session:
            return session.scalars(select(Portal)).one()

    def line(self) -> Line:
        with self.runtime.db.read() as session:
            return session.scalars(select(Line).where(Line.status == "connected")).one()

    def awaited(self, result: Callable[..., Finding | None]) -> Finding:
        while (found := result(self.runtime, self.portal().id)) is None:
            self.runtime.sleep(5)
        return found

    def echo(self) -> list[Finding]:
        return [echo.send(self.runtime, self.portal().id) or self.awaited(echo.result)]

    def trial(self, item: str = "DEAL_1", template: int | None = None) -> list[Finding]:
        begun = trial.start(self.runtime, self.portal().id, trial.item_of(item), template)
        return [begun or self.awaited(trial.result)]

    def server(self) -> list[Finding]:
        return server.check(self.runtime, self.outside)

    def of_portal(self) -> list[Finding]:
        return portal.check(self.runtime, self.portal())

    def of_line(self) -> list[Finding]:
        return line.check(self.runtime, self.line())

    def template(self, *robots: dict[str, Any], **more: Any) -> int:
        made = self.shop.control.post(
            "/emulator/templates", json={"name": "Проба", "robots": list(robots), **more}, base_url=PORTAL
        )
        assert made.status_code == 200, made.json
        return int(made.json["id"])
