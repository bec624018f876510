"""The envelope of REST: where the token may stand, what each trouble looks like, limits."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.rest.base import METHODS
from tests.bx24_emulator.conftest import PORTAL, ROBOT, PortalDriver


@pytest.mark.parametrize("suffix", ["", ".json", "/"])
def test_the_token_may_stand_in_the_body_the_query_or_a_header(driver: PortalDriver, suffix: str) -> None:
    token = driver.access_token()
    path = f"/rest/Server.Time{suffix}"
    requests: list[dict[str, Any]] = [
        {"json": {"auth": token}},
        {"data": {"auth": token}},
        {"query_string": {"auth": token}},
        {"headers": {"Authorization": f"Bearer {token}"}},
    ]
    for request in requests:
        assert driver.http("POST", path, **request).status_code == 200
    assert driver.http("GET", path, query_string={"auth": token}).json["result"] == "2026-09-21T17:13:20+03:00"


def test_a_broken_json_body_has_no_token(driver: PortalDriver) -> None:
    answer = driver.http("POST", "/rest/profile", data=b"{", content_type="application/json")
    assert (answer.status_code, answer.json["error"]) == (401, "NO_AUTH_FOUND")


def test_the_time_block_counts_operating(driver: PortalDriver) -> None:
    time = driver.rest("profile").json["time"]
    assert {"start", "finish", "duration", "processing", "date_start", "date_finish"} < set(time)
    assert (time["operating"], time["operating_reset_at"]) == (0, int(driver.now) + 600)
    driver.portal.operating.add("profile", 0.25)
    driver.portal.operating.add("profile", 0.05)
    assert driver.rest("profile").json["time"]["operating"] == 0.25
    driver.now += 601
    assert driver.rest("profile").json["time"]["operating"] == 0


@pytest.mark.parametrize(
    ("token", "status", "error"),
    [("", 401, "NO_AUTH_FOUND"), ("unheard-of", 401, "invalid_token")],
)
def test_tokens_that_never_were(driver: PortalDriver, token: str, status: int, error: str) -> None:
    assert driver.error("profile", token=token) == (status, error)


def test_an_access_token_lives_an_hour(driver: PortalDriver) -> None:
    token = driver.access_token()
    driver.now += 3599
    assert driver.rest("profile", token=token).status_code == 200
    driver.now += 1
    assert driver.error("profile", token=token) == (401, "expired_token")


def test_a_token_of_another_portal_is_unknown_here(driver: PortalDriver) -> None:
    other = driver.emulator.add_portal("https://other.example")
    token = driver.http("GET", "/emulator/token", portal=other).json["access_token"]
    assert driver.error("profile", token=token) == (401, "invalid_token")


def test_expire_tokens_spares_the_refresh_token_and_later_pairs(driver: PortalDriver) -> None:
    old = driver.token_pair()
    driver.control("faults", {"expire_tokens": True})
    assert driver.error("profile", token=old["access_token"]) == (401, "expired_token")
    assert driver.result("profile")["ID"] == "1"


def test_a_dismissed_user(driver: PortalDriver) -> None:
    token = driver.access_token(3)
    driver.control("faults", {"dismissed": [3]})
    assert driver.error("profile", token=token) == (401, "authorization_error")
    assert driver.http("GET", "/emulator/token?user_id=3").status_code == 404


def test_a_missing_scope(driver: PortalDriver) -> None:
    driver.install(scope=["bizproc"])
    assert driver.error("crm.deal.get", {"id": 1}) == (401, "insufficient_scope")
    assert driver.result("bizproc.robot.list") == []


def test_an_unknown_method_is_missed_before_the_token(driver: PortalDriver) -> None:
    assert driver.error("crm.nothing.get", token="") == (404, "ERROR_METHOD_NOT_FOUND")


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ({"connection_error": 1}, 401, "CONNECTION_ERROR"),
        ({"query_limit": 1}, 503, "QUERY_LIMIT_EXCEEDED"),
        ({"internal_error": 1}, 500, "INTERNAL_SERVER_ERROR"),
        ({"deleted": True}, 403, "PORTAL_DELETED"),
    ],
)
def test_troubles(driver: PortalDriver, fault: dict[str, Any], status: int, error: str) -> None:
    driver.control("faults", fault)
    assert driver.error("profile") == (status, error)
    driver.control("faults", {"reset": True})
    assert driver.rest("profile").status_code == 200
    assert driver.control("calls")["errors"] == {error: 1}


def test_html_instead_of_json(driver: PortalDriver) -> None:
    driver.control("faults", {"html_502": 2})
    for _ in range(2):
        answer = driver.rest("profile")
        assert (answer.status_code, answer.mimetype) == (502, "text/html")
    assert driver.rest("profile").status_code == 200


def test_a_method_over_its_time_budget(driver: PortalDriver) -> None:
    driver.control("faults", {"time_limit": {"profile": driver.now + 60}})
    assert driver.error("profile") == (429, "OPERATION_TIME_LIMIT")
    assert driver.rest("user.admin").status_code == 200
    driver.now += 60
    assert driver.rest("profile").status_code == 200


def test_the_bucket_holds_50_and_leaks_2_a_second(driver: PortalDriver) -> None:
    token = driver.access_token()
    assert {driver.rest("profile", token=token).status_code for _ in range(50)} == {200}
    assert driver.error("profile", token=token) == (503, "QUERY_LIMIT_EXCEEDED")
    driver.now += 1
    assert [driver.rest("profile", token=token).status_code for _ in range(3)] == [200, 200, 503]
    driver.control("faults", {"limiter": False})
    assert driver.rest("profile", token=token).status_code == 200


def test_a_dropped_connection_before_and_after_the_work(driver: PortalDriver) -> None:
    token = driver.access_token()
    options = {"OPTIONS": {"mark": "set"}}
    driver.control("faults", {"drop_before": 1})
    with pytest.raises(ConnectionAbortedError):
        driver.rest("app.option.set", options, token=token)
    assert driver.result("app.option.get") == []
    driver.control("faults", {"drop_after": 1})
    with pytest.raises(ConnectionAbortedError):
        driver.rest("app.option.set", options, token=token)
    assert driver.result("app.option.get") == {"mark": "set"}


def test_a_renamed_portal_redirects_its_old_address(driver: PortalDriver) -> None:
    token = driver.access_token()
    assert driver.control("rename", {"url": "https://new.example"}) == {"portal": "https://new.example"}
    answer = driver.http("POST", "/rest/profile.json", base_url=PORTAL, json={"auth": token})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://new.example/rest/profile.json"
    assert not answer.data
    assert driver.result("profile", token=token)["ID"] == "1"
    assert driver.auth_server("/rest/app.info", auth=token)[1]["result"]["install"]["domain"] == "new.example"


def test_calls_are_counted(driver: PortalDriver) -> None:
    driver.result("batch", {"cmd": {"a": "profile", "b": "profile"}})
    driver.error("crm.nothing", token="")
    calls = driver.control("calls?reset=1")
    assert calls["http"] == 2
    assert calls["methods"] == {"batch": 1, "crm.nothing": 1}
    assert calls["inner"] == {"profile": 2}
    assert calls["errors"] == {"ERROR_METHOD_NOT_FOUND": 1}
    assert driver.control("calls")["http"] == 0


def test_browsers_may_call_from_the_apps_page(driver: PortalDriver) -> None:
    assert driver.http("OPTIONS", "/rest/profile").headers["Access-Control-Allow-Origin"] == "*"


def test_the_apps_own_view(driver: PortalDriver) -> None:
    info = driver.result("app.info")
    assert (info["STATUS"], info["INSTALLED"], info["LANGUAGE_ID"], info["DAYS"]) == ("L", False, "ru", None)
    assert driver.result("scope") == ["bizproc", "crm", "disk", "im", "placement", "user_brief"]
    assert "bizproc.event.send" in driver.result("methods")
    of_drive = ["disk.storage.getlist", "disk.folder.getchildren", "disk.file.get", "disk.file.getexternallink"]
    assert driver.result("methods", {"SCOPE": "disk"}) == of_drive
    assert "disk" in driver.result("scope", {"FULL": True})
    assert set(driver.result("methods", {"FULL": 1})) >= {"batch", "profile"}
    assert driver.result("method.get", {"name": "crm.item.get"}) == {"isExisting": True, "isAvailable": True}
    assert driver.result("method.get", {"name": "x"}) == {"isExisting": False, "isAvailable": False}
    assert driver.result("feature.get", {"CODE": "rest"}) == {"value": "Y"}
    assert driver.error("feature.get") == (400, "CODE_EMPTY")
    assert driver.error("app.option.set", {"OPTIONS": "x"}) == (400, "ERROR_ARGUMENT")
    assert driver.error("app.option.set", {"OPTIONS": {}}, user=2) == (403, "ACCESS_DENIED")


def test_users(driver: PortalDriver) -> None:
    assert [driver.result("user.admin", user=user) for user in (1, 2, 3)] == [True, False, True]
    assert driver.result("profile", user=2)["ADMIN"] is False
    assert driver.result("user.current", user=2)["NAME"] == "Пётр"
    assert [row["ID"] for row in driver.result("user.get", {"ID": [1, 3]})] == ["1", "3"]
    assert driver.rest("user.get").json["total"] == 3


ODD: list[Any] = [None, "", "x", "0", 0, -1, True, [], ["x"], {}, {"a": "b"}, {"a": {"b": []}}]
NAMES = (
    *("id", "ID", "entityTypeId", "values", "type", "filter", "select", "start", "name", "cmd", "halt"),
    *("CODE", "FIELDS", "NAME", "HANDLER", "PROPERTIES", "RETURN_PROPERTIES", "DOCUMENT_TYPE", "FILTER"),
    *("EVENT", "EVENT_TYPE", "AUTH_TYPE", "PLACEMENT", "OPTIONS", "LANG_ALL", "USER_ID", "AUTH_USER_ID"),
    *("EVENT_TOKEN", "RETURN_VALUES", "LOG_MESSAGE", "SCOPE", "FULL", "OPTION", "auth"),
)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_odd_parameters_get_an_answer(driver: PortalDriver, method: str) -> None:
    driver.portal.faults.limiter = False
    token = driver.access_token()
    good = {**ROBOT, "EVENT": "ONAPPUPDATE", "PLACEMENT": "CRM_DEAL_DETAIL_TAB", "entityTypeId": 2, "id": 1}
    for base in ({}, good):
        for name in NAMES:
            for value in ODD:
                answer = driver.http("POST", f"/rest/{method}?auth={token}", json={**base, name: value})
                assert answer.status_code in (200, 400, 401, 403), (name, value)
                assert ("result" in answer.json) != ("error" in answer.json)
