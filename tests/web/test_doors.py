"""Who may come in: forged, wrong and broken requests (contract, sections 3, 6 and 8; bitrix24.md 11)."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from messaging.limits import concurrency
from messaging.portals import portals
from messaging.store.models import Base, InboundEvent, Portal, Run
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    ending,
    host,
    jump_clock,
    open_windows,
    rest_calls,
    template_robot,
    webhook_path,
)
from tests.support.world import AUTH, PORTAL, World

EVIL = "https://evil.example"


def _rows(world: World, model: type[Base]) -> int:
    with world.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def _auth(world: World, user_id: int = 1, portal: Any = None, **changes: str) -> dict[str, Any]:
    return {**(portal or world.portal).event_auth(user_id, with_refresh=True), **changes}


def _form(data: dict[str, Any]) -> str:
    """Nested maps as PHP writes them."""
    pairs: list[tuple[str, str]] = []

    def flatten(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                flatten(f"{prefix}[{key}]" if prefix else str(key), inner)
        else:
            pairs.append((prefix, str(value)))

    flatten("", data)
    return urlencode(pairs)


def _run(world: World, *, code: str = "robot.send_template", token: str = "wf|A1|x.sig", **auth: str) -> str:
    document = {"0": "crm", "1": "CCrmDocumentDeal", "2": "DEAL_1"}
    return _form(
        {
            "workflow_id": "wf",
            "code": code,
            "document_id": document,
            "document_type": {**document, "2": "DEAL"},
            "event_token": token,
            "properties": {"template": "welcome", "language": "ru", "phone": OLGA},
            "use_subscription": "Y",
            "auth": _auth(world, **auth),
        }
    )


def _frame(world: World, portal: Any = None, user_id: int = 1, **changes: str) -> dict[str, str]:
    portal = portal or world.portal
    grant = world.bx.tokens.issue(portal, user_id)
    return {
        "AUTH_ID": grant.access_token,
        "REFRESH_ID": grant.refresh_token,
        "AUTH_EXPIRES": "3600",
        "member_id": portal.member_id,
        "PLACEMENT": "DEFAULT",
        "SERVER_ENDPOINT": f"{AUTH}/rest/",
        **changes,
    }


def _open(world: World, page: str, form: dict[str, str], domain: str = "acme.example") -> Any:
    return world.app.post(f"/bx24/{page}?DOMAIN={domain}&PROTOCOL=1&LANG=ru&APP_SID=0f", data=form)


def _post(world: World, path: str) -> Any:
    return world.app.post(f"{path}&DOMAIN=acme.example&PROTOCOL=1&APP_SID=0f", data=_frame(world))


FORGERIES: dict[str, dict[str, str]] = {
    "unknown token": {"AUTH_ID": "f" * 70},
    "no token": {"AUTH_ID": ""},
    "attacker's auth server": {"AUTH_ID": "f" * 70, "SERVER_ENDPOINT": f"{EVIL}/rest/"},
    "somebody else's portal": {"member_id": "0" * 32},
}


@ONE_DATABASE
@pytest.mark.parametrize("page", ["install", "app"])
def test_a_forged_frame_learns_nothing_and_makes_us_call_nobody(world: World, page: str) -> None:
    for what, forged in FORGERIES.items():
        answer = _open(world, page, {**_frame(world), **forged}, domain="evil.example")
        assert answer.status_code == 403, what
        assert world.portal.member_id not in answer.text, what
        assert f"frame-ancestors {PORTAL}" not in answer.headers["Content-Security-Policy"], what
        assert world.net.hosts() <= {host(AUTH)}, what
    assert _rows(world, Portal) == 0


@ONE_DATABASE
def test_a_true_token_beside_a_forged_address_leads_to_the_true_portal(world: World) -> None:
    install = _form(
        {
            "event": "ONAPPINSTALL",
            "data": {"VERSION": "1", "LANGUAGE_ID": "ru"},
            "auth": _auth(
                world, client_endpoint=f"{EVIL}/rest/", server_endpoint=f"{EVIL}/rest/", domain="evil.example"
            ),
        }
    )
    assert world.app.post("/bx24/events", data=install).status_code == 200
    world.advance_clock(5)
    assert "evil.example" not in world.net.hosts()
    with world.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
    assert (portal.client_endpoint, portal.server_endpoint) == (f"{PORTAL}/rest/", f"{AUTH}/rest/")


@ONE_DATABASE
def test_a_token_of_another_app_or_another_portal_installs_nothing(world: World) -> None:
    other = world.bx.add_portal("https://other.example")
    world.net.apps["other.example"] = world.bx.app_of(other)
    mixed = {**_frame(world), "member_id": other.member_id}
    assert _open(world, "install", mixed).status_code == 403
    other.installation.client_id = "local.of.somebody.else"
    assert _open(world, "install", _frame(world, other)).status_code == 403
    assert world.net.hosts() == {host(AUTH)}
    assert _rows(world, Portal) == 0


@ONE_DATABASE
def test_the_secret_is_sent_to_the_auth_server_alone(shop: World) -> None:
    shop.control.post("/emulator/faults", json={"expire_tokens": True}, base_url=PORTAL)
    shop.robot_runs("robot.send_template", template="welcome", language="ru")
    shown = {
        host(str(request.url))
        for request in shop.net.seen
        if shop.bx.client_secret in f"{request.url}{request.body!r}{request.headers}"
    }
    assert shown == {host(AUTH)}


def test_calls_are_refused_without_a_word(shop: World) -> None:
    other = {"application_token": shop.portal.installation.application_token}
    cases = [
        ("/robots/send_template", _run(shop, application_token="0" * 32), 403),
        ("/robots/send_template", _run(shop, application_token=""), 403),
        ("/robots/send_template", _run(shop, member_id="1" * 32, **other), 403),
        ("/activities/send_template", _run(shop, code="activity.send_template", application_token="x"), 403),
        ("/robots/send_template", _run(shop, code="robot.send_text"), 400),
        ("/robots/send_template", _run(shop, code="activity.send_template"), 400),
        ("/activities/send_template", _run(shop), 400),
        ("/robots/send_telegram", _run(shop, code="robot.send_telegram"), 404),
        ("/robots/../robots/send_text", _run(shop), 404),
        ("/robots/send_template", "", 400),
        ("/robots/send_template", _run(shop, token=""), 400),
        ("/robots/send_template", _run(shop, member_id=""), 400),
        ("/bx24/events", _form({"event": "ONAPPUNINSTALL", "auth": _auth(shop, application_token="0" * 32)}), 403),
        ("/bx24/events", _form({"event": "ONAPPUPDATE", "auth": _auth(shop, member_id="1" * 32)}), 403),
        ("/bx24/events", _form({"event": "ONAPPINSTALL", "auth": _auth(shop, access_token="f" * 70)}), 403),
        ("/bx24/events", "event=ONAPPUPDATE", 400),
        ("/bx24/app", "", 400),
        ("/gupshup/wrong-secret", "{}", 404),
        ("/gupshup/", "{}", 404),
    ]
    found = [(path, shop.app.post(path, data=body)) for path, body, _ in cases]
    assert [(path, answer.status_code) for path, answer in found] == [(path, status) for path, _, status in cases]
    refused = [answer for path, answer in found if answer.status_code == 403]
    assert {answer.data for answer in refused} == {b""}
    assert _rows(shop, Run) == 0
    assert shop.app.post("/robots/send_template", data=_run(shop)).status_code == 200
    assert _rows(shop, Run) == 1, "the same call with the right token"


@ONE_DATABASE
def test_before_the_install_every_call_is_refused(world: World) -> None:
    assert world.app.post("/robots/send_template", data=_run(world)).status_code == 403
    event = _form({"event": "ONAPPUPDATE", "auth": _auth(world)})
    assert world.app.post("/bx24/events", data=event).status_code == 403
    assert world.net.seen == [], "nobody is asked about an unknown portal"


@ONE_DATABASE
def test_what_bitrix24_sends_is_answered_200_and_empty(shop: World) -> None:
    answers = [
        shop.app.post("/robots/send_template", data=_run(shop)),
        shop.app.post("/bx24/events", data=_form({"event": "ONAPPTEST", "auth": _auth(shop)})),
        shop.app.post(webhook_path(shop, shop.line), data=b"{}"),
        shop.app.get(webhook_path(shop, shop.line)),
    ]
    assert [(answer.status_code, answer.data) for answer in answers] == [(200, b"")] * 4


_BYTES = st.binary(max_size=200)
_NAMES = st.sampled_from(
    [
        *("event", "event_token", "code", "workflow_id", "use_subscription", "timeout_duration", "ts", "DOMAIN"),
        *(
            "AUTH_ID",
            "member_id",
            "PLACEMENT_OPTIONS",
            "properties[wait_minutes]",
            "properties[params][0]",
            "properties",
        ),
        *(
            "auth[member_id]",
            "auth[application_token]",
            "auth[access_token]",
            "auth[expires_in]",
            "auth",
            "data[CLEAN]",
        ),
        *("document_id[0]", "document_id[1]", "document_id[2]", "document_type[0]", "document_type[2]", "a[b[c]]]"),
    ]
)
_VALUES = st.one_of(
    st.text(max_size=40), st.sampled_from(["²", "9" * 30, "\x00", "-1", "Y" * 3000, "%", "ONAPPINSTALL"])
)
_FORMS = st.lists(st.tuples(_NAMES, _VALUES), max_size=25).map(lambda pairs: urlencode(pairs).encode())
_PATHS = ["/bx24/install", "/bx24/app", "/bx24/events", "/robots/send_text", "/activities/send_location"]


def test_no_body_makes_bitrix24s_doors_answer_5xx(shop: World) -> None:
    @settings(max_examples=100)
    @given(st.sampled_from(_PATHS), st.one_of(_BYTES, _FORMS))
    def knock(path: str, body: bytes) -> None:
        for query in ("", "?DOMAIN=acme.example&LANG=%00"):
            answer = shop.app.post(path + query, data=body, content_type="application/x-www-form-urlencoded")
            assert answer.status_code in (400, 403, 404), (path, answer.status_code)

    knock()
    assert _rows(shop, Run) == 0


def test_no_property_makes_a_run_fail_to_be_stored_or_answered(shop: World) -> None:
    valid = dict(pair.split("=", 1) for pair in _run(shop).split("&"))
    count = 0
    fields = ["params][0", "language", "phone", "line", "wait_minutes", "until", "template", "if_empty", "header"]

    @settings(max_examples=100)
    @given(st.dictionaries(st.sampled_from(fields), _VALUES, min_size=1, max_size=4), _VALUES)
    def call(properties: dict[str, str], odd: str) -> None:
        nonlocal count
        count += 1
        form = {key: value for key, value in valid.items() if not key.startswith("properties")}
        changed = {f"properties[{name}]": value for name, value in properties.items()}
        plain = urlencode({**changed, "event_token": f"wf|A1|{count}.sig", "workflow_id": odd or "w", "ts": odd})
        kept = "&".join(f"{key}={value}" for key, value in form.items() if key not in ("event_token", "workflow_id"))
        answer = shop.app.post("/robots/send_template", data=f"{kept}&{plain}")
        assert (answer.status_code, answer.data) == (200, b"")

    call()
    jump_clock(shop, 0.1, 1, 5)
    with shop.runtime.db.read() as session:
        runs = session.scalars(select(Run)).all()
        assert len(runs) == count
        assert {run.state for run in runs if run.outcome not in ("accepted",)} <= {"ended"}
        assert "internal" not in {run.error_code for run in runs}, (
            "each wrong value is explained, none is a fault of ours"
        )


_ODD = ["\ud800", "\x00", "9" * 400]
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.just("\ud800"),
        st.just("9" * 400),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
_KEYS = [
    "id",
    "gsId",
    "type",
    "destination",
    "source",
    "code",
    "reason",
    "ts",
    "whatsappMessageId",
    "sender",
    "context",
]
_PAYLOADS = st.dictionaries(st.sampled_from([*_KEYS, "payload"]), _JSON, max_size=6)
_KINDS = ["message", "message-event", "template-event", "account-event", "billing-event", "user-event", "new-event"]
_WORDS = [
    "enqueued",
    "sent",
    "delivered",
    "read",
    "failed",
    "deleted",
    "mismatch",
    "text",
    "image",
    "button_reply",
    "x",
]


@st.composite
def _webhooks(draw: Any) -> bytes:
    payload = {**draw(_PAYLOADS), "type": draw(st.sampled_from(_WORDS)), "payload": draw(_PAYLOADS)}
    if draw(st.booleans()):
        payload["sender"] = {"phone": draw(st.sampled_from([OLGA, "9" * 40, "", "abc"]))}
        payload["destination"] = draw(st.sampled_from([OLGA, "9" * 40]))
    body = {"app": "acmeshop", "timestamp": draw(_JSON), "type": draw(st.sampled_from(_KINDS)), "payload": payload}
    return json.dumps(draw(st.sampled_from([body, [body], payload]))).encode()


def test_no_webhook_is_answered_with_anything_but_200_and_nothing(shop: World) -> None:
    """And none of them stops those that come after it."""
    shop.set_gupshup_faults(next=["drop_after_accept"], drop_statuses=["enqueued", "sent"])
    unclear = shop.robots_start(template_robot(until="replied"))
    jump_clock(shop, 0.1)
    path = webhook_path(shop, shop.line)

    @settings(max_examples=120)
    @given(st.one_of(_BYTES, _webhooks()))
    def post(body: bytes) -> None:
        answer = shop.app.post(path, data=body)
        assert (answer.status_code, answer.data) == (200, b"")

    post()
    long = {
        "type": "failed",
        "destination": OLGA,
        "id": "g" * 500,
        "payload": {"code": "c" * 500, "reason": "r" * 5000},
    }
    odd = {"id": "i" * 500, "source": OLGA, "type": "text", "payload": {"text": "\x00\ud800" + "т" * 9000}}
    for payload, kind in ((long, "message-event"), (odd, "message")):
        assert shop.app.post(path, json={"app": "acmeshop", "type": kind, "payload": payload}).status_code == 200
    assert shop.app.post(path, data=b"x" * 300_000).status_code == 200
    jump_clock(shop, 1, 5)
    assert _rows(shop, InboundEvent) > 30
    open_windows(shop, "79162223301")
    assert ending(shop.robot_runs("robot.send_text", text="живы", phone="79162223301")) == ("accepted", "")
    jump_clock(shop, 620, 1)
    assert {event.state for event in shop.stored_rows(InboundEvent)} <= {"done", "odd"}
    assert ending(unclear)[0] in ("replied", "failed", "unknown")


@ONE_DATABASE
def test_a_page_is_framed_by_its_own_portal_only_and_shows_no_secret(shop: World) -> None:
    answer = _open(shop, "app", _frame(shop))
    assert answer.status_code == 200
    assert f"frame-ancestors {PORTAL}" in answer.headers["Content-Security-Policy"]
    assert "Приложение установлено" in answer.text
    for secret in (*_secrets(shop), webhook_path(shop, shop.line).rpartition("/")[2]):
        assert secret not in answer.text
    reader = _open(shop, "app", _frame(shop, user_id=2))
    assert reader.status_code == 200
    for url in ("/bx24/app", "/bx24/install"):
        assert shop.app.get(url).status_code == 200, "a reload inside the frame"
        assert "acmeshop" not in shop.app.get(url).text


def _secrets(world: World) -> set[str]:
    with world.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        return {
            world.bx.client_secret,
            portal.access_token or "-",
            portal.refresh_token or "-",
            portal.application_token or "-",
            portal.lines[0].api_key or "-",
        }


@ONE_DATABASE
def test_the_install_status_is_for_the_page_that_was_opened(shop: World) -> None:
    page = _open(shop, "install", _frame(shop)).text
    found = re.search(r'"([A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{20,})"', page)
    assert found, page[:500]
    token = found[1]
    good = shop.app.get("/bx24/install/status", headers={"X-Waba24-Frame": token})
    assert good.status_code == 200
    assert set(good.json) == {"registered", "failed", "tries"}
    for bad in ("", "x", token[:-2], token + "x"):
        assert shop.app.get("/bx24/install/status", headers={"X-Waba24-Frame": bad}).status_code == 401


@ONE_DATABASE
def test_rest_is_called_with_tokens_in_bodies_only(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru")
    with shop.runtime.db.read() as session:
        token = session.scalars(select(Portal)).one().access_token or ""
    assert rest_calls(shop, "batch")
    assert not [
        request.url for request in shop.net.seen if token in str(request.url) and host(AUTH) not in str(request.url)
    ]


@pytest.mark.parametrize("slow", [AUTH, PORTAL])
def test_frames_that_wait_for_a_slow_bitrix24_leave_threads_to_robots(
    shop: World, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    monkeypatch.setattr(portals, "_seats", concurrency.Seats(patience_s=0.05))
    held, go_on, timeouts = threading.Semaphore(0), threading.Event(), []
    send = shop.net.send

    def hang(request: Any, *args: Any, **kwargs: Any) -> Any:
        timeouts.append(kwargs["timeout"])
        if urlsplit(str(request.url)).netloc == urlsplit(slow).netloc:
            held.release()
            go_on.wait(30)
        return send(request, *args, **kwargs)

    monkeypatch.setattr(shop.net, "send", hang)
    pages = ("/bx24/app?LANG=ru", "/bx24/install?LANG=ru", "/robots/send_template/settings?LANG=ru")
    with ThreadPoolExecutor(concurrency.SEATS) as people:
        opened = [people.submit(_post, shop, page) for page in pages]
        assert all(held.acquire(timeout=10) for _ in opened)
        for page in pages:
            refused = _post(shop, page)
            assert (refused.status_code, "не отвечает" in refused.text) == (403, True), refused.text
        robot = _run(shop)
        form = "application/x-www-form-urlencoded"
        assert shop.app.post("/robots/send_template", data=robot, content_type=form).status_code == 200
        go_on.set()
        assert [one.result().status_code for one in opened] == [200, 200, 200]
    assert set(timeouts) == {concurrency.HASTE}
    assert _post(shop, pages[0]).status_code == 200, "the seats were given back"
