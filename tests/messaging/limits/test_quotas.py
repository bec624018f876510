"""Quotas of a minute: of each portal, each person, each address, and of all strangers together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from messaging.limits import bounds
from messaging.limits.quotas import Buckets, CallQuota, FrameQuota, OverQuota


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def granted(ask: Callable[[], object], times: int) -> int:
    """How often it was granted, of so many times."""
    count = 0
    for _ in range(times):
        try:
            ask()
        except OverQuota:
            continue
        count += 1
    return count


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


FORGED = [f"forged {number}" for number in range(10_000)]


def test_a_forger_leaves_the_auth_server_and_others_in_peace() -> None:
    """Whoever names unknown portals, or a known one with false tokens, has what all such have together."""
    quota = FrameQuota(Clock())
    quota.confirmed("a true token")
    tokens = iter(FORGED)
    strange = granted(lambda: quota.check(next(tokens), f"nobody {next(tokens)}", "", lambda: False), 500)
    known = granted(lambda: quota.check(next(tokens), "acme", "", lambda: True), 1000)
    assert (strange, known) == (bounds.FRAMES_OF_STRANGERS, bounds.FRAMES_OF_PORTAL)
    assert granted(lambda: quota.check(next(tokens), "other", "", lambda: True), 5) == 5
    assert granted(lambda: quota.check("a true token", "acme", "", lambda: True), 5) == 5
    assert granted(lambda: quota.check_person("acme 1"), 5) == 5


def test_a_person_has_a_quota_too_and_a_token_is_true_for_an_hour() -> None:
    clock = Clock()
    quota = FrameQuota(clock)
    quota.confirmed("true")
    assert granted(lambda: quota.check("true", "acme", "", lambda: True), 999) == bounds.FRAMES_OF_PERSON
    clock.now += bounds.CONFIRMED_TOKEN_S
    granted(lambda: quota.check("true", "acme", "", lambda: True), 999)
    assert granted(lambda: quota.check("other", "acme", "", lambda: True), 1) == 0, "it shared the portal's"


def test_where_addresses_are_told_apart_one_of_them_uses_up_nothing_of_others() -> None:
    quota = FrameQuota(Clock())
    tokens = iter(FORGED)

    def ask(address: str, *, installed: bool) -> Callable[[], None]:
        return lambda: quota.check(next(tokens), "acme", address, lambda: installed)

    assert granted(ask("203.0.113.1", installed=False), 200) == bounds.STRANGERS_OF_ADDRESS
    assert granted(ask("203.0.113.2", installed=False), 1) == 1, "a new portal can be installed meanwhile"
    assert granted(ask("203.0.113.3", installed=True), 1000) == bounds.FRAMES_OF_ADDRESS
    assert granted(ask("203.0.113.4", installed=True), 1) == 1, "the portal's own people come in meanwhile"


@pytest.mark.parametrize(
    ("addresses", "neighbour"),
    [
        ([f"2001:db8::{number:x}" for number in range(1, 99)], "2001:db8:0:1::1"),
        (["203.0.113.7"] * 98, "203.0.113.8"),
        (["203.0.113.7:4711"] * 98, "203.0.113.7:4712"),
    ],
)
def test_what_counts_as_one_address(addresses: list[str], neighbour: str) -> None:
    quota = FrameQuota(Clock())
    tokens, callers = iter(FORGED), iter([*addresses, neighbour])

    def ask() -> None:
        quota.check(next(tokens), "acme", next(callers), lambda: False)

    assert granted(ask, len(addresses)) == bounds.STRANGERS_OF_ADDRESS
    assert granted(ask, 1) == 1
