"""Every page, with something to show, on both databases: what SQLite computes, PostgreSQL may refuse."""

from __future__ import annotations

import json

import pytest
import redis
from babel import localedata
from redis.client import Pipeline

from messaging.insight.line_checks import CHECKS
from tests.flows.scenes import OLGA, PHONES, jump_clock, open_windows, start_each, template_robot, text_robot
from tests.support.world import World
from tests.web.inside import Frame

PAGES = (
    *(
        "start",
        "start/figures",
        "start/needs",
        "lines",
        "lines/new",
        "lines/1",
        "lines/1/channel",
        "lines/1/hours",
        "lines/1/robots",
        "robots",
        "robots/week",
        "triggers",
        "templates",
    ),
    *(
        "messages",
        "messages/1",
        "messages/2",
        "campaigns",
        "opt-outs",
        "opt-outs/rules",
        "rules",
        "rules/fields",
        "prices",
        "reports",
        "rights",
        "rights/people",
        "webhooks",
        "health",
        "help",
        *(f"lines/1/checks/{name}" for name in CHECKS),
    ),
)
load = localedata.load
STATUSES = ("held", "queued", "accepted", "sent", "delivered", "read", "replied", "failed", "unknown", "timeout", "ok")


def test_every_page_answers(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(localedata, "load", lambda name, *_: read.append(name) or load(name))
    open_windows(shop)
    start_each(
        shop,
        template_robot(PHONES[0]),
        text_robot(OLGA, "Здравствуйте"),
        template_robot(PHONES[1], template="nonsense"),
    )
    jump_clock(shop, 2)
    frame = Frame(shop)
    for path in PAGES:
        frame.page(path)
    told = json.loads(frame.get("/app/robots/week").headers["HX-Trigger"])["waba24:fill"]
    assert told["week-send_template"] == "2, 1 с ошибкой"
    for status in STATUSES:
        asked = {"status": status, "line": "1", "action": "send_template", "words": "9161", "period": "30"}
        assert shop.app.post("/app/messages", headers=frame.headers, data=asked).status_code == 200, status
    assert read == [], "Babel's tables of a language are 5 MB of each web process"


def test_every_page_answers_without_redis(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Frame(shop)

    def is_away(*args: object, **kwargs: object) -> None:
        raise redis.exceptions.ConnectionError

    monkeypatch.setattr(redis.Redis, "execute_command", is_away)
    monkeypatch.setattr(Pipeline, "execute", is_away)
    for path in (path for path in PAGES if "messages/" not in path):
        frame.page(path)
    for path in ("lines/1/pause", "lines/1/unpause", "lines/1/default", "robots/check", "robots/repair"):
        frame.change(path)
