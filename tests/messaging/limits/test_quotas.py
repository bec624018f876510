"""Quotas of a minute: of each portal, each person, each address, and of all strangers together."""

from __future__ import annotations

import pytest

from messaging.limits import bounds
from messaging.limits.quotas import Buckets, CallQuota, OverQuota


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_a_minutes_worth_at_once_and_then_as_it_fills() -> None:
    clock = Clock()
    buckets = Buckets(30, clock)
    assert [buckets.take("a") for _ in range(30)] == [0.0] * 30
    assert (buckets.take("a"), buckets.take("b")) == (2.0, 0.0), "two seconds; others have their own"
    clock.now += 1.5
    assert buckets.take("a") == 0.5
    clock.now += 0.5
    assert (buckets.take("a"), buckets.take("a")) == (0.0, 2.0)
    clock.now += 3600
    assert [buckets.take("a") for _ in range(31)] == [0.0] * 30 + [2.0], "no more than a minute's worth is saved"


def test_a_clock_set_back_locks_nobody_out_for_long() -> None:
    clock = Clock()
    buckets = Buckets(60, clock)
    buckets.take("a")
    clock.now -= 10
    assert buckets.take("a") == 0.0


def test_a_bounded_number_of_names_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "QUOTA_NAMES", 3)
    buckets = Buckets(1, Clock())
    waits = {name: buckets.take(name) for name in "abcad"}
    assert waits == {"a": 60.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert [buckets.take(name) for name in "acd"] == [60.0] * 3
    assert buckets.take("b") == 0.0, "the one that was quiet for the longest time was forgotten"


def test_calls_over_the_quota_are_refused_runs_and_far_over_it_nothing() -> None:
    clock = Clock()
    quota = CallQuota(60, clock)
    assert [quota.allows(1) for _ in range(240)] == [True] * 60 + [False] * 180
    with pytest.raises(OverQuota) as caught:
        quota.allows(1)
    assert caught.value.again_s == 0.25
    assert quota.allows(2)
    clock.now += 1
    assert [quota.allows(1) for _ in range(4)] == [True, False, False, False]
