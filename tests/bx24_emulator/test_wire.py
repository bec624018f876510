"""The envelope of REST: where the token may stand, what each trouble looks like, limits."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.rest.base import METHODS
from tests.bx24_emulator.conftest import PORTAL, ROBOT, Bench


@pytest.mark.parametrize("suffix", ["", ".json", "/"])
def test_the_token_may_stand_in_the_body_the_query_or_a_header(bench: Bench, suffix: str) -> None:
    token = bench.token()
    path = f"/rest/Server.Time{suffix}"
    requests: list[dict[str, Any]] = [
        {"json": {"auth": token}},
        {"data": {"auth": token}},
        {"query_string": {"auth": token}},
        {"headers": {"Authorization": f"Bearer {token}"}},
    ]
    for request in requests:
        assert bench.http("POST", path, **request).status_code == 200
    assert bench.http("GET", path, query_string={"auth": token}).json["result"] == "2026-09-21T17:13:20+03:00"


def test_a_broken_json_body_has_no_token(bench: Bench) -> None:
    answer = bench.http("POST", "/rest/profile", data=b"{", content_type="application/json")
    assert (answer.status_code, answer.json["error"]) == (401, "NO_AUTH_FOUND")


def test_the_time_block_counts_operating(bench: Bench) -> None:
    time = bench.rest("profile").json["time"]
    assert {"start", "finish", "duration", "processing", "date_start", "date_finish"} < set(time)
    assert (time["operating"], time["operating_reset_at"]) == (0, int(bench.now) + 600)
    bench.portal.operating.add("profile", 0.25)
    bench.portal.operating.add("profile", 0.05)
    assert bench.rest("profile").json["time"]["operating"] == 0.25
    bench.now += 601
    assert bench.rest("profile").json["time"]["operating"] == 0


@pytest.mark.parametrize(
    ("token", "status", "error"),
    [("", 401, "NO_AUTH_FOUND"), ("unheard-of", 401, "invalid_token")],
)
def test_tokens_that_never_were(bench: Bench, token: str, status: int, error: str) -> None:
    assert bench.error("profile", token=token) == (status, error)


def test_an_access_token_lives_an_hour(bench: Bench) -> None:
    token = bench.token()
    bench.now += 3599
    assert bench.rest("profile", token=token).status_code == 200
    bench.now += 1
    assert bench.error("profile", token=token) == (401, "expired_token")


def test_a_token_of_another_portal_is_unknown_here(bench: Bench) -> None:
    other = bench.emulator.add_portal("https://other.example")
    token = bench.http("GET", "/emulator/token", portal=other).json["access_token"]
    assert bench.error("profile", token=token) == (401, "invalid_token")


def test_expire_tokens_spares_the_refresh_token_and_later_pairs(bench: Bench) -> None:
    old = bench.grant()
    bench.control("faults", {"expire_tokens": True})
    assert bench.error("profile", token=old["access_token"]) == (401, "expired_token")
    assert bench.ok("profile")["ID"] == "1"


def test_a_dismissed_user(bench: Bench) -> None:
    token = bench.token(3)
    bench.control("faults", {"dismissed": [3]})
    assert bench.error("profile", token=token) == (401, "authorization_error")
    assert bench.http("GET", "/emulator/token?user_id=3").status_code == 404


def test_a_missing_scope(bench: Bench) -> None:
    bench.install(scope=["bizproc"])
    assert bench.error("crm.deal.get", {"id": 1}) == (401, "insufficient_scope")
    assert bench.ok("bizproc.robot.list") == []


def test_an_unknown_method_is_missed_before_the_token(bench: Bench) -> None:
    assert bench.error("crm.nothing.get", token="") == (404, "ERROR_METHOD_NOT_FOUND")


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ({"connection_error": 1}, 401, "CONNECTION_ERROR"),
        ({"query_limit": 1}, 503, "QUERY_LIMIT_EXCEEDED"),
        ({"internal_error": 1}, 500, "INTERNAL_SERVER_ERROR"),
        ({"deleted": True}, 403, "PORTAL_DELETED"),
    ],
)
def test_troubles(bench: Bench, fault: dict[str, Any], status: int, error: str) -> None:
    bench.control("faults", fault)
    assert bench.error("profile") == (status, error)
    bench.control("faults", {"reset": True})
    assert bench.rest("profile").status_code == 200
    assert bench.control("calls")["errors"] == {error: 1}


def test_html_instead_of_json(bench: Bench) -> None:
    bench.control("faults", {"html_502": 2})
    for _ in range(2):
        answer = bench.rest("profile")
        assert (answer.status_code, answer.mimetype) == (502, "text/html")
    assert bench.rest("profile").status_code == 200


def test_a_method_over_its_time_budget(bench: Bench) -> None:
    bench.control("faults", {"time_limit": {"profile": bench.now + 60}})
    assert bench.error("profile") == (429, "OPERATION_TIME_LIMIT")
    assert bench.rest("user.admin").status_code == 200
    bench.now += 60
    assert bench.rest("profile").status_code == 200


def test_the_bucket_holds_50_and_leaks_2_a_second(bench: Bench) -> None:
    token = bench.token()
    assert {bench.rest("profile", token=token).status_code for _ in range(50)} == {200}
    assert bench.error("profile", token=token) == (503, "QUERY_LIMIT_EXCEEDED")
    bench.now += 1
    assert [bench.rest("profile", token=token).status_code for _ in range(3)] == [200, 200, 503]
    bench.control("faults", {"limiter": False})
    assert bench.rest("profile", token=token).status_code == 200


def test_a_dropped_connection_before_and_after_the_work(bench: Bench) -> None:
    token = bench.token()
    options = {"OPTIONS": {"mark": "set"}}
    bench.control("faults", {"drop_before": 1})
    with pytest.raises(ConnectionAbortedError):
        bench.rest("app.option.set", options, token=token)
    assert bench.ok("app.option.get") == []
    bench.control("faults", {"drop_after": 1})
    with pytest.raises(ConnectionAbortedError):
        bench.rest("app.option.set", options, token=token)
    assert bench.ok("app.option.get") == {"mark": "set"}


def test_a_renamed_portal_redirects_its_old_address(bench: Bench) -> None:
    token = bench.token()
    assert bench.control("rename", {"url": "https://new.example"}) == {"portal": "https://new.example"}
    answer = bench.http("POST", "/rest/profile.json", base_url=PORTAL, json={"auth": token})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://new.example/rest/profile.json"
    assert not answer.data
    assert bench.ok("profile", token=token)["ID"] == "1"
    assert bench.auth("/rest/app.info", auth=token)[1]["result"]["install"]["domain"] == "new.example"


def test_calls_are_counted(bench: Bench) -> None:
    bench.ok("batch", {"cmd": {"a": "profile", "b": "profile"}})
    bench.error("crm.nothing", token="")
    calls = bench.control("calls?reset=1")
    assert calls["http"] == 2
    assert calls["methods"] == {"batch": 1, "crm.nothing": 1}
    assert calls["inner"] == {"profile": 2}
    assert calls["errors"] == {"ERROR_METHOD_NOT_FOUND": 1}
    assert bench.control("calls")["http"] == 0


def test_browsers_may_call_from_the_apps_page(bench: Bench) -> None:
    assert bench.http("OPTIONS", "/rest/profile").headers["Access-Control-Allow-Origin"] == "*"


def test_the_apps_own_view(bench: Bench) -> None:
    info = bench.ok("app.info")
    assert (info["STATUS"], info["INSTALLED"], info["LANGUAGE_ID"], info["DAYS"]) == ("L", False, "ru", None)
    assert bench.ok("scope") == ["bizproc", "crm", "disk", "im", "placement", "user_brief"]
    assert "bizproc.event.send" in bench.ok("methods")
    assert bench.ok("methods", {"SCOPE": "disk"}) == ["disk.file.get", "disk.file.getexternallink"]
    assert "disk" in bench.ok("scope", {"FULL": True})
    assert set(bench.ok("methods", {"FULL": 1})) >= {"batch", "profile"}
    assert bench.ok("method.get", {"name": "crm.item.get"}) == {"isExisting": True, "isAvailable": True}
    assert bench.ok("method.get", {"name": "x"}) == {"isExisting": False, "isAvailable": False}
    assert bench.ok("feature.get", {"CODE": "rest"}) == {"value": "Y"}
    assert bench.error("feature.get") == (400, "CODE_EMPTY")
    assert bench.error("app.option.set", {"OPTIONS": "x"}) == (400, "ERROR_ARGUMENT")
    assert bench.error("app.option.set", {"OPTIONS": {}}, user=2) == (403, "ACCESS_DENIED")


def test_users(bench: Bench) -> None:
    assert [bench.ok("user.admin", user=user) for user in (1, 2, 3)] == [True, False, True]
    assert bench.ok("profile", user=2)["ADMIN"] is False
    assert bench.ok("user.current", user=2)["NAME"] == "Пётр"
    assert [row["ID"] for row in bench.ok("user.get", {"ID": [1, 3]})] == ["1", "3"]
    assert bench.rest("user.get").json["total"] == 3


ODD: list[Any] = [None, "", "x", "0", 0, -1, True, [], ["x"], {}, {"a": "b"}, {"a": {"b": []}}]
NAMES = (
    *("id", "ID", "entityTypeId", "values", "type", "filter", "select", "start", "name", "cmd", "halt"),
    *("CODE", "FIELDS", "NAME", "HANDLER", "PROPERTIES", "RETURN_PROPERTIES", "DOCUMENT_TYPE", "FILTER"),
    *("EVENT", "EVENT_TYPE", "AUTH_TYPE", "PLACEMENT", "OPTIONS", "LANG_ALL", "USER_ID", "AUTH_USER_ID"),
    *("EVENT_TOKEN", "RETURN_VALUES", "LOG_MESSAGE", "SCOPE", "FULL", "OPTION", "auth"),
)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_odd_parameters_get_an_answer(bench: Bench, method: str) -> None:
    bench.portal.faults.limiter = False
    token = bench.token()
    good = {**ROBOT, "EVENT": "ONAPPUPDATE", "PLACEMENT": "CRM_DEAL_DETAIL_TAB", "entityTypeId": 2, "id": 1}
    for base in ({}, good):
        for name in NAMES:
            for value in ODD:
                answer = bench.http("POST", f"/rest/{method}?auth={token}", json={**base, name: value})
                assert answer.status_code in (200, 400, 401, 403), (name, value)
                assert ("result" in answer.json) != ("error" in answer.json)
