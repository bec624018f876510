"""A frame of the app that somebody opened inside the portal, and what he does in it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from bx24.emulator.rules import frames
from bx24.i18n import language
from messaging.policy import settings
from messaging.policy.rights import Grant, Right, Who
from messaging.store.models import Portal
from tests.support.world import APP, PORTAL, World
from web.frames import HEADER, Viewer, issue

ADMINISTRATOR, EMPLOYEE = 1, 2
#: The member_id of `second_portal`.
STRANGER = "f" * 32
#: The form of a new line, as it may be filled in.
NEW_LINE = {"api_key": "k" * 32, "app_name": "newshop", "phone": "+7 (900) 555-66-77", "app_id": "", "name": "Сервис"}


class Frame:
    """What the page's script does: requests with the frame's token, as htmx sends them."""

    def __init__(
        self, world: World, user_id: int = ADMINISTRATOR, lang: str = "ru", member_id: str = "", origin: str = PORTAL
    ) -> None:
        self.world = world
        viewer = Viewer(
            member_id or world.portal.member_id, user_id, user_id == ADMINISTRATOR, origin, language(lang), "0f"
        )
        with world.flask.test_request_context():
            self.headers = {HEADER: issue(viewer), "HX-Request": "true"}

    def get(self, path: str, **query: Any) -> Any:
        return self.world.app.get(path, query_string=query or None, headers=self.headers)

    def post(
        self, path: str, form: Mapping[str, Any] | None = None, target: str = "main", minutes: int = 0, **fields: Any
    ) -> Any:
        """target: what on the page htmx is to replace; minutes: the browser's clock, ahead of UTC."""
        headers = {**self.headers, "HX-Target": target, "X-Waba24-Minutes": str(minutes)}
        return self.world.app.post(path, data={**(form or {}), **fields}, headers=headers)

    def page(self, path: str, status: int = 200) -> str:
        """What /app/<path> shows."""
        return self._checked(path, self.get(f"/app/{path}"), status)

    def change(self, path: str, status: int = 200, **fields: str) -> str:
        """What is shown after this was submitted to /app/<path>."""
        return self._checked(path, self.post(f"/app/{path}", fields), status)

    def _checked(self, path: str, answer: Any, status: int) -> str:
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return str(answer.text)


def opened(world: World, user_id: int = ADMINISTRATOR) -> Any:
    """The main page as the portal opens it for a user."""
    with world.bx.lock:
        made = frames.new_frame(world.portal, f"{APP}/bx24/app", user_id=user_id)
    return world.app.post(made.url.removeprefix(APP), data=made.form)


def second_portal(world: World) -> int:
    """Another portal on which the app is installed, STRANGER, has come with nothing; its id."""
    with world.runtime.db.write() as session:
        mine = session.scalars(select(Portal).order_by(Portal.id)).first()
        copied = {column.name: getattr(mine, column.name) for column in Portal.__table__.columns}
        other = Portal(**{**copied, "id": None, "member_id": STRANGER, "default_line_id": None})
        session.add(other)
        session.flush()
        return other.id


def hide_phones(world: World) -> None:
    """Only administrators see clients' phones from now on."""
    hidden = Grant(Who.ADMINS).stored()
    settings.change(world.runtime, world.stored_rows(Portal)[0].id, rights={str(Right.PHONES): hidden})


def seen(page: Any) -> str:
    """What is read on a page (an answer, or its HTML): its text, without tags."""
    text = page if isinstance(page, str) else page.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
