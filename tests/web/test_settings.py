"""The settings pages on the server: who gets them, what they hold, and what the check says about values."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from robots import ROBOTS
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.world import AUTH, World

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


def test_every_action_has_its_page_in_both_languages(shop: World) -> None:
    for side in SIDES:
        for name in ROBOTS:
            for lang in ("ru", "en"):
                page = opened(shop, f"/{side}/{name}", lang)
                assert page.status_code == 200, (side, name)
                assert f'<html lang="{lang}">' in page.text
                data = holds(page)
                assert (data["side"], data["action"]) == (side, name)
                rest = page.text.replace(json.dumps(holds(page, "catalogue"), ensure_ascii=False), "")
                assert len(rest.encode()) < 30_000, (name, len(rest.encode()))
