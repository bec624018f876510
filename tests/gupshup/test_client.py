"""The client over real sockets: what is sent and what is understood of the answers."""

import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from gupshup import client as client_module
from gupshup.client import Account, Client
from gupshup.errors import GupshupError, Kind, Misconfigured, Rejected, Throttled, Unavailable
from gupshup.messages import Template
from tests.gupshup import loopback
from tests.gupshup.loopback import Act, answer, serving
from tests.gupshup.shop_line import ACCEPTED, ACCOUNT, APP_ID, CLIENT, KEY, MESSAGE, send

FIXTURES = Path(__file__).parents[1] / "fixtures/gupshup"

# ------------------------------------------------------------------ what goes out


def test_a_text_goes_out_as_gupshup_wants_it(make: Callable[..., Client]) -> None:
    with serving(answer(202, ACCEPTED)) as server:
        assert send(make(server.url)) == "41de7a3c-5b1f-4c2e-8d90-6f7e8a9b0c1d"
    (sent,) = server.sent
    assert (sent.method, sent.target) == ("POST", "/wa/api/v1/msg")
    assert sorted(sent.form) == [
        ("channel", "whatsapp"),
        ("destination", "79005550000"),
        ("message", '{"type":"text","text":"Да","previewUrl":false}'),
        ("source", "79001234567"),
        ("src.name", "shopbot"),
    ]
    assert sent.headers["apikey"] == KEY
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert sent.headers["user-agent"].startswith("waba24/")
    assert "cookie" not in sent.headers


def test_a_template_goes_to_its_own_path_with_its_own_fields(make: Callable[..., Client]) -> None:
    message = Template("t1", ("Olga",), postbacks=("wf-1:yes",))
    with serving(answer(200, ACCEPTED)) as server:
        make(server.url + "/").send(ACCOUNT, "+7 900 555-00-00", message.path, message.form())
    (sent,) = server.sent
    assert sent.target == "/wa/api/v1/template/msg"
    assert sorted(sent.form) == [
        ("channel", "whatsapp"),
        ("destination", "79005550000"),
        ("postbackTexts", '[{"index":0,"text":"wf-1:yes"}]'),
        ("source", "79001234567"),
        ("src.name", "shopbot"),
        ("template", '{"id":"t1","params":["Olga"]}'),
    ]


def test_a_form_cannot_speak_for_another_sender(make: Callable[..., Client]) -> None:
    with serving(answer(202, ACCEPTED)) as server:
        make(server.url).send(ACCOUNT, CLIENT, MESSAGE.path, {"source": "1", "destination": "2", "src.name": "x"})
    assert dict(server.sent[0].form) == {
        "channel": "whatsapp", "source": "79001234567", "destination": CLIENT, "src.name": "shopbot",
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [ACCEPTED, '{"status":"success","messageId":"m"}', '{"messageId":7}', '\ufeff{"messageId":"m"}', " " + ACCEPTED],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html; charset=windows-1251", "image/png"])
def test_an_accepted_message_has_an_id_whatever_the_content_type_says(
    make: Callable[..., Client], body: str, content_type: str
) -> None:
    with serving(answer(202, body, f"Content-Type: {content_type}")) as server:
        assert send(make(server.url)) in ("41de7a3c-5b1f-4c2e-8d90-6f7e8a9b0c1d", "m", "7")


# ------------------------------------------------------------------ definite answers

REFUSALS: list[tuple[int, str, type[GupshupError], str, str]] = [
    (400, '{"status":"error","message":"Invalid Destination"}', Rejected, "gupshup_400", "Invalid Destination"),
    (400, '{"status":"error","message":"Invalid App Details"}', Misconfigured, "gupshup_400", "Invalid App Details"),
    (400, '{"message":{"message":"Request Bot Not Found"}}', Misconfigured, "gupshup_400", "Request Bot Not Found"),
    (
        400,
        '{"message":"Source Contains XSS Characters"}',
        Misconfigured,
        "gupshup_400",
        "Source Contains XSS Characters",
    ),
    (400, '{"message":"No match","code":4003}', Rejected, "4003", "No match"),
    (400, '{"message":{"message":"No match","code":"4003"}}', Rejected, "4003", "No match"),
    (400, '{"error":{"message":"Bad value","code":100}}', Rejected, "100", "Bad value"),
    (400, '{"message":"Bad","code":400}', Rejected, "gupshup_400", "Bad"),
    (400, '{"message":"Bad","code":"E_BAD"}', Rejected, "gupshup_400", "Bad"),
    (400, "", Rejected, "gupshup_400", ""),
    (400, "<html>\n<b>No</b></html>", Rejected, "gupshup_400", "<html> <b>No</b></html>"),
    (400, "[1]", Rejected, "gupshup_400", "[1]"),
    (
        401,
        '{"status":"error","message":"Authentication Failed"}',
        Misconfigured,
        "gupshup_401",
        "Authentication Failed",
    ),
    (403, '{"message":"Portal User Not Found"}', Misconfigured, "gupshup_403", "Portal User Not Found"),
    (404, "Not Found", Rejected, "gupshup_404", "Not Found"),
    (409, "{}", Rejected, "gupshup_409", "{}"),
    (413, "Too Large", Rejected, "gupshup_413", "Too Large"),
    (429, '{"status":"error","message":"Too Many Requests"}', Throttled, "gupshup_429", "Too Many Requests"),
    (302, "", Misconfigured, "gupshup_302", ""),
]


@pytest.mark.parametrize(("status", "body", "kind", "code", "reason"), REFUSALS)
def test_a_refusal_is_definite_and_carries_the_providers_words(
    make: Callable[..., Client], status: int, body: str, kind: type[GupshupError], code: str, reason: str
) -> None:
    with serving(answer(status, body, "Location: /elsewhere")) as server, pytest.raises(GupshupError) as caught:
        send(make(server.url))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert len(server.sent) == 1


def test_a_long_refusal_is_cut(make: Callable[..., Client]) -> None:
    with serving(answer(400, "x" * 100_000)) as server, pytest.raises(Rejected) as caught:
        send(make(server.url))
    assert len(caught.value.reason) == 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 7", 7.0),
        ("Retry-After: 0.5", 0.5),
        ("Retry-After: 999999999", 3600.0),
        ("X-Rate-Limit-Retry-After-Seconds: 12", 12.0),
        ("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Retry-After: soon", None),
        ("Retry-After: -5", None),
        ("Retry-After: nan", None),
        ("X-Other: 1", None),
    ],
)
def test_a_429_says_when_to_come_back(make: Callable[..., Client], header: str, seconds: float | None) -> None:
    with serving(answer(429, "", header)) as server, pytest.raises(Throttled) as caught:
        send(make(server.url))
    assert caught.value.retry_after == seconds


def test_a_429_may_name_a_date(make: Callable[..., Client]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    with serving(answer(429, "", f"Retry-After: {date}")) as server, pytest.raises(Throttled) as caught:
        send(make(server.url))
    assert caught.value.retry_after == pytest.approx(600, abs=30)


# ------------------------------------------------------------------ secrets and surroundings


def test_the_key_shows_nowhere(make: Callable[..., Client], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(ACCOUNT), str(ACCOUNT)]
    acts = [answer(401, f"Invalid key {KEY}"), loopback.read_and_close, answer(202, f'{{"message":"{KEY}"}}')]
    for act in acts:
        with serving(act) as server, pytest.raises(GupshupError) as caught:
            send(make(server.url))
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        shown += [caught.value.reason, "".join(traceback.format_exception(caught.value))]
    assert "Invalid key ***" in shown[2]
    assert KEY not in "".join(shown) + caplog.text


@pytest.mark.parametrize("key", ["", "abc\n", "a b", "ключ", "a\x00b"])
def test_a_key_that_cannot_be_one_is_never_sent_nor_shown(make: Callable[..., Client], key: str) -> None:
    with serving(answer(202, ACCEPTED)) as server, pytest.raises(Misconfigured) as caught:
        send(make(server.url), Account(key, "shopbot", "79001234567"))
    assert caught.value.code == "gupshup_401"
    assert server.connections == 0
    assert not key or key not in caught.value.reason


def test_the_environment_and_cookies_change_nothing(
    make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{loopback.closed_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    with serving(answer(202, ACCEPTED, "Set-Cookie: tenant=1; Path=/", keep=True)) as server:
        client = make(server.url)
        send(client)
        send(client)
    assert [sent.headers.get("cookie") or sent.headers.get("authorization") for sent in server.sent] == [None, None]


def test_a_redirect_is_not_followed_with_the_key(make: Callable[..., Client]) -> None:
    with (
        serving(answer(202, ACCEPTED)) as elsewhere,
        serving(answer(307, "", f"Location: {elsewhere.url}/")) as server,
        pytest.raises(Misconfigured),
    ):
        send(make(server.url))
    assert elsewhere.connections == 0


# ------------------------------------------------------------------ questions


def test_templates_are_listed_whatever_their_status(make: Callable[..., Client]) -> None:
    with serving(answer(200, (FIXTURES / "templates__list.json").read_bytes())) as server:
        listed = make(server.url).templates(ACCOUNT)
    assert [(template.name, template.status) for template in listed] == [
        ("visit_reminder", "APPROVED"), ("promo_may", "REJECTED"),
    ]  # fmt: skip
    (sent,) = server.sent
    assert (sent.method, sent.target, sent.headers["apikey"]) == ("GET", f"/wa/app/{APP_ID}/template", KEY)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ('{"templates":[]}', 0),
        ('{"waba_templates":[{"id":"1"}]}', 1),
        ('{"status":"success","templates":[{"id":"1"},{},7,null,{"id":""}]}', 1),
    ],
)
def test_a_list_may_be_empty_odd_or_under_another_key(make: Callable[..., Client], body: str, count: int) -> None:
    with serving(answer(200, body)) as server:
        assert len(make(server.url).templates(ACCOUNT)) == count


@pytest.mark.parametrize(
    "act",
    [
        answer(200, "<html>maintenance</html>"),
        answer(200, '{"status":"error","message":"later"}'),
        answer(200, '{"templates":null}'),
        answer(500, ""),
        answer(502, "<html>"),
        loopback.read_and_close,
        loopback.read_and_hang,
    ],
)
def test_a_list_that_did_not_come_is_not_an_empty_list(make: Callable[..., Client], act: Act) -> None:
    with serving(act) as server, pytest.raises(Unavailable) as caught:
        make(server.url, (2.0, 0.2)).templates(ACCOUNT)
    assert caught.value.retryable
    assert caught.value.refusal.kind is Kind.RETRY
    assert len(server.sent) == 1


@pytest.mark.parametrize("ask", [Client.templates, Client.subscriptions])
def test_without_an_app_id_there_is_nothing_to_ask(
    make: Callable[..., Client], ask: Callable[[Client, Account], object]
) -> None:
    with serving(answer(200, "{}")) as server, pytest.raises(Misconfigured) as caught:
        ask(make(server.url), Account(KEY, "shopbot", "79001234567"))
    assert caught.value.code == "gupshup_app_id"
    assert "App ID" in str(caught.value)
    assert server.connections == 0


def test_an_app_id_cannot_lead_elsewhere(make: Callable[..., Client]) -> None:
    with serving(answer(200, '{"templates":[]}')) as server:
        make(server.url).templates(Account(KEY, "shopbot", "7900", "../../x?y#"))
    assert server.sent[0].target == "/wa/app/..%2F..%2Fx%3Fy%23/template"


def test_a_check_asks_the_app_for_one_template(make: Callable[..., Client]) -> None:
    with serving(answer(200, '{"templates":[]}')) as server:
        make(server.url).check(ACCOUNT)
    assert (server.sent[0].method, server.sent[0].path) == ("GET", f"/wa/app/{APP_ID}/template")
    assert server.sent[0].query == {"pageNo": "0", "pageSize": "1"}


@pytest.mark.parametrize(
    ("status", "words", "problem"),
    [
        (400, "Invalid Destination", None),
        (401, "Authentication Failed", Misconfigured),
        (400, "Invalid App Details", Misconfigured),
        (404, "Not Found", Rejected),
        (429, "Too Many Requests", Throttled),
        (502, "Bad Gateway", Unavailable),
    ],
)
def test_a_check_without_an_app_id_offers_a_message_to_nobody(
    make: Callable[..., Client], status: int, words: str, problem: type[GupshupError] | None
) -> None:
    account = Account(KEY, "shopbot", "79001234567")
    with serving(answer(status, json.dumps({"status": "error", "message": words}))) as server:
        if problem is None:
            make(server.url).check(account)
        else:
            with pytest.raises(problem):
                make(server.url).check(account)
    assert dict(server.sent[0].form)["destination"] == ""


def test_a_webhook_is_subscribed_with_one_string_of_modes(make: Callable[..., Client]) -> None:
    made = '{"status":"success","subscription":{"id":"9","tag":"waba24","active":true}}'
    with serving(answer(200, '{"subscriptions":[{"id":"1","tag":"crm"}]}'), answer(200, made)) as server:
        found = make(server.url).subscribe(ACCOUNT, "https://app.example.org/gupshup/s3cret", "waba24")
    assert found["id"] == "9"
    assert [(sent.method, sent.target) for sent in server.sent] == [
        ("GET", f"/wa/app/{APP_ID}/subscription"),
        ("POST", f"/wa/app/{APP_ID}/subscription"),
    ]
    assert dict(server.sent[1].form) == {
        "url": "https://app.example.org/gupshup/s3cret",
        "tag": "waba24",
        "version": "2",
        "modes": "MESSAGE,ENQUEUED,FAILED,SENT,DELIVERED,READ,DELETED,TEMPLATE,ACCOUNT,BILLING,OTHERS",
    }


def test_our_own_subscription_is_changed_not_doubled(make: Callable[..., Client]) -> None:
    known = '{"subscriptions":[{"id":"1","tag":"crm"},{"id":"a/2","tag":"waba24","url":"https://old.example.org"}]}'
    with serving(answer(200, known), answer(200, "{}")) as server:
        assert make(server.url).subscribe(ACCOUNT, "https://new.example.org", "waba24", ["READ", "SENT"]) == {}
    assert (server.sent[1].method, server.sent[1].target) == ("PUT", f"/wa/app/{APP_ID}/subscription/a%2F2")
    assert dict(server.sent[1].form) == {
        "url": "https://new.example.org", "tag": "waba24", "version": "2", "modes": "READ,SENT", "active": "true",
    }  # fmt: skip


def test_an_app_that_is_not_live_refuses_subscriptions(make: Callable[..., Client]) -> None:
    with serving(answer(401, '{"message":"Unauthorized"}')) as server, pytest.raises(Misconfigured):
        make(server.url).subscribe(ACCOUNT, "https://new.example.org", "waba24")


def test_the_session_pools_as_many_connections_as_it_was_asked_for() -> None:
    with client_module.session(128) as made:
        adapter: Any = made.get_adapter("https://api.gupshup.io")
        assert adapter.poolmanager.connection_pool_kw["maxsize"] == 128
        assert adapter.max_retries.total == 0
