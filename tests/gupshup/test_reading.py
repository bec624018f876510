"""Values of a webhook are as long as a stranger likes: what is logged, searched and compared is cut where it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gupshup.webhooks import parse


@pytest.mark.parametrize(
    ("envelope", "field", "length"),
    [
        ({"type": "message-event", "payload": {"type": "failed", "payload": {"code": "x" * 40_000}}}, "code", 256),
        ({"type": "message-event", "payload": {"type": "failed", "payload": {"reason": "x" * 40_000}}}, "reason", 1000),
        ({"type": "message-event", "payload": {"type": "sent", "id": "x" * 40_000}}, "ref", 256),
        ({"type": "message", "payload": {"type": "text", "id": "x" * 40_000}}, "provider_id", 256),
        (
            {"type": "message", "payload": {"type": "text", "source": "7" * 40_000}},
            "phone",
            0,
        ),  # longer than any number is
        ({"type": "message", "payload": {"type": "image", "payload": {"url": "x" * 40_000}}}, "file_url", 2048),
        ({"type": "template-event", "payload": {"elementName": "x" * 40_000}}, "name", 256),
        ({"type": "account-event", "payload": {"type": "x" * 40_000}}, "kind", 256),
        ({"type": "x" * 40_000}, "type", 256),
    ],
)
def test_codes_types_ids_and_links_are_cut_where_they_are_read(
    envelope: dict[str, Any], field: str, length: int
) -> None:
    (event,) = parse(json.dumps(envelope).encode())
    assert len(getattr(event, field)) == length
