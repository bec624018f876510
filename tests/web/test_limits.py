"""Limits that keep a caller from holding up the others: work is counted, not timed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bx24.payloads import OPTIONS_PARTS
from gupshup.webhooks import READ_BYTES
from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.runtime import Runtime
from messaging.stages.inbound import stage
from messaging.stages.inbound.apply import Arrived
from messaging.store.models import InboundEvent
from tests.flows.scenes import ONE_DATABASE, jump_clock, webhook_path
from tests.support.world import World
from tests.web.posts import frame_form
from web import context

MB = 1024 * 1024


class Body(BytesIO):
    """A request's body that counts the bytes read of it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.length = len(content)
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def post(world: World, path: str, body: Body, **more: Any) -> Any:
    """Post this body with its length."""
    return world.app.post(path, input_stream=body, content_length=body.length, **more)


# ------------------------------------------------------------------ doors of Bitrix24


@ONE_DATABASE
@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/robots/send_template", bounds.ROBOT_CALL_BYTES),
        ("/activities/send_text", bounds.ROBOT_CALL_BYTES),
        ("/bx24/events", bounds.EVENT_BYTES),
        ("/bx24/install", bounds.FRAME_BYTES),
        ("/robots/send_template/settings", bounds.FRAME_BYTES),
    ],
)
def test_a_body_over_its_limit_is_refused_unread(shop: World, path: str, most: int) -> None:
    assert most <= 4 * MB
    body = Body(b"x" * (most + 1))
    assert post(shop, path, body, content_type="application/x-www-form-urlencoded").status_code == 413
    assert body.taken == 0


@ONE_DATABASE
@pytest.mark.parametrize(("forged", "status"), [({"AUTH_ID": "0" * 40}, 403), ({}, 400)], ids=["forged", "genuine"])
def test_options_are_not_read_before_the_user_is_known(shop: World, forged: dict[str, str], status: int) -> None:
    form = frame_form(shop, PLACEMENT_OPTIONS="[" * (OPTIONS_PARTS + 1), **forged)
    answer = shop.app.post("/robots/send_template/settings?DOMAIN=acme.example&PROTOCOL=1&LANG=ru", data=form)
    assert answer.status_code == status


# ------------------------------------------------------------------ webhooks


@ONE_DATABASE
def test_nothing_is_read_of_a_webhook_with_an_unknown_secret(shop: World) -> None:
    for content in (b"x" * 63 * MB, b"{}"):
        body = Body(content)
        assert post(shop, "/gupshup/nobody", body).status_code == 404
        assert body.taken == 0


@ONE_DATABASE
def test_a_webhook_over_4_megabytes_is_refused_unread(shop: World) -> None:
    assert bounds.WEBHOOK_BYTES == 4 * MB
    path = webhook_path(shop, shop.line)
    body = Body(b"x" * (bounds.WEBHOOK_BYTES + 1))
    assert post(shop, path, body).status_code == 413
    assert body.taken == 0
    chunked = Body(b"x" * (bounds.WEBHOOK_BYTES + 9 * MB))
    answer = shop.app.post(path, input_stream=chunked, environ_overrides={"wsgi.input_terminated": True})
    assert answer.status_code == 413
    assert chunked.taken <= bounds.WEBHOOK_BYTES + MB


def test_of_a_long_webhook_the_beginning_is_kept_and_the_worker_never_opens_it(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = b"[" + b"0," * (2 * MB - 2) + b"0]"
    assert len(long) <= bounds.WEBHOOK_BYTES
    answer = post(shop, webhook_path(shop, shop.line), Body(long))
    assert (answer.status_code, answer.data) == (200, b"")
    (event,) = shop.stored_rows(InboundEvent)
    assert (event.body.encode(), event.label, event.state) == (long[: bounds.UNREAD_WEBHOOK_BYTES], "unknown", "odd")
    monkeypatch.setattr(stage, "apply", lambda *_: pytest.fail("the worker opens it"))
    jump_clock(shop, 1)


def test_a_round_of_the_worker_applies_a_bounded_number_of_events(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = webhook_path(shop, shop.line)
    applied: list[int] = []
    for number in range(6):
        events = [{"type": "user-event", "payload": {"post": number, "n": n}} for n in range(100)]
        assert shop.app.post(path, data=json.dumps(events)).status_code == 200

    def apply(session: Session, runtime: Runtime, group: Sequence[Arrived]) -> None:
        applied.append(sum(len(one.events) for one in group))
        inside(session, runtime, group)

    inside = stage.apply
    monkeypatch.setattr(stage, "apply", apply)
    jump_clock(shop, 1, 1, 1)
    assert sum(applied) == 600
    assert max(applied) <= 200


# ---------------------------------------------------------------------- any door


@ONE_DATABASE
@pytest.mark.parametrize(
    "path", ["/robots/send_text", "/bx24/app?LANG=ru", "/bx24/install", "/bx24/events", "/robots/send_text/settings"]
)
def test_a_process_decodes_a_bounded_number_of_long_bodies_at_once(
    shop: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the places are taken, a long body is not even read; a short one passes."""
    limit = ConcurrencyLimit(bounds.LONG_BODIES_AT_ONCE, patience_s=0)
    monkeypatch.setattr(context, "_long_bodies", limit)
    long = b"x=" + b"%41" * (bounds.LONG_BODY_BYTES // 3)
    form = "application/x-www-form-urlencoded"
    with limit.acquire(), limit.acquire():
        body = Body(long)
        answer = post(shop, path, body, content_type=form)
        assert (answer.status_code, body.taken) == (503, 0)
        assert int(answer.headers["Retry-After"]) > 0
        assert shop.app.post(path, data=b"x=1", content_type=form).status_code == 400
    assert post(shop, path, Body(long), content_type=form).status_code == 400


@ONE_DATABASE
def test_a_person_is_told_that_the_server_is_busy(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_long_bodies", ConcurrencyLimit(0, patience_s=0))
    long = b"x=" + b"y" * bounds.LONG_BODY_BYTES
    answer = shop.app.post("/bx24/app?LANG=ru", data=long, content_type="application/x-www-form-urlencoded")
    assert "занят" in answer.text


def test_a_webhook_is_long_from_the_size_on_from_which_it_is_not_read() -> None:
    assert bounds.LONG_BODY_BYTES == READ_BYTES
