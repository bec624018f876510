"""The settings pages as Bitrix24 opens them, and their check, as the tests ask for them."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.world import AUTH, World

#: A robot of the CRM, an activity of a workflow.
SIDES = ("robots", "activities")


def frame(world: World, portal: Any = None, user_id: int = 1, **changes: str) -> dict[str, str]:
    portal = portal or world.portal
    grant = world.bx.tokens.issue(portal, user_id)
    return {
        "AUTH_ID": grant.access_token,
        "AUTH_EXPIRES": "3600",
        "member_id": portal.member_id,
        "PLACEMENT": "BIZPROC_ACTIVITY_PROPERTIES_DIALOG",
        "SERVER_ENDPOINT": f"{AUTH}/rest/",
        **changes,
    }


def opened(world: World, path: str = "/robots/send_text", lang: str = "ru", **given: Any) -> Any:
    options = given.pop("options", {"current_values": given.pop("values", {})})
    form = frame(world, **given)
    form["PLACEMENT_OPTIONS"] = options if isinstance(options, str) else json.dumps(options)
    return world.app.post(f"{path}/settings?DOMAIN=acme.example&PROTOCOL=1&LANG={lang}&APP_SID=0f", data=form)


def holds(page: Any, name: str = "settings") -> Any:
    """The JSON a page carries."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page.text, re.DOTALL)
    assert found, page.text[:300]
    return json.loads(found[1])


def headers(page: Any) -> dict[str, str]:
    return {"X-Waba24-Frame": holds(page, "frame")["token"]}


GOOD: dict[str, dict[str, Any]] = {
    "send_text": {"text": "Привет"},
    "send_template": {"template": "order_ready", "params": ["Анна", "512"]},
    "send_buttons": {"text": "Да?", "buttons": ["Да|yes", "Нет"]},
    "send_list": {"text": "Когда?", "button": "Время", "items": "# Утро\n10:00|Осмотр|a\n# Вечер\n18:00"},
    "send_file": {"file": "12"},
    "send_contact": {"contact_name": "Анна", "contact_phone": "+79161234567"},
    "send_location": {"latitude": "55,75", "longitude": "37.61"},
    "wait_reply": {"accept": ["Да"]},
    "wait_delivery": {"message": "ee4a68a0"},
    "check_window": {},
    "close_chats": {},
}


def check(world: World, page: Any, action: str, values: dict[str, Any], side: str = "robots") -> Any:
    body = {"side": side, "action": action, "values": values}
    return world.app.post("/settings/check", json=body, headers=headers(page)).json


def places(answer: Any) -> list[tuple[str, str, int | None]]:
    return [(one["field"], one["code"], one["index"]) for one in answer["problems"]]
