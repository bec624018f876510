"""Addresses and bodies nobody honest sends: refused or ignored, never an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging.store.models import Line
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import Frame

SIDES = ("robots", "activities")
LONG, HALF, NUL = "9" * 5000, "\ud800", "a\0b"
BODIES = ("[" * 100_000, '{"a":' * 100_000, "null", "[]", '"x"', "1", "NaN", "", "{", '{"side": [], "values": {}}')
VALUES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("send_text", {"text": HALF, "phone": HALF}),
    ("send_text", {"text": "".join(f"{{=A:{n}}}" for n in range(40_000)), "wait_minutes": LONG}),
    ("send_template", {"template": HALF, "language": "\udfff"}),
    ("send_template", {"template": NUL, "params": ["\0"]}),
    ("send_template", {"template": "welcome", "params": [f"[{LONG}]x"]}),
    ("send_buttons", {"buttons": [1, None, {}, ["x"]], "text": {}}),
    ("send_list", {"items": "|" * 1000, "text": "x", "button": HALF}),
    ("send_location", {"latitude": "55,7; 37,6", "longitude": LONG}),
    ("send_location", {"latitude": "1e999", "longitude": "nan"}),
    ("send_file", {"file": "\0", "kind": "\0", "caption": HALF}),
    ("send_contact", {"contact": LONG, "contact_email": "@"}),
)
FILTERS = ("9" * 30, "-1", "٣٣", "²", "x" * 5000, "2026-02-30", "9999-12-31", "0001-01-01")


@pytest.mark.parametrize("number", ["9" * 19, "9" * 40, LONG], ids=len)
def test_numbers_in_addresses_that_no_database_knows(shop: World, number: str) -> None:
    frame = Frame(shop)
    for path in (f"lines/{number}", f"lines/{number}/checks/key", f"messages/{number}", f"templates/{number}/x"):
        frame.page(path, 404)
    for change in ("name", "pause", "remove"):
        frame.change(f"lines/{number}/{change}", 404, name="x")
    frame.page(f"start?line={number}", 404)


def test_characters_no_database_stores(shop: World) -> None:
    frame = Frame(shop)
    frame.change("lines/1/name", name=NUL)
    frame.change("lines/1/key", app_id=NUL)
    with shop.runtime.db.read() as session:
        line = session.get_one(Line, 1)
        assert (line.name, line.app_id) == ("ab", "ab")
    frame.change("lines", api_key="k" * 20, app_name=NUL, phone="79001112299", app_id=NUL, name=NUL)
    for words in (NUL, "\0", "#1\0", "7916\0", "deal 1\0"):
        frame.change("messages", words=words)
    frame.page("templates?text=%00&line=%00")
    frame.page("templates/1/a%00b", 404)
    frame.change("robots/repair", 404, code="\0")


def test_json_of_nobodys_script(shop: World) -> None:
    frame = Frame(shop)
    sent = [json.dumps({"side": side, "action": name, "values": given}) for name, given in VALUES for side in SIDES]
    tokens = [json.dumps({"access_token": token}) for token in (HALF, NUL, LONG, {})]
    for body in (*BODIES, *sent, *tokens):
        for path in ("/settings/check", "/frame/session"):
            answer = shop.app.post(path, data=body, headers={**frame.headers, "Content-Type": "application/json"})
            assert answer.status_code in (200, 400, 401), (path, body[:120])


@ONE_DATABASE
def test_filters_nobody_can_choose(shop: World) -> None:
    frame = Frame(shop)
    for name in ("words", "line", "action", "status", "period", "first", "last", "before"):
        for value in FILTERS:
            for path in ("/app/messages", "/app/messages.csv"):
                answer = shop.app.post(path, headers=frame.headers, data={"period": "own", name: value})
                assert answer.status_code == 200, (path, name, value[:40])
    for minutes in ("²²", "-999", "9999", "٣", "x"):
        answer = shop.app.get("/app/messages", headers={**frame.headers, "X-Waba24-Minutes": minutes})
        assert answer.status_code == 200, minutes
