"""Somebody who has opened the app in the portal: what his page sends, and what it gets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from messaging.models import Portal
from tests.world import PORTAL, World
from web.frames import HEADER, Viewer, issue


class Reader:
    """A user of a portal with a valid session."""

    def __init__(self, world: World, *, is_admin: bool = True, language: str = "ru", member_id: str = "") -> None:
        self.world = world
        with world.runtime.db.read() as session:
            member_id = member_id or session.scalars(select(Portal.member_id)).first() or ""
        with world.flask.app_context():
            self.token = issue(Viewer(member_id, 1, is_admin, PORTAL, language))

    def get(self, path: str, **headers: str) -> Any:
        return self.world.app.get(path, headers={HEADER: self.token, "HX-Request": "true", **headers})

    def post(self, path: str, form: dict[str, Any], target: str = "main", **headers: str) -> Any:
        sent = {HEADER: self.token, "HX-Request": "true", "HX-Target": target, **headers}
        return self.world.app.post(path, data=form, headers=sent)
