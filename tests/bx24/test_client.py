from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from bx24.client import Client, Ref
from bx24.errors import (
    Bx24Error,
    Expired,
    Misused,
    PortalInactive,
    Postponed,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
)
from tests.bx24.conftest import Script, Tokens

OK = {"result": True, "time": {"operating": 0.25, "operating_reset_at": 1790000000}}
EXPIRED: tuple[int, Any, dict[str, str]] = (
    401,
    {"error": "expired_token", "error_description": "The access token provided has expired."},
    {},
)


@pytest.fixture
def client(http: requests.Session, tokens: Tokens) -> Client:
    return Client(http, tokens)


def moved(to: str, status: int = 302) -> tuple[int, bytes, dict[str, str]]:
    return status, b"<html>", {"Location": to}


def test_a_call_posts_json_with_the_token_in_the_body(client: Client, portal: Script) -> None:
    portal.answers = [{"result": {"id": 7}, "total": 1, "next": "50", **{"time": OK["time"]}}]
    reply = client.call("crm.item.get", {"entityTypeId": 2, "id": 7})
    request = portal.requests[0]
    assert (request.method, request.url) == ("POST", "https://acme.bitrix24.com/rest/crm.item.get.json")
    assert request.headers["Content-Type"] == "application/json"
    assert portal.sent() == {"entityTypeId": 2, "id": 7, "auth": "token-1"}
    assert (reply.result, reply.total, reply.next) == ({"id": 7}, 1, 50)
    assert reply.time.operating == 0.25
    assert reply.time.operating_reset_at == datetime.fromtimestamp(1790000000, UTC)


@pytest.mark.parametrize(("result", "mapping"), [([], {}), ({"a": 1}, {"a": 1}), (None, {}), (True, {})])
def test_an_empty_map_is_a_map(client: Client, portal: Script, result: Any, mapping: dict[str, Any]) -> None:
    portal.answers = [{"result": result}]
    assert client.call("profile").mapping() == mapping


@pytest.mark.parametrize("method", ["", "../oauth/token", "crm.item.get?x=1", "a b", "https://evil.example/x", "a..b"])
def test_a_method_is_a_name(client: Client, method: str) -> None:
    with pytest.raises(ValueError, match="not a method"):
        client.call(method)


@pytest.mark.parametrize("code", ["expired_token", "invalid_token", "NO_AUTH_FOUND"])
def test_an_expired_token_is_renewed_once(client: Client, portal: Script, tokens: Tokens, code: str) -> None:
    portal.answers = [(401, {"error": code}, {}), OK]
    assert client.call("profile").result is True
    assert tokens.renewed == ["token-1"]
    assert [portal.sent(i)["auth"] for i in (0, 1)] == ["token-1", "token-2"]


def test_a_renewed_token_that_expires_too_is_given_up(client: Client, portal: Script, tokens: Tokens) -> None:
    portal.answers = [EXPIRED]
    with pytest.raises(Expired):
        client.call("profile")
    assert (len(portal.requests), len(tokens.renewed)) == (2, 1)


REFUSALS: list[tuple[Any, type[Bx24Error]]] = [
    ((401, {"error": "CONNECTION_ERROR"}, {}), Unavailable),
    ((502, b"<html>bad gateway</html>", {}), Unavailable),
    ((200, b"<html>maintenance</html>", {}), Unavailable),
    ((404, b"not found", {}), Unavailable),
    ((200, b"", {}), Unavailable),
    ((500, {"error": "INTERNAL_SERVER_ERROR"}, {}), Unavailable),
    ((503, {"error": "QUERY_LIMIT_EXCEEDED"}, {"Retry-After": "3"}), Throttled),
    ((429, {"error": "OPERATION_TIME_LIMIT"}, {}), Postponed),
    ((401, {"error": "APPLICATION_NOT_FOUND"}, {}), PortalInactive),
    ((500, {"error": "PORTAL_DELETED"}, {}), PortalInactive),
    ((401, {"error": "authorization_error"}, {}), Unauthorized),
    ((403, {"error": "user_access_error"}, {}), Unauthorized),
    ((403, {"error": "ACCESS_DENIED"}, {}), Rejected),
    ((400, {"error": "", "error_description": "Trigger is not registered."}, {}), Rejected),
    ((200, {"error": "WRONG_ENCODING"}, {}), Rejected),
    ((200, {"error": 0, "error_description": "CRM says no"}, {}), Rejected),
    ((400, {"error": "INVALID_REQUEST"}, {}), Misused),
    (requests.ConnectTimeout("https://x?auth=token-1"), Unavailable),
    (requests.ReadTimeout("token-1"), Unavailable),
    (requests.ConnectionError("token-1"), Unavailable),
]


@pytest.mark.parametrize(("answer", "kind"), REFUSALS)
def test_everything_else_is_raised_at_once(
    client: Client, portal: Script, tokens: Tokens, answer: Any, kind: type[Bx24Error]
) -> None:
    portal.answers = [answer, OK]
    with pytest.raises(Bx24Error) as error:
        client.call("crm.item.get")
    assert type(error.value) is kind
    assert (len(portal.requests), tokens.renewed) == (1, [])
    assert "token-1" not in str(error.value)


def test_waits_are_told(client: Client, portal: Script) -> None:
    portal.answers = [(503, {"error": "QUERY_LIMIT_EXCEEDED"}, {"Retry-After": "3"})]
    with pytest.raises(Throttled) as throttled:
        client.call("profile")
    assert throttled.value.retry_after == 3.0
    reset = {"operating_reset_at": 1790000000}
    portal.answers = [(429, {"error": "OPERATION_TIME_LIMIT", "time": reset}, {})]
    with pytest.raises(Postponed) as postponed:
        client.call("crm.item.list")
    assert postponed.value.operating_reset_at == datetime.fromtimestamp(1790000000, UTC)


@pytest.mark.parametrize(
    ("location", "endpoint"),
    [
        ("https://new.bitrix24.com/rest/profile.json", "https://new.bitrix24.com/rest/"),
        ("https://new.bitrix24.com:8443/b24/rest/profile", "https://new.bitrix24.com:8443/b24/rest/"),
        ("https://new.bitrix24.com/", "https://new.bitrix24.com/rest/"),
        ("//new.bitrix24.com/rest/profile.json", "https://new.bitrix24.com/rest/"),
    ],
)
def test_a_renamed_portal_is_verified_and_asked_again(
    client: Client, portal: Script, tokens: Tokens, location: str, endpoint: str
) -> None:
    portal.answers = [moved(location), OK]
    assert client.call("profile", {"a": 1}).result is True
    assert tokens.moved_to == [endpoint]
    assert portal.requests[1].url == f"{endpoint}profile.json"
    assert portal.requests[1].method == "POST"
    assert portal.sent(1) == {"a": 1, "auth": "token-1"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_goes_where_the_portal_was_not_verified(
    client: Client, portal: Script, tokens: Tokens, status: int
) -> None:
    portal.answers = [moved("https://evil.example/rest/profile.json", status), OK]
    tokens.refuse = Rejected("MOVED", "not this portal")
    with pytest.raises(Rejected):
        client.call("profile")
    assert len(portal.requests) == 1


def test_the_verified_address_is_used_not_the_location(client: Client, portal: Script, tokens: Tokens) -> None:
    def verified(_: str) -> None:
        tokens.endpoint = "https://verified.example/rest/"

    tokens.moved = verified  # type: ignore[method-assign, assignment]
    portal.answers = [moved("http://new.bitrix24.com/rest/"), OK]
    client.call("profile")
    assert portal.requests[1].url == "https://verified.example/rest/profile.json"


def test_a_second_redirect_is_given_up(client: Client, portal: Script, tokens: Tokens) -> None:
    portal.answers = [moved("https://b.example/rest/"), moved("https://c.example/rest/")]
    with pytest.raises(Unavailable):
        client.call("profile")
    assert (len(portal.requests), len(tokens.moved_to)) == (2, 1)


@pytest.mark.parametrize(
    "location",
    [
        "https://acme.bitrix24.com/rest/profile.json",
        "ftp://a.example/",
        "https://u:p@a.example/",
        "http://[::1",
        "https://",
    ],
)
def test_a_redirect_to_nowhere_is_unavailable(client: Client, portal: Script, tokens: Tokens, location: str) -> None:
    portal.answers = [moved(location)]
    with pytest.raises(Unavailable):
        client.call("profile")
    assert tokens.moved_to == []


def test_an_expired_token_does_not_hide_a_new_address(client: Client, portal: Script, tokens: Tokens) -> None:
    verify = tokens.moved

    def moved_with_a_fresh_token(endpoint: str) -> None:
        if tokens.current == "token-1":
            raise Expired("expired_token")
        verify(endpoint)

    tokens.moved = moved_with_a_fresh_token  # type: ignore[method-assign]
    portal.answers = [moved("https://new.bitrix24.com/rest/"), OK]
    client.call("profile")
    assert portal.sent(1)["auth"] == "token-2"


def test_each_request_passes_the_gate(http: requests.Session, portal: Script, tokens: Tokens) -> None:
    passed: list[int] = []
    client = Client(http, tokens, gate=lambda: passed.append(len(portal.requests)))
    portal.answers = [EXPIRED, moved("https://new.bitrix24.com/rest/"), OK]
    client.call("profile")
    assert passed == [0, 1, 2]


def test_a_closed_gate_sends_nothing(http: requests.Session, portal: Script, tokens: Tokens) -> None:
    def closed() -> None:
        raise Throttled("QUERY_LIMIT_EXCEEDED", retry_after=9.0)

    with pytest.raises(Throttled):
        Client(http, tokens, gate=closed).call("profile")
    assert portal.requests == []


def test_a_batch_is_one_request(client: Client, portal: Script) -> None:
    portal.answers = [
        {
            "result": {
                "result": {"deal": {"CONTACT_ID": "5"}},
                "result_error": {"who": {"error": "NOT_FOUND", "error_description": "Not found"}},
                "result_total": [],
                "result_next": [],
                "result_time": {"deal": {"operating": 0}},
            }
        }
    ]
    reply = client.batch(
        {"deal": ("crm.deal.get", {"id": 1}), "who": ("crm.contact.get", {"id": Ref("$result[deal][CONTACT_ID]")})}
    )
    assert portal.sent() == {
        "auth": "token-1",
        "halt": 0,
        "cmd": {"deal": "crm.deal.get?id=1", "who": "crm.contact.get?id=%24result%5Bdeal%5D%5BCONTACT_ID%5D"},
    }
    assert reply.results == {"deal": {"CONTACT_ID": "5"}}
    assert isinstance(reply.errors["who"], Rejected)
    assert reply.times["deal"].operating == 0.0


def test_an_empty_batch_is_no_request(client: Client, portal: Script) -> None:
    assert client.batch({}).results == {}
    assert portal.requests == []


def test_a_batch_is_repeated_with_a_new_token(client: Client, portal: Script) -> None:
    portal.answers = [EXPIRED, {"result": {"result": {"a": True}}}]
    assert client.batch({"a": ("profile", {})}).results == {"a": True}


def test_a_batch_refused_as_a_whole_is_raised(client: Client, portal: Script) -> None:
    portal.answers = [(503, {"error": "QUERY_LIMIT_EXCEEDED"}, {})]
    with pytest.raises(Throttled):
        client.batch({"a": ("profile", {})})


def test_no_text_or_token_is_in_a_repr(client: Client, portal: Script) -> None:
    portal.answers = [{"result": {"PHONE": "+15550001122"}}]
    assert "15550001122" not in repr(client.call("profile"))
