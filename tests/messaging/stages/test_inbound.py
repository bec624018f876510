"""The rules of applying webhooks: what becomes of a webhook, and which message an event is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gupshup.events import Status, StatusKind
from messaging.stages.inbound.apply import PARK, WAIT, KnownMessages, settled
from messaging.store.states import EventState

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DONE, UNHANDLED = EventState.DONE, EventState.UNHANDLED


@pytest.mark.parametrize(
    ("states", "expected"),
    [([DONE], DONE), ([DONE, DONE], DONE), ([DONE, UNHANDLED], UNHANDLED), ([UNHANDLED], UNHANDLED), ([], UNHANDLED)],
    ids=["one", "both", "one of two not", "not understood", "not readable"],
)
def test_a_webhook_is_done_when_all_its_events_are(states: list[str], expected: EventState) -> None:
    assert settled(NOW, states, NOW) == {"state": expected}


@pytest.mark.parametrize(
    ("waited_s", "again_in_s"),
    [(0, 2), (10, 12), (58, 60), (300, 60), (PARK.total_seconds() - 1, 60), (PARK.total_seconds(), None)],
)
@pytest.mark.parametrize("others", [[], [DONE], [UNHANDLED]])
def test_a_webhook_waits_for_its_message_longer_each_time_but_not_for_ever(
    waited_s: float, again_in_s: float | None, others: list[str]
) -> None:
    columns = settled(NOW - timedelta(seconds=waited_s), [*others, WAIT], NOW)
    if again_in_s is None:
        assert columns == {"state": UNHANDLED}
    else:
        assert columns == {"due_at": NOW + timedelta(seconds=again_in_s)}


def message(number: int, line_id: int, gupshup_id: str | None, whatsapp_id: str | None) -> Any:
    return SimpleNamespace(id=number, line_id=line_id, gupshup_id=gupshup_id, whatsapp_id=whatsapp_id)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"gs_id": "g1", "ref": "g1"}, 1),
        ({"gs_id": "g1", "whatsapp_id": "w2", "ref": "g1"}, 1),
        ({"whatsapp_id": "w2", "ref": "w2"}, 2),
        ({"ref": "w2"}, 2),
        ({"ref": "g1"}, 1),
        ({"gs_id": "g9", "ref": "g9"}, None),
        ({}, None),
    ],
    ids=[
        "Gupshup's id",
        "it goes first",
        "WhatsApp's id",
        "an id of either kind",
        "or of the other",
        "another line's",
        "none",
    ],
)
def test_an_event_finds_its_message_on_its_own_line(ids: dict[str, str], expected: int | None) -> None:
    unused: Any = None
    known = KnownMessages(unused, [])
    for known_message in (message(1, 1, "g1", None), message(2, 1, "g2", "w2"), message(9, 2, "g9", "w9")):
        known.add(known_message)
    line: Any = SimpleNamespace(id=1)
    found = known.find(line, Status(at=NOW, kind=StatusKind.READ, **ids))
    assert (found.id if found else None) == expected
