"""Install, events, update, uninstall, reinstall; frames and what they carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bx24.emulator.rules import frames
from tests.bx24_emulator.conftest import APP, PORTAL, ROBOT, Bench, query_of

EVENTS = f"{APP}/events"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "bx24"


def bind(bench: Bench, *events: str) -> None:
    for event in events:
        assert bench.ok("event.bind", {"event": event, "handler": EVENTS}) is True


def test_the_install_page_is_opened_as_a_browser_would(bench: Bench) -> None:
    answer = bench.install(finish=False)
    sent = bench.inbox.last
    query = query_of(sent.url)
    assert sent.url.startswith(f"{APP}/install?")
    assert query == {"DOMAIN": "acme.example", "PROTOCOL": "1", "LANG": "ru", "APP_SID": answer["app_sid"]}
    assert set(sent.form) == {
        "AUTH_ID",
        "AUTH_EXPIRES",
        "REFRESH_ID",
        "member_id",
        "status",
        "PLACEMENT",
        "SERVER_ENDPOINT",
        "APPLICATION_TOKEN",
        "APPLICATION_SCOPE",
    }
    assert sent.headers["Origin"] == PORTAL
    assert (answer["status"], answer["installed"]) == (200, False)
    assert bench.ok("profile", token=sent.form["AUTH_ID"])["ADMIN"] is True


def test_old_hosts_send_less(bench: Bench) -> None:
    bench.control("faults", {"old_frames": True})
    bench.install()
    recorded = {key for key, _ in parse_qsl((FIXTURES / "frame__old_host.form").read_text().strip())}
    assert set(bench.inbox.last.form) == recorded


def test_the_domain_shows_an_unusual_port_and_http() -> None:
    bench = Bench()
    bench.portal.base_url = "http://127.0.0.1:8080"
    bench.install()
    query = query_of(bench.inbox.last.url)
    assert (query["DOMAIN"], query["PROTOCOL"]) == ("127.0.0.1:8080", "0")


def test_placement_options_are_a_php_json_string(bench: Bench) -> None:
    made = frames.new_frame(bench.portal, f"{APP}/x?a=1", options={"ID": "5", "none": {}, "path": "a/b"})
    assert made.url.startswith(f"{APP}/x?a=1&DOMAIN=")
    assert made.form["PLACEMENT_OPTIONS"] == '{"ID": "5", "none": [], "path": "a\\/b"}'
    assert json.loads(made.form["PLACEMENT_OPTIONS"])["none"] == []
    assert made.window_name == f"acme.example|1|{made.app_sid}"


def test_onappinstall_waits_for_the_finish_and_carries_a_pair(bench: Bench) -> None:
    bench.install(finish=False)
    bind(bench, "ONAPPINSTALL", "ONCRMDEALUPDATE")
    bench.control("deals/1/move", {"stage": "WON"})
    assert bench.pass_time() == 0
    assert bench.control("finish", {"user_id": 2}) == {"finished": False, "installed": False}
    assert bench.control("finish", {}) == {"finished": True, "installed": True}
    assert bench.control("finish", {})["finished"] is False
    bench.pass_time()
    form = bench.inbox.last.form
    assert (form["event"], form["data[INSTALLED]"], form["data[VERSION]"]) == ("ONAPPINSTALL", "Y", "1")
    assert form["auth[application_token]"] == bench.portal.installation.application_token
    status, _ = bench.auth(
        "/oauth/token/",
        grant_type="refresh_token",
        refresh_token=form["auth[refresh_token]"],
        client_id="local.test",
        client_secret="secret",
    )
    assert status == 200


def test_ordinary_events_have_no_refresh_token(bench: Bench) -> None:
    bench.install()
    bind(bench, "ONCRMDEALUPDATE")
    bench.control("deals/1/move", {"stage": "WON", "user_id": 2})
    bench.pass_time()
    form = bench.inbox.last.form
    assert (form["data[FIELDS][ID]"], form["auth[user_id]"]) == ("1", "2")
    assert "auth[refresh_token]" not in form


def test_an_api_only_app_hears_from_the_queue(bench: Bench) -> None:
    answer = bench.install(kind="api")
    assert answer == {"status": None, "installed": True}
    bench.pass_time()
    assert bench.inbox.last.url == f"{APP}/install"
    assert bench.inbox.last.form["event"] == "ONAPPINSTALL"


def test_an_update_takes_robots_away_and_says_so(bench: Bench) -> None:
    bench.install()
    bind(bench, "ONAPPUPDATE")
    bench.ok("bizproc.robot.add", ROBOT)
    assert bench.control("update", {}) == {"sent": 1, "version": 2}
    assert bench.ok("bizproc.robot.list") == []
    bench.pass_time()
    form = bench.inbox.last.form
    assert (form["data[VERSION]"], form["data[PREVIOUS_VERSION]"]) == ("2", "1")
    assert form["auth[refresh_token]"]


@pytest.mark.parametrize("clean", [0, 1])
def test_an_uninstall_tells_without_tokens_then_forgets_everything(bench: Bench, clean: int) -> None:
    bench.install()
    bind(bench, "ONAPPUNINSTALL")
    bench.ok("bizproc.robot.add", ROBOT)
    old = bench.grant()
    assert bench.control("uninstall", {"clean": clean}) == {"sent": 1}
    bench.pass_time()
    form = bench.inbox.last.form
    assert form["data[CLEAN]"] == str(clean)
    assert not {"auth[access_token]", "auth[refresh_token]", "auth[user_id]"} & set(form)
    assert form["auth[application_token]"] == old["application_token"]
    assert bench.error("profile", token=old["access_token"]) == (401, "APPLICATION_NOT_FOUND")
    assert bench.control("token", status=409)["error"]
    assert bench.control("robots") == {"robots": []}
    assert bench.control("state")["events"] == []
    refused = bench.auth(
        "/oauth/token/",
        grant_type="refresh_token",
        refresh_token=old["refresh_token"],
        client_id="local.test",
        client_secret="secret",
    )
    assert refused[1]["error"] == "invalid_grant"


def test_a_reinstall_has_another_application_token_and_old_tokens_stay_dead(bench: Bench) -> None:
    bench.install()
    old = bench.grant()
    bench.control("uninstall", {})
    bench.install()
    assert bench.grant()["application_token"] != old["application_token"]
    assert bench.error("profile", token=old["access_token"]) == (401, "APPLICATION_NOT_FOUND")


def test_opening_the_install_page_again_before_the_finish_is_the_same_install(bench: Bench) -> None:
    bench.install(finish=False)
    first = bench.grant()["application_token"]
    bench.install(finish=False)
    assert bench.grant()["application_token"] == first


def test_an_install_page_that_fails_is_not_finished(bench: Bench) -> None:
    bench.inbox.answers = [500]
    assert bench.install()["installed"] is False
    bench.inbox.answers = [ConnectionError("refused")]
    assert bench.control("install", {"install_url": f"{APP}/i", "app_url": f"{APP}/a"}, status=502)["error"]
    assert bench.control("install", {}, status=400)["error"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, (400, "ERROR_ARGUMENT")),
        ({"event": "ONAPPINSTALL"}, (400, "ERROR_ARGUMENT")),
        ({"event": "ONNOTHING", "handler": EVENTS}, (400, "ERROR_EVENT_NOT_FOUND")),
        ({"event": "ONAPPINSTALL", "handler": "https://nodot/x"}, (400, "ERROR_WRONG_HANDLER_URL")),
        ({"event": "ONAPPINSTALL", "handler": "ws://a.b/x"}, (400, "ERROR_UNSUPPORTED_PROTOCOL")),
    ],
)
def test_what_event_bind_refuses(bench: Bench, params: dict[str, Any], error: tuple[int, str]) -> None:
    assert bench.error("event.bind", params) == error


def test_event_bindings(bench: Bench) -> None:
    bind(bench, "OnAppUpdate")
    answer = bench.rest("event.bind", {"EVENT": "ONAPPUPDATE", "HANDLER": EVENTS})
    assert (answer.json["error"], answer.json["error_description"]) == (
        "ERROR_CORE",
        "Unable to set event handler: Handler already binded",
    )
    assert bench.error("event.bind", {"event": "ONCRMDEALADD", "handler": EVENTS, "auth_type": 1}, user=2) == (
        403,
        "ACCESS_DENIED",
    )
    assert bench.ok("event.bind", {"event": "ONCRMDEALADD", "handler": EVENTS}, user=2) is True
    offline = {"event": "ONCRMDEALADD", "event_type": "offline"}
    assert bench.error("event.bind", offline, user=2) == (403, "ACCESS_DENIED")
    assert bench.ok("event.bind", offline) is True
    assert bench.ok("event.get") == [
        {"event": "ONAPPUPDATE", "handler": EVENTS, "auth_type": 0, "offline": 0},
        {"event": "ONCRMDEALADD", "handler": EVENTS, "auth_type": 2, "offline": 0},
        {"event": "ONCRMDEALADD", "handler": "", "auth_type": 0, "offline": 1},
    ]
    assert len(bench.ok("event.get", user=2)) == 1
    assert bench.error("event.unbind", {"event": "ONAPPUPDATE"}) == (400, "ERROR_ARGUMENT")
    assert bench.ok("event.unbind", {"event": "ONAPPUPDATE", "handler": EVENTS}) == {"count": 1}
    assert bench.ok("event.unbind", {"event": "ONAPPUPDATE", "handler": EVENTS}) == {"count": 0}
    assert "ONCRMDYNAMICITEMUPDATE" in bench.ok("events")


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, (400, "ERROR_ARGUMENT")),
        ({"PLACEMENT": "CRM_DEAL_DETAIL_TAB"}, (400, "ERROR_ARGUMENT")),
        ({"PLACEMENT": "NOWHERE", "HANDLER": EVENTS}, (400, "ERROR_PLACEMENT_NOT_FOUND")),
        ({"PLACEMENT": "CONTACT_CENTER", "HANDLER": EVENTS}, (400, "ERROR_PLACEMENT_NOT_FOUND")),
        ({"PLACEMENT": "BIZPROC_ACTIVITY_PROPERTIES_DIALOG", "HANDLER": EVENTS}, (400, "ERROR_PLACEMENT_NOT_FOUND")),
        ({"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": "https://x"}, (400, "ERROR_WRONG_HANDLER_URL")),
        ({"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": EVENTS, "USER_ID": 1}, (400, "ERROR_PLACEMENT_USER_MODE")),
    ],
)
def test_what_placement_bind_refuses(bench: Bench, params: dict[str, Any], error: tuple[int, str]) -> None:
    assert bench.error("placement.bind", params) == error


def test_placements(bench: Bench) -> None:
    tab = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": f"{APP}/tab", "TITLE": "WhatsApp"}
    assert bench.error("placement.bind", tab, user=2) == (403, "ACCESS_DENIED")
    assert bench.ok("placement.bind", tab) is True
    assert bench.error("placement.bind", tab) == (400, "ERROR_CORE")
    assert bench.ok("placement.bind", {"PLACEMENT": "REST_APP_URI", "HANDLER": f"{APP}/link"}) is True
    second = {"PLACEMENT": "REST_APP_URI", "HANDLER": f"{APP}/link2"}
    assert bench.error("placement.bind", second) == (400, "ERROR_PLACEMENT_MAX_COUNT")
    row = bench.ok("placement.get")[0]
    assert (row["placement"], row["title"], row["langAll"], row["options"]) == (
        "CRM_DEAL_DETAIL_TAB",
        "WhatsApp",
        [],
        [],
    )
    assert "CRM_DYNAMIC_183_DETAIL_TAB" in bench.ok("placement.list", user=2)
    assert bench.ok("placement.unbind", {"PLACEMENT": "CRM_DEAL_DETAIL_TAB"}) == {"count": 2}
    assert bench.ok("placement.unbind", second) == {"count": 0}


def test_messenger_placements_want_an_icon(bench: Bench) -> None:
    bench.install(scope=["placement", "im"])
    place = {"PLACEMENT": "IM_TEXTAREA", "HANDLER": f"{APP}/im"}
    answer = bench.rest("placement.bind", place)
    assert (answer.json["error"], answer.json["argument"]) == ("ERROR_ARGUMENT", "iconName")
    assert bench.ok("placement.bind", {**place, "OPTIONS": {"iconName": "fa-cube"}}) is True
