from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from bx24.errors import AuthDead, Bx24Error, Expired, PortalInactive, Rejected, Throttled, Unavailable
from bx24.oauth import AuthServers
from tests.bx24.conftest import Script

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
WEST, EAST = "https://oauth.bitrix.info", "https://oauth.bitrix24.tech"
MEMBER = "0c3f5d8a9b1e47d2a6c4e8f01b2d3a4c"
PAIR = {
    "access_token": "new-access",
    "refresh_token": "new-refresh",
    "expires": 1790003600,
    "expires_in": 3600,
    "client_endpoint": "https://acme.bitrix24.com/rest/",
    "server_endpoint": "https://oauth.bitrix.info/rest/",
    "domain": "oauth.bitrix.info",
    "member_id": MEMBER,
    "scope": "crm,bizproc",
    "status": "L",
    "user_id": 1,
}
INFO: dict[str, Any] = {
    "result": {
        "client_id": "app.1",
        "scope": "crm,bizproc",
        "expires": "1790003600",
        "user_id": 7,
        "install": {
            "installed": True,
            "version": "1",
            "status": "L",
            "scope": "crm,bizproc",
            "domain": "acme.bitrix24.com",
            "client_endpoint": "https://acme.bitrix24.com/rest",
            "member_id": MEMBER,
        },
    }
}


@pytest.fixture
def servers(http: requests.Session) -> AuthServers:
    return AuthServers(http, (WEST + "/", EAST), "app.1", "s3cret", clock=lambda: NOW)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://oauth.bitrix24.tech/rest/", EAST),
        ("HTTPS://OAuth.Bitrix24.tech:443/rest/", EAST),
        ("https://oauth.bitrix.info", WEST),
        (None, WEST),
        ("", WEST),
        ("http://oauth.bitrix24.tech/rest/", WEST),
        ("https://oauth.bitrix24.tech:8443/rest/", WEST),
        ("https://oauth.bitrix24.tech.evil.example/rest/", WEST),
        ("https://oauth.bitrix24.tech@evil.example/rest/", WEST),
        ("https://evil.example/?https://oauth.bitrix24.tech", WEST),
        ("oauth.bitrix24.tech", WEST),
        ("https://oauth.bitrix24.tech:port/", WEST),
        ("https://[::1", WEST),
    ],
)
def test_only_an_allowed_server_is_ever_used(servers: AuthServers, given: str | None, base: str) -> None:
    assert servers.base(given) == base


def test_a_pair_is_refreshed(servers: AuthServers, portal: Script) -> None:
    portal.answers = [PAIR]
    grant = servers.refresh("https://oauth.bitrix24.tech/rest/", "old-refresh", MEMBER)
    url = urlsplit(str(portal.requests[0].url))
    assert (portal.requests[0].method, f"{url.scheme}://{url.netloc}{url.path}") == ("GET", f"{EAST}/oauth/token/")
    assert parse_qs(url.query) == {
        "grant_type": ["refresh_token"],
        "client_id": ["app.1"],
        "client_secret": ["s3cret"],
        "refresh_token": ["old-refresh"],
    }
    assert (grant.access_token, grant.refresh_token) == ("new-access", "new-refresh")
    assert grant.expires_at == NOW + timedelta(hours=1)
    assert grant.client_endpoint == "https://acme.bitrix24.com/rest/"
    assert grant.server_endpoint == f"{EAST}/rest/"
    assert (grant.member_id, grant.user_id, grant.scope, grant.status) == (MEMBER, 1, "crm,bizproc", "L")
    assert "new-" not in repr(grant)


def test_a_pair_of_another_portal_is_refused(servers: AuthServers, portal: Script) -> None:
    portal.answers = [PAIR]
    with pytest.raises(Rejected, match="another portal"):
        servers.refresh(None, "old-refresh", "somebody")


REFUSALS: list[tuple[Any, type[Bx24Error]]] = [
    ((400, {"error": "invalid_grant"}, {}), AuthDead),
    ((200, {"error": "invalid_grant"}, {}), AuthDead),
    ((401, {"error": "expired_token"}, {}), AuthDead),
    ((401, {"error": "invalid_client"}, {}), PortalInactive),
    ((200, {"error": "WRONG_CLIENT"}, {}), PortalInactive),
    ((402, {"error": "PAYMENT_REQUIRED"}, {}), PortalInactive),
    ((200, {"error": "NOT_INSTALLED"}, {}), PortalInactive),
    ((200, {"error": "ERROR_OAUTH", "error_description": "Application not installed"}, {}), PortalInactive),
    ((200, {"error": "verification_needed"}, {}), PortalInactive),
    ((400, {"error": "invalid_scope"}, {}), Rejected),
    ((503, b"<html>", {}), Unavailable),
    ((500, {"error": "oops"}, {}), Unavailable),
    ((429, {"error": "slow"}, {}), Throttled),
    ((302, b"", {"Location": "https://evil.example/"}), Unavailable),
    ((200, {"access_token": "only"}, {}), Unavailable),
    ((200, {}, {}), Unavailable),
    (requests.ConnectionError("https://oauth.bitrix.info/oauth/token/?client_secret=s3cret"), Unavailable),
    (requests.ReadTimeout("client_secret=s3cret"), Unavailable),
]


@pytest.mark.parametrize(("answer", "kind"), REFUSALS)
def test_a_refused_refresh_says_what_to_do(
    servers: AuthServers, portal: Script, answer: Any, kind: type[Bx24Error]
) -> None:
    portal.answers = [answer]
    with pytest.raises(Bx24Error) as error:
        servers.refresh(None, "old-refresh")
    assert type(error.value) is kind
    shown = f"{error.value!r} {error.value} {error.value.__cause__!r} {error.value.__context__!r}"
    assert "s3cret" not in shown
    assert "old-refresh" not in shown
    assert len(portal.requests) == 1


def test_the_server_knows_whose_token_it_is(servers: AuthServers, portal: Script) -> None:
    portal.answers = [INFO]
    info = servers.app_info(f"{EAST}/rest/", "access")
    assert str(portal.requests[0].url) == f"{EAST}/rest/app.info?auth=access"
    assert (info.client_id, info.member_id, info.user_id) == ("app.1", MEMBER, 7)
    assert info.client_endpoint == "https://acme.bitrix24.com/rest/"
    assert (info.server_endpoint, info.domain) == (f"{EAST}/rest/", "acme.bitrix24.com")
    assert (info.scope, info.status, info.installed) == ("crm,bizproc", "L", True)
    assert info.expires == datetime.fromtimestamp(1790003600, UTC)


def test_an_unwrapped_answer_is_read_too(servers: AuthServers, portal: Script) -> None:
    portal.answers = [{**INFO["result"], "scope": ["crm", "bizproc"]}]
    assert servers.app_info(None, "access").scope == "crm,bizproc"


@pytest.mark.parametrize("missing", ["client_id", "install"])
def test_an_answer_without_an_install_proves_nothing(servers: AuthServers, portal: Script, missing: str) -> None:
    portal.answers = [{"result": {key: value for key, value in INFO["result"].items() if key != missing}}]
    with pytest.raises(Unavailable, match="unexpected_answer"):
        servers.app_info(None, "access")


def test_an_expired_access_token_is_expired(servers: AuthServers, portal: Script) -> None:
    portal.answers = [(401, {"error": "expired_token"}, {})]
    with pytest.raises(Expired):
        servers.app_info(None, "access")


def test_our_own_token_is_verified(servers: AuthServers, portal: Script) -> None:
    portal.answers = [INFO]
    assert servers.verify(f"{WEST}/rest/", "access", MEMBER).member_id == MEMBER


@pytest.mark.parametrize(("client_id", "member"), [("app.2", MEMBER), ("app.1", "somebody")])
def test_a_token_of_another_app_or_portal_is_refused(
    servers: AuthServers, portal: Script, client_id: str, member: str
) -> None:
    portal.answers = [{"result": {**INFO["result"], "client_id": client_id}}]
    with pytest.raises(Rejected, match="another"):
        servers.verify(f"{WEST}/rest/", "access", member)


def test_an_old_frame_does_not_tell_its_server_so_each_is_asked(servers: AuthServers, portal: Script) -> None:
    portal.answers = [(401, {"error": "invalid_token"}, {}), INFO]
    assert servers.verify(None, "access", MEMBER).server_endpoint == f"{EAST}/rest/"
    assert [urlsplit(str(request.url)).hostname for request in portal.requests] == [
        "oauth.bitrix.info",
        "oauth.bitrix24.tech",
    ]


def test_a_named_server_is_the_only_one_asked(servers: AuthServers, portal: Script) -> None:
    portal.answers = [(401, {"error": "invalid_token"}, {}), INFO]
    with pytest.raises(Expired):
        servers.verify(f"{EAST}/rest/", "access", MEMBER)
    assert len(portal.requests) == 1


@pytest.mark.parametrize("first", [(401, {"error": "invalid_token"}, {}), (502, b"", {})])
def test_a_server_that_could_not_be_asked_means_later(servers: AuthServers, portal: Script, first: Any) -> None:
    other: Any = (502, b"", {}) if first[0] == 401 else (401, {"error": "invalid_token"}, {})
    portal.answers = [first, other]
    with pytest.raises(Unavailable):
        servers.verify(None, "access", MEMBER)


def test_no_server_at_all_is_a_mistake(http: requests.Session) -> None:
    with pytest.raises(ValueError, match="at least one"):
        AuthServers(http, (), "app.1", "s3cret")
