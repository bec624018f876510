"""The switching door: the 15 methods of the former product, with its limits and error codes, and a token of ours."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from messaging.api import tokens
from messaging.insight import daily
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, add_template, jump_clock, open_windows, text_robot
from tests.flows.test_tenants import Neighbours
from tests.support.world import World

LINE = "79001112233"
PARAMS = ["Ольга", "512"]
TEMPLATE = {"line_number": LINE, "template_name": "order_ready", "template_language": "ru"}
METHODS = [
    *("messages.send.template", "messages.status.get", "messages.history.list", "messages.stats.get"),
    *("templates.list", "templates.analytics.get"),
    *("campaigns.create", "campaigns.recipients.add", "campaigns.start", "campaigns.cancel"),
    *("campaigns.stats.get", "campaigns.recipients.list", "campaigns.list", "line.status.get", "portal.status.get"),
]


class Program:
    """A program that was written for the former product."""

    def __init__(self, world: World, *scopes: str) -> None:
        self.world = world
        self.made = tokens.add(world.runtime, world.line.portal_id, "former", scopes)

    def call(self, method: str, how: str = "json", token: str | None = None, **params: Any) -> Any:
        """how: json, form or get; composite parameters of the latter two are JSON."""
        self.world.runtime.redis.flushdb()  # the limit goes by Redis's clock, which nobody can move
        return self.at_once(method, how, token, **params)

    def at_once(self, method: str, how: str = "json", token: str | None = None, **params: Any) -> Any:
        headers = {"OLChat-Api-Token": self.made.token if token is None else token}
        path = f"/rest/client/v2/{method}/" if method else "/rest/client/v2/"
        client = self.world.flask.test_client()
        if how == "json":
            return client.post(path, json=params, headers=headers)
        words = {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in params.items()}
        if how == "form":
            return client.post(path, data=words, headers=headers)
        return client.get(f"{path}?{urlencode(words)}", headers=headers)

    def result(self, method: str, how: str = "json", **params: Any) -> Any:
        answer = self.call(method, how, **params)
        assert answer.status_code == 200, answer.text
        return answer.json["result"]

    def error(self, method: str, **params: Any) -> tuple[int, str]:
        answer = self.call(method, **params)
        assert answer.json.keys() == {"error", "error_description"}, answer.text
        return answer.status_code, answer.json["error"]


@pytest.fixture
def program(shop: World) -> Program:
    shop.robot_runs(
        "robot.send_template", template="order_ready", params=PARAMS, phone=PHONES[7]
    )  # lists the templates
    return Program(shop)


def days(world: World) -> dict[str, str]:
    return {"date_from": (world.now - timedelta(days=1)).date().isoformat(), "date_to": world.now.date().isoformat()}


def draft(program: Program, *recipients: Any, **more: Any) -> str:
    made = program.result("campaigns.create", **TEMPLATE, template_params=PARAMS, name="Осень", **more)
    if recipients:
        program.result("campaigns.recipients.add", campaign_id=made["campaign_id"], recipients=list(recipients))
    return str(made["campaign_id"])


# --- who may come in -------------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_an_empty_method_lists_all_and_the_limits(program: Program) -> None:
    listed = program.result("", how="get")
    assert [one["name"] for one in listed["methods"]] == sorted(METHODS)
    assert (listed["limits"]["requests"], listed["limits"]["per_seconds"]) == (5, 3)
    assert (listed["limits"]["page_size"], listed["limits"]["page_size_max"]) == (100, 500)


@ONE_DATABASE
@pytest.mark.parametrize("method", ["", *METHODS, "messages.delete"])
def test_without_a_token_nothing_is_told(program: Program, method: str) -> None:
    for token in ("", "waba24_wrong", program.made.token[:-1]):
        answer = program.call(method, token=token)
        assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
    bearer = {"Authorization": f"Bearer {program.made.token}"}
    assert program.world.flask.test_client().get(f"/rest/client/v2/{method}", headers=bearer).status_code in (401, 308)


@ONE_DATABASE
def test_a_token_in_the_address_is_no_token(program: Program) -> None:
    assert (
        program.call("line.status.get", "get", token="", **{"OLChat-Api-Token": program.made.token}).status_code == 401
    )


@ONE_DATABASE
def test_a_revoked_token_opens_nothing_at_once(program: Program) -> None:
    tokens.revoke(program.world.runtime, program.made.id)
    assert program.error("portal.status.get") == (401, "unauthorized")


@ONE_DATABASE
def test_an_unknown_method_is_told_so(program: Program) -> None:
    assert program.error("messages.delete") == (404, "unknown_method")
    assert program.call("portal.status.get", "get").status_code == 200


@ONE_DATABASE
def test_a_token_may_do_what_its_scopes_say(shop: World) -> None:
    program = Program(shop, "lines:read")
    assert program.error("messages.send.template", **TEMPLATE) == (403, "forbidden")
    assert program.result("line.status.get", line_number=LINE)["active"] is True


@ONE_DATABASE
def test_five_calls_of_a_method_in_three_seconds(program: Program) -> None:
    program.world.runtime.redis.flushdb()
    answers = [program.at_once("portal.status.get") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json["error"] == "rate_limit_exceeded"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert program.at_once("line.status.get", line_number=LINE).status_code == 200, "each method by itself"


# --- refusals, method by method --------------------------------------------------------------------------------------------

PERIOD = {"date_from": "2026-01-01", "date_to": "2026-01-31"}
REFUSALS: list[tuple[str, dict[str, Any], int, str]] = [
    ("messages.send.template", {}, 400, "line_number_required"),
    ("messages.send.template", {**TEMPLATE, "line_number": "70000000000", "phone": OLGA}, 404, "line_not_found"),
    ("messages.send.template", TEMPLATE, 400, "phone_required"),
    ("messages.send.template", {"line_number": LINE, "phone": OLGA}, 400, "template_name_required"),
    ("messages.send.template", {**TEMPLATE, "phone": "12", "template_params": PARAMS}, 400, "invalid_phone"),
    ("messages.send.template", {**TEMPLATE, "template_name": "no", "phone": OLGA}, 404, "template_not_found"),
    ("messages.send.template", {**TEMPLATE, "template_language": "fr", "phone": OLGA}, 404, "template_not_found"),
    ("messages.send.template", {**TEMPLATE, "phone": OLGA, "template_params": ["1"]}, 400, "template_params_mismatch"),
    ("messages.send.template", {**TEMPLATE, "phone": OLGA, "template_params": "{"}, 400, "invalid_params"),
    ("messages.send.template", {**TEMPLATE, "phone": OLGA, "template_params": [[]]}, 400, "invalid_params"),
    ("messages.status.get", {"line_number": LINE}, 400, "message_ids_or_phone_required"),
    ("messages.status.get", {"line_number": LINE, "message_ids": ["x"] * 501}, 400, "too_many_message_ids"),
    ("messages.status.get", {"line_number": LINE, "phone": OLGA}, 400, "period_required"),
    ("messages.history.list", {"line_number": LINE}, 400, "period_required"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "date_to": "x"}, 400, "invalid_datetime"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "date_to": "2025-01-01"}, 400, "invalid_period"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "date_to": "2026-12-01"}, 400, "period_too_long"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "direction": "up"}, 400, "invalid_direction"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "page_size": 501}, 400, "invalid_pagination"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "page": 0}, 400, "invalid_pagination"),
    ("messages.history.list", {"line_number": LINE, **PERIOD, "page": 10_000}, 400, "invalid_pagination"),
    ("messages.stats.get", {"line_number": LINE, **PERIOD, "group_by": "hour"}, 400, "invalid_group_by"),
    ("templates.list", {}, 400, "line_number_required"),
    ("templates.analytics.get", {"line_number": LINE}, 400, "period_required"),
    ("campaigns.create", {"line_number": LINE}, 400, "template_name_required"),
    ("campaigns.create", {**TEMPLATE, "reply_window_hours": 721}, 400, "invalid_reply_window"),
    ("campaigns.create", {**TEMPLATE, "template_params": ["1"]}, 400, "template_params_mismatch"),
    ("campaigns.recipients.add", {"campaign_id": "no", "recipients": [OLGA]}, 404, "campaign_not_found"),
    ("campaigns.start", {"campaign_id": "no"}, 404, "campaign_not_found"),
    ("campaigns.start", {}, 404, "campaign_not_found"),
    ("campaigns.cancel", {"campaign_id": "no"}, 404, "campaign_not_found"),
    ("campaigns.stats.get", {"campaign_id": "no"}, 404, "campaign_not_found"),
    ("campaigns.recipients.list", {"campaign_id": "no"}, 404, "campaign_not_found"),
    ("campaigns.list", {"page_size": "many"}, 400, "invalid_pagination"),
    ("line.status.get", {"line_number": "1"}, 404, "line_not_found"),
]


@ONE_DATABASE
def test_every_refusal_has_its_code(program: Program) -> None:
    found = [(name, params, *program.error(name, **params)) for name, params, *_ in REFUSALS]
    assert found == REFUSALS
    assert len(program.world.sent) == 1, "the fixture's own"


@ONE_DATABASE
def test_another_portals_objects_are_missing_ones(shop: World, program: Program) -> None:
    beta = Neighbours(shop)
    theirs = Program(shop)
    theirs.made = tokens.add(shop.runtime, beta.line.portal_id, "beta")
    key = draft(program, OLGA)
    [message] = program.result("messages.history.list", line_number=LINE, **days(shop))["messages"]
    assert theirs.error("line.status.get", line_number=LINE) == (404, "line_not_found")
    assert theirs.error("campaigns.stats.get", campaign_id=key) == (404, "campaign_not_found")
    assert theirs.error("campaigns.start", campaign_id=key) == (404, "campaign_not_found")
    asked = {"line_number": beta.line.phone, "message_ids": [message["message_id"]]}
    assert theirs.result("messages.status.get", **asked) == {"messages": []}
    assert theirs.result("campaigns.list")["campaigns"] == []


@ONE_DATABASE
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"line_number": {}}', b"null", b"[" * 5000])
def test_a_broken_body_is_no_fault_of_ours(program: Program, body: bytes) -> None:
    headers = {"OLChat-Api-Token": program.made.token}
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        program.world.runtime.redis.flushdb()
        path = "/rest/client/v2/line.status.get/"
        answer = program.world.flask.test_client().post(path, data=body, headers=headers, content_type=kind)
        assert answer.status_code == 400, answer.text
        assert answer.json["error"] in ("invalid_params", "line_number_required")


@ONE_DATABASE
def test_a_body_over_its_limit(program: Program) -> None:
    assert program.call("line.status.get", line_number="1" * 300_000).status_code == 413


# --- what they do ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["json", "form", "get"])
def test_a_template_is_sent_and_its_status_read(program: Program, how: str) -> None:
    world = program.world
    sent = program.result("messages.send.template", how, **TEMPLATE, phone=f"+{OLGA}", template_params=PARAMS)
    assert {name: sent[name] for name in ("phone", "template", "params", "status")} == {
        **{"phone": OLGA, "template": "order_ready", "params": PARAMS, "status": "queued"}
    }
    jump_clock(world, 3)
    assert world.sent[-1].template["params"] == PARAMS
    asked = {"line_number": LINE, "message_ids": [sent["message_id"], "unknown"], "include_text": 1}
    [block] = program.result("messages.status.get", how, **asked)["messages"]
    assert (block["message_id"], block["template"], block["params"]) == (sent["message_id"], "order_ready", PARAMS)
    assert (block["status"]["sent"], block["status"]["delivered"], block["status"]["read"]) == (True, True, False)
    assert "Ольга" in block["text"]
    of_client = program.result("messages.status.get", how, line_number=LINE, phone=OLGA, **days(world))["messages"]
    assert [one["message_id"] for one in of_client] == [sent["message_id"]]
    assert "text" not in of_client[0]


def test_a_client_who_has_opted_out_is_refused(program: Program) -> None:
    world = program.world
    add_template(world, "sale", "MARKETING")
    jump_clock(world, 31 * 60)  # our copy of the list is old by then
    asked = {"line_number": LINE, "template_name": "sale", "phone": OLGA}
    before = len(world.sent)
    program.result("messages.send.template", **asked)
    jump_clock(world, 2)
    assert len(world.sent) == before + 1
    world.client_replies(OLGA, "стоп")
    jump_clock(world, 2)
    answer = program.call("messages.send.template", **asked)
    assert (answer.status_code, answer.json["error"]) == (502, "send_failed")
    jump_clock(world, 2)
    assert len(world.sent) == before + 1


def test_the_history_is_what_was_written_in_both_directions(program: Program) -> None:
    world = program.world
    open_windows(world, OLGA)
    for number in range(3):
        world.robots_start(text_robot(words=f"Робот {number}"))
        jump_clock(world, 2)
    jump_clock(world, 2)
    world.client_replies(OLGA, "Спасибо")
    jump_clock(world, 2)
    asked = {"line_number": LINE, **days(world)}
    both = program.result("messages.history.list", **asked, include_text=True)
    assert both["total"] == 6
    shown = [(one["direction"], one["text"]) for one in both["messages"][:5]]
    assert shown == [
        *(("in", "Спасибо"), ("out", "Робот 2"), ("out", "Робот 1"), ("out", "Робот 0"), ("in", "Здравствуйте"))
    ]
    pages = [program.result("messages.history.list", **asked, page=page, page_size=2) for page in (1, 2, 3, 4)]
    assert [one["message_id"] for page in pages for one in page["messages"]] == [
        one["message_id"] for one in both["messages"]
    ]
    outgoing = program.result("messages.history.list", **asked, direction="out")
    assert (outgoing["total"], len(outgoing["messages"])) == (4, 4)
    assert program.result("messages.history.list", **asked, direction="in")["total"] == 2
    assert program.result("messages.history.list", **asked, template_name="order_ready")["total"] == 1
    assert program.result("messages.history.list", **asked, phone=OLGA, direction="out")["total"] == 3
    assert program.result("messages.history.list", **asked, errors_only=1)["total"] == 0
    assert program.result("messages.history.list", **asked, delivered=1)["total"] == 4


def test_figures_by_day_template_and_in_all(program: Program) -> None:
    world = program.world
    jump_clock(world, 5)
    for _ in daily.count(world.runtime, world.now.date()):
        pass
    asked = {"line_number": LINE, **days(world)}
    figures = {"total": 1, "sent": 1, "delivered": 1, "read": 0, "errors": 0}
    total = program.result("messages.stats.get", **asked)
    assert total == {"group_by": "total", "campaign_sent": 0, "replied": 0, **figures}
    by_day = program.result("messages.stats.get", **asked, group_by="day")
    assert by_day["items"] == [{"day": world.now.date().isoformat(), **figures}]
    yesterday = {"date_from": "2026-11-01", "date_to": (world.now - timedelta(days=1)).date().isoformat()}
    assert program.result("messages.stats.get", line_number=LINE, **yesterday)["total"] == 0
    by_template = program.result("messages.stats.get", **asked, group_by="template")
    assert by_template["items"] == [{"template": "order_ready", **figures}]
    analytics = program.result("templates.analytics.get", **asked)
    assert analytics["has_provider_data"] is False
    assert analytics["templates"] == [{"template_name": "order_ready", "own": figures, "provider": None}]


def test_the_templates_of_a_line(program: Program) -> None:
    listed = program.result("templates.list", line_number=LINE)
    assert [(one["name"], one["language"], one["params_count"]) for one in listed["templates"]] == [
        *(("order_ready", "ru", 2), ("welcome", "en_US", 0), ("welcome", "ru", 0))
    ]
    assert {one["status"] for one in listed["templates"]} == {"APPROVED"}


def test_a_campaign_from_its_draft_to_its_end(program: Program) -> None:
    world = program.world
    key = draft(program)
    batch: list[Any] = [
        *(PHONES[0], f"+{PHONES[0]}", "нет", {"phone": PHONES[1], "external_id": "c-7", "params": ["Анна", "9"]}),
        *({"phone": PHONES[2], "params": ["одна"]}, {"params": []}),
    ]
    added = program.result("campaigns.recipients.add", campaign_id=key, recipients=batch)
    assert added["accepted"] == 2
    assert [(one["index"], one["reason"]) for one in added["rejected"]] == [
        *((1, "duplicate"), (2, "invalid_phone"), (4, "invalid_params"), (5, "invalid_phone"))
    ]
    again = program.result("campaigns.recipients.add", campaign_id=key, recipients=batch)
    assert (again["accepted"], len(again["rejected"])) == (0, 6), "repeat-safe"
    assert program.result("campaigns.stats.get", campaign_id=key)["status"] == "draft"
    started = program.result("campaigns.start", campaign_id=key)
    assert started["status"] == "running"
    assert program.error("campaigns.start", campaign_id=key) == (409, "campaign_already_started")
    assert program.error("campaigns.recipients.add", campaign_id=key, recipients=[OLGA]) == (409, "campaign_not_draft")
    world.advance_clock(30)
    params = {message.destination: message.template["params"] for message in world.sent[1:]}
    assert params == {PHONES[0]: PARAMS, PHONES[1]: ["Анна", "9"]}
    stats = program.result("campaigns.stats.get", campaign_id=key)
    counted = {name: stats[name] for name in ("total", "pending", "sent", "delivered", "errors", "skipped", "unknown")}
    assert counted == {**dict.fromkeys(counted, 0), "total": 2, "sent": 2, "delivered": 2}
    assert stats["status"] == "completed"
    rows = program.result("campaigns.recipients.list", campaign_id=key)
    assert rows["total"] == 2
    assert [(one["phone"], one["external_id"], one["params"], one["status"]) for one in rows["recipients"]] == [
        *((PHONES[0], None, [], "success"), (PHONES[1], "c-7", ["Анна", "9"], "success"))
    ]
    assert program.error("campaigns.cancel", campaign_id=key) == (409, "campaign_not_running")
    listed = program.result("campaigns.list", status="completed")["campaigns"]
    assert [(one["campaign_id"], one["name"], one["line_number"]) for one in listed] == [(key, "Осень", LINE)]


def test_a_cancelled_campaign_sends_nothing_more(program: Program) -> None:
    key = draft(program, *PHONES[:3])
    program.result("campaigns.start", campaign_id=key)
    cancelled = program.result("campaigns.cancel", campaign_id=key, reason="ошибка в тексте")
    assert cancelled == {"campaign_id": key, "skipped": 3, "in_flight": 0}
    program.world.advance_clock(30)
    assert len(program.world.sent) == 1, "the fixture's own"
    stats = program.result("campaigns.stats.get", campaign_id=key)
    assert (stats["status"], stats["skipped"]) == ("cancelled", 3)
    assert program.error("campaigns.start", campaign_id=key) == (409, "campaign_already_started")


@ONE_DATABASE
def test_limits_of_campaigns(program: Program) -> None:
    key = draft(program)
    assert program.error("campaigns.start", campaign_id=key) == (400, "no_recipients")
    assert program.error("campaigns.cancel", campaign_id=key) == (409, "campaign_not_running")
    assert program.error("campaigns.recipients.add", campaign_id=key) == (400, "recipients_required")
    many = [f"7916{number:07}" for number in range(1001)]
    asked = {"campaign_id": key, "recipients": many}
    assert program.error("campaigns.recipients.add", **asked) == (400, "batch_too_large")
    bare = program.result("campaigns.create", **TEMPLATE)["campaign_id"]
    asked = {"campaign_id": bare, "recipients": [OLGA, {"phone": PHONES[0], "params": PARAMS}]}
    assert [one["reason"] for one in program.result("campaigns.recipients.add", **asked)["rejected"]] == [
        "invalid_params"
    ]


@ONE_DATABASE
def test_the_line_and_the_portal(program: Program) -> None:
    line = program.result("line.status.get", line_number=f"+{LINE}")
    assert (line["phone"], line["connected"], line["active"], line["demo"]) == (LINE, True, True, False)
    portal = program.result("portal.status.get", "get")
    assert (portal["active"], portal["lines"]) == (True, [line])
