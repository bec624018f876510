"""What tests of the app's pages share: a user's token, and asking as htmx does."""

from __future__ import annotations

import json
import re
from typing import Any

from bx24.emulator import lifecycle
from tests.world import APP, World


def opened(world: World, user_id: int = 1, portal: Any = None) -> Any:
    """The main page as the portal opens it for a user: 1 is an administrator, 2 is none."""
    with world.bx.lock:
        made = lifecycle.frame(portal or world.portal, f"{APP}/bx24/app", user_id=user_id)
    return world.app.post(made.url.removeprefix(APP), data=made.form)


def token(world: World, user_id: int = 1, portal: Any = None) -> str:
    """The session's token that such a page carries."""
    found = re.search(r'<script type="application/json" id="frame">(.*?)</script>', opened(world, user_id, portal).text)
    assert found, "the page has no session"
    return str(json.loads(found[1])["token"])


class Visitor:
    """One user's page: what it asks afterwards."""

    def __init__(self, world: World, user_id: int = 1, portal: Any = None) -> None:
        self.world = world
        self.headers = {"X-Waba24-Frame": token(world, user_id, portal), "HX-Request": "true"}

    def get(self, path: str, status: int = 200) -> str:
        answer = self.world.app.get(f"/app/{path}", headers=self.headers)
        self.answer = answer
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return answer.text

    def post(self, path: str, status: int = 200, **form: str) -> str:
        answer = self.world.app.post(f"/app/{path}", headers=self.headers, data=form)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return answer.text
