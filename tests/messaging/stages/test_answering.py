"""The rules of answering: how answers go into a batch, and how long a portal is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bx24.client import MAX_BATCH
from bx24.errors import AuthDead, Bx24Error, PortalInactive, Postponed, Rejected, Throttled, Unavailable
from messaging.limits.portal_rate import BURST, RATE_PER_S
from messaging.stages.answering import BACKOFF_MAX_S, GAP_S, LONG_GAP_S, REAUTH_S, Answer, commands, gap_s, wait_s

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def answers(count: int, line: str = "WhatsApp: …") -> tuple[Answer, ...]:
    return tuple(
        Answer(number, f"trace{number}", f"token{number}", {"status": "read"}, line) for number in range(count)
    )


def test_the_log_line_goes_before_its_answer_as_a_call_of_its_own() -> None:
    log_line = {"EVENT_TOKEN": "token0", "LOG_MESSAGE": "WhatsApp: …"}
    assert list(commands(answers(1)).items()) == [
        ("l0", ("bizproc.activity.log", log_line)),
        ("s0", ("bizproc.event.send", {"EVENT_TOKEN": "token0", "RETURN_VALUES": {"status": "read"}})),
    ]


@pytest.mark.parametrize(
    ("count", "line", "calls", "carried"),
    [
        (MAX_BATCH // 2, "a line", MAX_BATCH, 0),
        (MAX_BATCH // 2 + 1, "a line", MAX_BATCH // 2 + 1, MAX_BATCH // 2 + 1),
        (MAX_BATCH, "a line", MAX_BATCH, MAX_BATCH),
        (MAX_BATCH, "", MAX_BATCH, 0),
    ],
    ids=["space for both", "one too many", "full", "repeated answers"],
)
def test_a_batch_is_never_too_large_and_loses_no_line(count: int, line: str, calls: int, carried: int) -> None:
    """carried: answers that carry their log line themselves."""
    batch = commands(answers(count, line))
    assert len(batch) == calls
    assert (
        sum("LOG_MESSAGE" in params for method, params in batch.values() if method == "bizproc.event.send") == carried
    )
    assert sum(method == "bizproc.event.send" for method, _ in batch.values()) == count


@pytest.mark.parametrize(
    ("level", "is_full", "expected"),
    [
        (0, False, GAP_S),
        (BURST // 5 - 1, False, GAP_S),
        (BURST // 5, False, LONG_GAP_S),
        (BURST, False, LONG_GAP_S),
        (0, True, 0.0),
        (BURST // 2 - 1, True, 0.0),
        (BURST // 2, True, 1 / RATE_PER_S),
        (BURST, True, 1 / RATE_PER_S),
    ],
)
def test_calls_are_further_apart_the_fuller_the_bucket(level: int, is_full: bool, expected: float) -> None:
    assert gap_s(level, is_full) == expected


@pytest.mark.parametrize(
    ("error", "tries", "expected"),
    [
        (Unavailable("http_502"), 1, 1.0),
        (Unavailable("http_502"), 4, 8.0),
        (Unavailable("http_502"), 50, BACKOFF_MAX_S),
        (Throttled("QUERY_LIMIT_EXCEEDED", retry_after=5.0), 1, 5.0),
        (Throttled("QUERY_LIMIT_EXCEEDED", retry_after=5.0), 4, 8.0),
        (Postponed("OPERATION_TIME_LIMIT", operating_reset_at=NOW + timedelta(seconds=90)), 1, 90.0),
        (Postponed("OPERATION_TIME_LIMIT", operating_reset_at=NOW - timedelta(seconds=90)), 1, 1.0),
        (Postponed("OPERATION_TIME_LIMIT"), 3, 4.0),
        (AuthDead("invalid_grant"), 1, REAUTH_S),
        (PortalInactive("NOT_INSTALLED"), 1, REAUTH_S),
        (PortalInactive("PAYMENT_REQUIRED"), 1, None),
        (Rejected("ACCESS_DENIED"), 1, None),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_an_answer_that_was_not_taken_is_sent_again(error: Bx24Error, tries: int, expected: float | None) -> None:
    assert wait_s(error, tries, NOW) == expected
