"""Install, events, update, uninstall, reinstall; frames and what they carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bx24.emulator.rules import frames
from tests.bx24_emulator.conftest import APP, PORTAL, ROBOT, PortalDriver, query_of

EVENTS = f"{APP}/events"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "bx24"


def bind_events(driver: PortalDriver, *events: str) -> None:
    for event in events:
        assert driver.result("event.bind", {"event": event, "handler": EVENTS}) is True


def test_the_install_page_is_opened_as_a_browser_would(driver: PortalDriver) -> None:
    answer = driver.install(finish=False)
    sent = driver.inbox.last
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
    assert driver.result("profile", token=sent.form["AUTH_ID"])["ADMIN"] is True


def test_old_hosts_send_less(driver: PortalDriver) -> None:
    driver.control("faults", {"old_frames": True})
    driver.install()
    recorded = {key for key, _ in parse_qsl((FIXTURES / "frame__old_host.form").read_text().strip())}
    assert set(driver.inbox.last.form) == recorded


def test_the_domain_shows_an_unusual_port_and_http() -> None:
    driver = PortalDriver()
    driver.portal.base_url = "http://127.0.0.1:8080"
    driver.install()
    query = query_of(driver.inbox.last.url)
    assert (query["DOMAIN"], query["PROTOCOL"]) == ("127.0.0.1:8080", "0")


def test_placement_options_are_a_php_json_string(driver: PortalDriver) -> None:
    made = frames.new_frame(driver.portal, f"{APP}/x?a=1", options={"ID": "5", "none": {}, "path": "a/b"})
    assert made.url.startswith(f"{APP}/x?a=1&DOMAIN=")
    assert made.form["PLACEMENT_OPTIONS"] == '{"ID": "5", "none": [], "path": "a\\/b"}'
    assert json.loads(made.form["PLACEMENT_OPTIONS"])["none"] == []
    assert made.window_name == f"acme.example|1|{made.app_sid}"


def test_onappinstall_waits_for_the_finish_and_carries_a_pair(driver: PortalDriver) -> None:
    driver.install(finish=False)
    bind_events(driver, "ONAPPINSTALL", "ONCRMDEALUPDATE")
    driver.control("deals/1/move", {"stage": "WON"})
    assert driver.advance_clock() == 0
    assert driver.control("finish", {"user_id": 2}) == {"finished": False, "installed": False}
    assert driver.control("finish", {}) == {"finished": True, "installed": True}
    assert driver.control("finish", {})["finished"] is False
    driver.advance_clock()
    form = driver.inbox.last.form
    assert (form["event"], form["data[INSTALLED]"], form["data[VERSION]"]) == ("ONAPPINSTALL", "Y", "1")
    assert form["auth[application_token]"] == driver.portal.installation.application_token
    status, _ = driver.auth_server(
        "/oauth/token/",
        grant_type="refresh_token",
        refresh_token=form["auth[refresh_token]"],
        client_id="local.test",
        client_secret="secret",
    )
    assert status == 200


def test_ordinary_events_have_no_refresh_token(driver: PortalDriver) -> None:
    driver.install()
    bind_events(driver, "ONCRMDEALUPDATE")
    driver.control("deals/1/move", {"stage": "WON", "user_id": 2})
    driver.advance_clock()
    form = driver.inbox.last.form
    assert (form["data[FIELDS][ID]"], form["auth[user_id]"]) == ("1", "2")
    assert "auth[refresh_token]" not in form


def test_an_api_only_app_hears_from_the_queue(driver: PortalDriver) -> None:
    answer = driver.install(kind="api")
    assert answer == {"status": None, "installed": True}
    driver.advance_clock()
    assert driver.inbox.last.url == f"{APP}/install"
    assert driver.inbox.last.form["event"] == "ONAPPINSTALL"


def test_an_update_takes_robots_away_and_says_so(driver: PortalDriver) -> None:
    driver.install()
    bind_events(driver, "ONAPPUPDATE")
    driver.result("bizproc.robot.add", ROBOT)
    assert driver.control("update", {}) == {"sent": 1, "version": 2}
    assert driver.result("bizproc.robot.list") == []
    driver.advance_clock()
    form = driver.inbox.last.form
    assert (form["data[VERSION]"], form["data[PREVIOUS_VERSION]"]) == ("2", "1")
    assert form["auth[refresh_token]"]


@pytest.mark.parametrize("clean", [0, 1])
def test_an_uninstall_tells_without_tokens_then_forgets_everything(driver: PortalDriver, clean: int) -> None:
    driver.install()
    bind_events(driver, "ONAPPUNINSTALL")
    driver.result("bizproc.robot.add", ROBOT)
    old = driver.token_pair()
    assert driver.control("uninstall", {"clean": clean}) == {"sent": 1}
    driver.advance_clock()
    form = driver.inbox.last.form
    assert form["data[CLEAN]"] == str(clean)
    assert not {"auth[access_token]", "auth[refresh_token]", "auth[user_id]"} & set(form)
    assert form["auth[application_token]"] == old["application_token"]
    assert driver.error("profile", token=old["access_token"]) == (401, "APPLICATION_NOT_FOUND")
    assert driver.control("token", status=409)["error"]
    assert driver.control("robots") == {"robots": []}
    assert driver.control("state")["events"] == []
    refused = driver.auth_server(
        "/oauth/token/",
        grant_type="refresh_token",
        refresh_token=old["refresh_token"],
        client_id="local.test",
        client_secret="secret",
    )
    assert refused[1]["error"] == "invalid_grant"


def test_a_reinstall_has_another_application_token_and_old_tokens_stay_dead(driver: PortalDriver) -> None:
    driver.install()
    old = driver.token_pair()
    driver.control("uninstall", {})
    driver.install()
    assert driver.token_pair()["application_token"] != old["application_token"]
    assert driver.error("profile", token=old["access_token"]) == (401, "APPLICATION_NOT_FOUND")


def test_opening_the_install_page_again_before_the_finish_is_the_same_install(driver: PortalDriver) -> None:
    driver.install(finish=False)
    first = driver.token_pair()["application_token"]
    driver.install(finish=False)
    assert driver.token_pair()["application_token"] == first


def test_an_install_page_that_fails_is_not_finished(driver: PortalDriver) -> None:
    driver.inbox.answers = [500]
    assert driver.install()["installed"] is False
    driver.inbox.answers = [ConnectionError("refused")]
    assert driver.control("install", {"install_url": f"{APP}/i", "app_url": f"{APP}/a"}, status=502)["error"]
    assert driver.control("install", {}, status=400)["error"]


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
def test_what_event_bind_refuses(driver: PortalDriver, params: dict[str, Any], error: tuple[int, str]) -> None:
    assert driver.error("event.bind", params) == error


def test_event_bindings(driver: PortalDriver) -> None:
    bind_events(driver, "OnAppUpdate")
    answer = driver.rest("event.bind", {"EVENT": "ONAPPUPDATE", "HANDLER": EVENTS})
    assert (answer.json["error"], answer.json["error_description"]) == (
        "ERROR_CORE",
        "Unable to set event handler: Handler already binded",
    )
    assert driver.error("event.bind", {"event": "ONCRMDEALADD", "handler": EVENTS, "auth_type": 1}, user=2) == (
        403,
        "ACCESS_DENIED",
    )
    assert driver.result("event.bind", {"event": "ONCRMDEALADD", "handler": EVENTS}, user=2) is True
    offline = {"event": "ONCRMDEALADD", "event_type": "offline"}
    assert driver.error("event.bind", offline, user=2) == (403, "ACCESS_DENIED")
    assert driver.result("event.bind", offline) is True
    assert driver.result("event.get") == [
        {"event": "ONAPPUPDATE", "handler": EVENTS, "auth_type": 0, "offline": 0},
        {"event": "ONCRMDEALADD", "handler": EVENTS, "auth_type": 2, "offline": 0},
        {"event": "ONCRMDEALADD", "handler": "", "auth_type": 0, "offline": 1},
    ]
    assert len(driver.result("event.get", user=2)) == 1
    assert driver.error("event.unbind", {"event": "ONAPPUPDATE"}) == (400, "ERROR_ARGUMENT")
    assert driver.result("event.unbind", {"event": "ONAPPUPDATE", "handler": EVENTS}) == {"count": 1}
    assert driver.result("event.unbind", {"event": "ONAPPUPDATE", "handler": EVENTS}) == {"count": 0}
    assert "ONCRMDYNAMICITEMUPDATE" in driver.result("events")


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
def test_what_placement_bind_refuses(driver: PortalDriver, params: dict[str, Any], error: tuple[int, str]) -> None:
    assert driver.error("placement.bind", params) == error


def test_placements(driver: PortalDriver) -> None:
    tab = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": f"{APP}/tab", "TITLE": "WhatsApp"}
    assert driver.error("placement.bind", tab, user=2) == (403, "ACCESS_DENIED")
    assert driver.result("placement.bind", tab) is True
    assert driver.error("placement.bind", tab) == (400, "ERROR_CORE")
    assert driver.result("placement.bind", {"PLACEMENT": "REST_APP_URI", "HANDLER": f"{APP}/link"}) is True
    second = {"PLACEMENT": "REST_APP_URI", "HANDLER": f"{APP}/link2"}
    assert driver.error("placement.bind", second) == (400, "ERROR_PLACEMENT_MAX_COUNT")
    row = driver.result("placement.get")[0]
    assert (row["placement"], row["title"], row["langAll"], row["options"]) == (
        "CRM_DEAL_DETAIL_TAB",
        "WhatsApp",
        [],
        [],
    )
    assert "CRM_DYNAMIC_183_DETAIL_TAB" in driver.result("placement.list", user=2)
    assert driver.result("placement.unbind", {"PLACEMENT": "CRM_DEAL_DETAIL_TAB"}) == {"count": 2}
    assert driver.result("placement.unbind", second) == {"count": 0}


def test_messenger_placements_want_an_icon(driver: PortalDriver) -> None:
    driver.install(scope=["placement", "im"])
    place = {"PLACEMENT": "IM_TEXTAREA", "HANDLER": f"{APP}/im"}
    answer = driver.rest("placement.bind", place)
    assert (answer.json["error"], answer.json["argument"]) == ("ERROR_ARGUMENT", "iconName")
    assert driver.result("placement.bind", {**place, "OPTIONS": {"iconName": "fa-cube"}}) is True
