"""What is seen in the traffic and remembered: answers to open points, and shapes of what was not understood or refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from messaging.insight import observations
from messaging.system.shapes import MAX_SHAPE, PER_PORTAL, shape_of
from messaging.worker.retention import LOCK, Retention
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    post_webhook,
    status_payload,
    template_robot,
    text_payload,
    webhook_path,
)
from tests.support.world import World
from tests.web.inside import opened

#: Whatever of these is in a report has leaked.
PERSONAL = ("79123456789", "Ольга", "olga@example.org", "2026-11-23", "Bearer", "ключ")


def seen(world: World, kind: str = "") -> dict[tuple[str, str], int]:
    """(name, what) → how often, of one kind; without one the answers to open points."""
    observations.gather(world.runtime)
    with world.runtime.db.read() as session:
        rows = observations.answers(session) if not kind else observations.shapes(session)
        return {(row.name, row.what): row.count for row in rows if row.kind == (kind or "point")}


SHAPES: list[tuple[Any, str]] = [
    ({"type": "poll", "n": 3}, "{n: int, type: text 1–16}"),
    ({"phone": OLGA, "ts": "1790000000123"}, "{phone: digits 11, ts: digits 13}"),
    ({"79123456789": "x", "Ольга": "y", "olga@example.org": 1, "ok": True}, "{ok: bool, 1–16 other keys}"),
    ({"Bearer abc": {}, "a" * 300: {}}, "{1–16 other keys}"),
    ({"deadbeefdeadbeefdeadbeef": 1}, "{1–16 other keys}"),
    ({"a": [1, 2, "x", None], "b": [], "c": ""}, '{a: [int | text 1–16 | null] 1–16, b: [] 0, c: ""}'),
    ([{"a": 1.5}, {"a": 2.5}], "[{a: float}] 1–16"),
    (
        {"at": "2026-11-23T09:00:00Z", "url": "https://a.example/secret", "v": "12,50"},
        "{at: time, url: link, v: number}",
    ),
    ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}, "{a: {b: {c: {d: {e: {f: {g: {1–16 keys}}}}}}}}"),
    ("ключ", "text 1–16"),
    (None, "null"),
]


@pytest.mark.parametrize(("payload", "shape"), SHAPES)
def test_a_shape_has_keys_and_types_and_no_value(payload: Any, shape: str) -> None:
    assert shape_of(payload) == shape
    assert not [word for word in PERSONAL if word in shape]


def test_a_shape_is_short_and_quick_whatever_the_payload_is() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    for payload in (deep, {f"key_{letter}" * 5: "v" * 10**6 for letter in "abcdefgh"}, [[[{}] * 99] * 99] * 99):
        assert len(shape_of(payload)) <= MAX_SHAPE
    wide = {"ab"[i % 2] * (i % 50 + 1): {"c" * (j % 50 + 1): j for j in range(500)} for i in range(500)}
    assert len(shape_of(wide)) <= MAX_SHAPE


def test_webhooks_that_are_not_understood_are_kept_as_shapes(shop: World) -> None:
    post_webhook(
        shop, {"type": "poll", "source": OLGA, "id": "in.1", "payload": {"question": "Ольга, когда?"}}, kind="message"
    )
    post_webhook(shop, {"type": "teleported", "gsId": "1" * 36}, kind="message-event")
    post_webhook(shop, {"who": "Ольга"}, kind="strange-event")
    for body in (b"broken", b'{"entry": [{"id": "1"}]}', b"", b"[]"):
        shop.app.post(webhook_path(shop, shop.line), data=body)
    post_webhook(shop, text_payload(OLGA, "Добрый день"))
    found = seen(shop, "webhook")
    assert {name for name, _ in found} == {
        "a message of no known type",
        "no known type: message-event",
        "no known type: other",
        "not a JSON object",
        "version 3 envelope",
        "empty body",
    }
    with shop.runtime.db.read() as session:
        assert {row.portal_id for row in observations.shapes(session)} == {shop.line.portal_id}
    shown = str(found)
    assert "question: text 1–16" in shown
    assert not [word for word in PERSONAL if word in shown], shown
    shop.advance_clock(3600)
    post_webhook(shop, {"who": "Пётр"}, kind="strange-event")
    assert sum(times for (name, _), times in seen(shop, "webhook").items() if name.endswith("other")) == 2


FORMS: list[tuple[str, str, dict[str, str], tuple[str, str]]] = [
    ("/robots/send_text", "call", {"code": "robot.send_text"}, ("400 event_token is missing", "{code: text 1–16}")),
    (
        "/bx24/events",
        "event",
        {"event": "ONAPPTEST", "auth[member_id]": "0" * 32, "auth[secret]": "Ольга"},
        ("403", ""),
    ),
    ("/bx24/install", "frame", {"AUTH_ID": "79123456789"}, ("400 DOMAIN is not a host name", "{AUTH_ID: digits 11}")),
    ("/bx24/app?DOMAIN=acme.example", "frame", {"member_id": "1" * 32, "AUTH_ID": "7" * 70}, ("403", "")),
]


@ONE_DATABASE
@pytest.mark.parametrize(("path", "kind", "form", "expected"), FORMS)
def test_forms_that_are_refused_are_kept_as_shapes(
    shop: World, path: str, kind: str, form: dict[str, str], expected: tuple[str, str]
) -> None:
    assert (
        shop.app.post(path, data=urlencode(form), content_type="application/x-www-form-urlencoded").status_code >= 400
    )
    [(name, what)] = seen(shop, kind)
    assert name == expected[0]
    assert what == expected[1] or not expected[1]
    assert not [word for word in PERSONAL if word in what]


@ONE_DATABASE
def test_nonsense_by_the_thousand_keeps_few_shapes_and_loses_no_count(shop: World) -> None:
    for number in range(3 * PER_PORTAL):
        letters = "".join(chr(97 + (number // 26**place) % 26) for place in range(3))
        post_webhook(shop, {letters: number}, kind="strange-event")
    found = seen(shop, "webhook")
    assert len(found) == PER_PORTAL + 1
    assert sum(found.values()) == 3 * PER_PORTAL
    assert found["no known type: other", ""] == 2 * PER_PORTAL


def test_the_table_is_bounded_and_forgets_shapes_but_no_answers(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "PER_PORTAL", 2)
    for letter in "abcd":
        post_webhook(shop, {letter: 1}, kind="strange-event")
    shop.robots_start(template_robot())
    shop.advance_clock(1)
    found = seen(shop, "webhook")
    assert len(found) == 3
    assert found["no known type: other", ""] == 2
    answers = seen(shop)
    assert answers
    shop.now += timedelta(days=91)
    shop.runtime.redis.delete(LOCK)
    Retention(shop.runtime).step()
    assert seen(shop, "webhook") == {}
    assert seen(shop) == answers


@ONE_DATABASE
def test_what_was_gathered_is_not_counted_again(shop: World) -> None:
    seen(shop)
    shop.runtime.counters.seen("point", "bitrix24.1", "late_later")
    observations.gather(shop.runtime)
    assert seen(shop)["bitrix24.1", "late_later"] == 1
    assert seen(shop)["bitrix24.1", "late_later"] == 1


def _click(shop: World, said: str, **inner: Any) -> None:
    post_webhook(
        shop, {"type": said, "id": f"in.{said}", "source": OLGA, "payload": {"title": "Да", **inner}}, kind="message"
    )


ANSWERS: list[tuple[str, Any, tuple[str, str]]] = [
    ("a frame", lambda shop: opened(shop), ("bitrix24.3", "server_endpoint_and_application_token")),
    (
        "a call",
        lambda shop: shop.robot_runs("robot.send_text", text="a", phone=OLGA),
        ("bitrix24.1", "late_within_5_s"),
    ),
    ("calls", lambda shop: shop.robot_runs("robot.send_text", text="a", phone=OLGA), ("bitrix24-2.9", "rate_up_to_2")),
    (
        "a file by its number",
        lambda shop: shop.robot_runs("robot.send_file", file="4711", phone=OLGA),
        ("bitrix24.2", "file_number"),
    ),
    (
        "a moment",
        lambda shop: shop.robot_runs("robot.send_text", text="17.03.2026 09:30:00", phone=OLGA),
        ("bitrix24.2", "moment_dotted"),
    ),
    (
        "a click",
        lambda shop: _click(shop, "button_reply", postbackText="1", reply="Да 1"),
        ("gupshup.2", "button_reply_with_postback"),
    ),
    (
        "an old click",
        lambda shop: _click(shop, "quick_reply", reply="Да 1"),
        ("gupshup.2", "quick_reply_without_postback"),
    ),
    (
        "a bill",
        lambda shop: post_webhook(shop, {"deductions": {"category": "service"}}, kind="billing-event"),
        ("gupshup-2.7", "service"),
    ),
    (
        "an invented bill",
        lambda shop: post_webhook(shop, {"deductions": {"category": OLGA}}, kind="billing-event"),
        ("gupshup-2.7", "other"),
    ),
    (
        "a repeated webhook",
        lambda shop: [post_webhook(shop, status_payload("read", "1" * 36, at=shop.now)) for _ in range(2)],
        ("gupshup.10", "repeated"),
    ),
]


@ONE_DATABASE
@pytest.mark.parametrize(("what", "act", "expected"), ANSWERS, ids=[one[0] for one in ANSWERS])
def test_open_points_are_answered_as_they_are_met(shop: World, what: str, act: Any, expected: tuple[str, str]) -> None:
    before = seen(shop).get(expected, 0)
    act(shop)
    assert seen(shop).get(expected, 0) > before, what


@ONE_DATABASE
def test_an_answer_during_a_lock_and_a_replaced_token_are_told(shop: World) -> None:
    shop.portal.faults.update({"locked": ["*"]})
    shop.robot_runs("robot.check_window", phone=OLGA)
    shop.portal.faults.update({"locked": []})
    shop.advance_clock(60)
    assert seen(shop)["bitrix24.7", "workflow_went_on"] == 1
