"""Limits that keep a caller from holding up the others: work is counted, not timed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy.orm import Session

from messaging.limits import bounds
from messaging.runtime import Runtime
from messaging.stages.inbound import stage
from messaging.stages.inbound.apply import Arrived
from messaging.store.models import InboundEvent
from tests.flows.scenes import ONE_DATABASE, jump_clock, webhook_path
from tests.support.world import World

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


# ------------------------------------------------------------------ webhooks


@ONE_DATABASE
def test_nothing_is_read_of_a_webhook_with_an_unknown_secret(shop: World) -> None:
    for content in (b"x" * 63 * MB, b"{}"):
        body = Body(content)
        assert post(shop, "/gupshup/nobody", body).status_code == 404
        assert body.taken == 0


@ONE_DATABASE
def test_a_webhook_over_4_megabytes_is_refused_unread(shop: World) -> None:
    path = webhook_path(shop, shop.line)
    body = Body(b"x" * (bounds.WEBHOOK_BYTES + 1))
    assert post(shop, path, body).status_code == 413
    assert body.taken == 0
    chunked = Body(b"x" * (bounds.WEBHOOK_BYTES + 9 * MB))
    answer = shop.app.post(path, input_stream=chunked, environ_overrides={"wsgi.input_terminated": True})
    assert answer.status_code == 413
    assert chunked.taken <= bounds.WEBHOOK_BYTES + MB


def test_a_long_webhook_is_kept_whole_and_the_worker_never_opens_it(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = b"[" + b"0," * (2 * MB - 2) + b"0]"
    assert len(long) <= bounds.WEBHOOK_BYTES
    answer = post(shop, webhook_path(shop, shop.line), Body(long))
    assert (answer.status_code, answer.data) == (200, b"")
    (event,) = shop.stored_rows(InboundEvent)
    assert (event.body.encode(), event.label, event.state) == (long, "unknown", "odd")
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
