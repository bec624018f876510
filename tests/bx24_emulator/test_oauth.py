"""The auth server: rotation, refusals, and `app.info`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, PORTAL, PortalDriver, query_of

APP_KEYS = {"client_id": "local.test", "client_secret": "secret"}


def refresh_tokens(driver: PortalDriver, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
    return driver.auth_server(
        "/oauth/token/", **{"grant_type": "refresh_token", "refresh_token": token, **APP_KEYS, **changes}
    )


def test_a_refresh_gives_a_new_pair_and_names_the_auth_servers_host(driver: PortalDriver) -> None:
    old = driver.token_pair()
    status, new = refresh_tokens(driver, old["refresh_token"])
    assert status == 200
    assert set(new) == {
        "access_token",
        "refresh_token",
        "expires",
        "expires_in",
        "client_endpoint",
        "server_endpoint",
        "domain",
        "member_id",
        "scope",
        "status",
        "user_id",
    }
    assert new["domain"] == "auth.example"
    assert old["domain"] == "acme.example"
    assert new["client_endpoint"] == f"{PORTAL}/rest/"
    assert new["refresh_token"] != old["refresh_token"]
    assert driver.result("profile", token=new["access_token"])["ID"] == "1"


def test_a_replaced_refresh_token_is_refused(driver: PortalDriver) -> None:
    old = driver.token_pair()["refresh_token"]
    assert refresh_tokens(driver, old)[0] == 200
    assert refresh_tokens(driver, old)[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "other"}, "invalid_client"),
        ({"client_id": "local.other"}, "invalid_client"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"refresh_token": "unheard-of"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "unheard-of"}, "invalid_grant"),
    ],
)
def test_refusals(driver: PortalDriver, changes: dict[str, str], error: str) -> None:
    status, body = refresh_tokens(driver, driver.token_pair()["refresh_token"], **changes)
    assert (status, body["error"]) == (400, error)
    assert body["error_description"]


def test_a_refresh_token_lives_180_days(driver: PortalDriver) -> None:
    token = driver.token_pair()["refresh_token"]
    driver.now += 180 * 24 * 3600 + 1
    assert refresh_tokens(driver, token)[1]["error"] == "invalid_grant"


def test_refresh_troubles(driver: PortalDriver) -> None:
    token = driver.token_pair()["refresh_token"]
    driver.control("faults", {"payment_required": True})
    assert refresh_tokens(driver, token)[1]["error"] == "PAYMENT_REQUIRED"
    driver.control("faults", {"payment_required": False, "oauth_502": 1})
    assert refresh_tokens(driver, token)[0] == 502
    assert refresh_tokens(driver, token)[0] == 200


def test_app_info(driver: PortalDriver) -> None:
    status, body = driver.auth_server("/rest/app.info", auth=driver.access_token(2))
    assert status == 200
    assert body["result"] == {
        "client_id": "local.test",
        "scope": "bizproc,crm,disk,im,placement,user_brief",
        "expires": "2026-09-21T15:13:20+00:00",
        "install": {
            "installed": False,
            "version": "1",
            "status": "L",
            "scope": "bizproc,crm,disk,im,placement,user_brief",
            "domain": "acme.example",
            "uri": PORTAL,
            "client_endpoint": f"{PORTAL}/rest/",
            "member_id": driver.portal.member_id,
            "member_type": "bitrix24",
        },
        "user_id": 2,
    }
    assert body["time"]["start"] == driver.now


def test_app_info_knows_only_living_tokens(driver: PortalDriver) -> None:
    token = driver.access_token()
    assert driver.auth_server("/rest/app.info/")[1]["error"] == "NO_AUTH_FOUND"
    assert driver.auth_server("/rest/app.info.json", auth="x")[1]["error"] == "invalid_token"
    driver.control("faults", {"oauth_502": 1})
    assert driver.auth_server("/rest/app.info", auth=token)[0] == 502
    driver.now += 3600
    assert driver.auth_server("/rest/app.info", auth=token)[1]["error"] == "expired_token"
    fresh = driver.access_token()
    driver.control("uninstall", {})
    assert driver.auth_server("/rest/app.info", auth=fresh)[1]["error"] == "ERROR_OAUTH"
    assert driver.control("calls")["oauth"] == {"app.info": 3}


def test_the_code_of_the_browser_half_is_good_once_and_for_30_seconds(driver: PortalDriver) -> None:
    driver.install()
    url = "/oauth/authorize/?client_id=local.test&state=s1"
    answer = driver.http("GET", url)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{APP}/app?")
    back = query_of(answer.headers["Location"])
    assert (back["state"], back["domain"], back["member_id"]) == ("s1", "acme.example", driver.portal.member_id)
    exchange = {"grant_type": "authorization_code", "code": back["code"], **APP_KEYS}
    assert driver.auth_server("/oauth/token/", **exchange)[0] == 200
    assert driver.auth_server("/oauth/token/", **exchange)[1]["error"] == "invalid_grant"
    late = query_of(driver.http("GET", url).headers["Location"])["code"]
    driver.now += 31
    assert driver.auth_server("/oauth/token/", **{**exchange, "code": late})[1]["error"] == "invalid_grant"


def test_authorize_wants_an_installed_app(driver: PortalDriver) -> None:
    assert driver.http("GET", "/oauth/authorize/?client_id=local.test").status_code == 400
