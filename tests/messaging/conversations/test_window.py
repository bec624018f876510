"""WhatsApp's 24-hour window, a minute short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from messaging.conversations.window import window_until
from messaging.runs.window import WINDOW

CONNECTED = datetime(2026, 11, 23, 9, 0, 0, 500_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def written(at: datetime | None) -> Any:
    return SimpleNamespace(last_inbound_at=at)


LAST = CONNECTED + timedelta(hours=5)


@pytest.mark.parametrize(
    ("conversation", "now", "until"),
    [
        (None, LAST, None),
        (written(None), LAST, None),
        (written(LAST), LAST, LAST + WINDOW),
        (written(LAST), LAST + WINDOW - SECOND, LAST + WINDOW),
        (written(LAST), LAST + WINDOW, None),
        (written(LAST), LAST + timedelta(days=3), None),
        (written(CONNECTED - SECOND), CONNECTED, None),
        (written(CONNECTED.replace(microsecond=0)), CONNECTED, CONNECTED.replace(microsecond=0) + WINDOW),
    ],
    ids=["no conversation", "no message", "now", "last second", "closed", "long ago", "before the line", "same second"],
)
def test_the_window_is_open_for_a_day_after_the_client_wrote(
    conversation: Any, now: datetime, until: datetime | None
) -> None:
    line: Any = SimpleNamespace(connected_at=CONNECTED)
    assert window_until(conversation, line, now) == until


def test_the_window_closes_a_minute_before_whatsapp_closes_it() -> None:
    assert timedelta(hours=24) - WINDOW == timedelta(minutes=1)
