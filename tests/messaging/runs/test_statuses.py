"""A message's status only rises, whatever arrives in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.runs.statuses import RANK, UNTIL, raised, satisfies

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GOOD = ("accepted", "sent", "delivered", "read")


def message_of(status: str) -> Any:
    """What of a message its status speaks of."""
    return SimpleNamespace(status=status, **{f"{name}_at": None for name in (*GOOD, "failed")})


def advanced(message: Any, status: str, at: datetime) -> bool:
    """Whether its status rose."""
    columns = raised(message, status, at)
    message.__dict__.update(columns)
    return "status" in columns


@given(st.sampled_from([*RANK, "failed", "dropped"]), st.lists(st.sampled_from([*GOOD, "failed"]), max_size=8))
def test_it_never_goes_backwards(first: str, later: list[str]) -> None:
    message = message_of(first)
    for number, status in enumerate(later):
        before = message.status
        rose = advanced(message, status, START + timedelta(seconds=number))
        assert rose == (message.status != before)
        if before in ("failed", "dropped"):
            assert not rose, "final"
        elif message.status == "failed":
            assert RANK.get(before, 0) < RANK["delivered"]
        else:
            assert RANK[message.status] >= RANK[before]
        assert getattr(message, f"{status}_at") is not None, "recorded in any case"


@pytest.mark.parametrize("order", list(permutations(GOOD)))
def test_any_order_ends_at_the_highest_with_all_times(order: tuple[str, ...]) -> None:
    message = message_of("sending")
    for status in order:
        advanced(message, status, START + timedelta(seconds=GOOD.index(status)))
        advanced(message, status, START + timedelta(days=1))
    assert message.status == "read"
    moments = [getattr(message, f"{status}_at") for status in GOOD]
    assert moments == [START + timedelta(seconds=number) for number in range(4)]


@pytest.mark.parametrize("until", list(UNTIL))
def test_until_is_satisfied_at_or_above_it(until: str) -> None:
    satisfied = [
        status for status in ("queued", "sending", "unknown", *GOOD, "failed", "dropped") if satisfies(status, until)
    ]
    wanted = {"accepted": GOOD, "sent": GOOD[1:], "delivered": GOOD[2:], "read": GOOD[3:], "replied": ()}
    assert satisfied == list(wanted[until])


@pytest.mark.parametrize(
    ("current", "status", "columns"),
    [
        ("sending", "accepted", {"status": "accepted", "accepted_at": START}),
        ("unknown", "delivered", {"status": "delivered", "delivered_at": START}),
        ("read", "delivered", {"delivered_at": START}),
        ("sent", "failed", {"status": "failed", "failed_at": START}),
        ("delivered", "failed", {"failed_at": START}),
        ("failed", "read", {"read_at": START}),
        ("dropped", "accepted", {"accepted_at": START}),
        ("queued", "sending", {"status": "sending"}),
        ("accepted", "unknown", {}),
    ],
)
def test_a_status_is_written_if_it_rises_and_its_time_in_any_case(
    current: str, status: str, columns: dict[str, Any]
) -> None:
    assert raised(message_of(current), status, START) == columns


def test_the_first_time_an_event_tells_stays() -> None:
    message = message_of("sent")
    message.sent_at = START
    assert raised(message, "sent", START + timedelta(hours=1)) == {}
