"""Broken and mutated bodies: refused or stored, never an error of ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from messaging.store.models import InboundEvent, Run
from tests.flows.scenes import OLGA, ending, jump_clock, open_windows, template_robot, webhook_path
from tests.support.world import World
from tests.web.posts import count_of, robot_call

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
    assert count_of(shop, Run) == 0


def test_no_property_makes_a_run_fail_to_be_stored_or_answered(shop: World) -> None:
    valid = dict(pair.split("=", 1) for pair in robot_call(shop).split("&"))
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
    assert count_of(shop, InboundEvent) > 30
    open_windows(shop, "79162223301")
    assert ending(shop.robot_runs("robot.send_text", text="живы", phone="79162223301")) == ("accepted", "")
    jump_clock(shop, 620, 1)
    assert {event.state for event in shop.stored_rows(InboundEvent)} <= {"done", "odd"}
    assert ending(unclear)[0] in ("replied", "failed", "unknown")
