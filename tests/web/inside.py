"""A frame of the app that somebody opened inside the portal, and what he does in it."""

from __future__ import annotations

import html
import re
from typing import Any

from bx24.i18n import language
from tests.world import PORTAL, World
from web.frames import HEADER, Viewer, issue

ADMINISTRATOR, EMPLOYEE = 1, 2


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
        return self.world.app.get(path, query_string=query, headers=self.headers)

    def post(self, path: str, **fields: Any) -> Any:
        return self.world.app.post(path, data=fields, headers=self.headers)


def seen(answer: Any) -> str:
    """What is read on the page: its text, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
