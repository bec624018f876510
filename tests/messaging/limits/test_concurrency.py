"""Slots of a page process: of each portal one, and a portal that is slow costs no thread that waits."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from messaging.limits.bounds import REFUSED_TOKEN_S, REFUSED_TOKENS, share_of_portal
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.limits.refused_tokens import RefusedTokens


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(limit: ConcurrencyLimit, *portals: str) -> list[bool]:
    """Whether each of them gets a slot, all at the same time."""
    with ExitStack() as stack:
        return [stack.enter_context(limit.acquire(portal)) for portal in portals]


def test_a_portal_has_one_slot_and_all_together_three() -> None:
    limit = ConcurrencyLimit(patience_s=0)
    assert taken(limit, "a", "a", "b", "a", "c", "d") == [True, False, True, False, True, False]
    assert taken(limit, "a", "a") == [True, False], "they were given back"
    assert taken(limit, "", "", "", "") == [True, True, True, False]


def test_nobody_waits_for_a_portal_that_is_slow() -> None:
    """With a patience of an hour, the test would end by its time limit."""
    clock = Clock()
    limit = ConcurrencyLimit(patience_s=3600, now=clock)
    with limit.acquire("slow"):
        clock.now = 5.0
        assert taken(limit, "slow", "other") == [False, True]
    assert taken(limit, "slow", "other") == [False, True], "it rests for as long as its answer took"
    clock.now = 9.9
    assert taken(limit, "slow") == [False]
    clock.now = 10.0
    assert taken(limit, "slow") == [True]


def test_a_portal_may_have_two_slots_and_leaves_one_to_others() -> None:
    clock = Clock()
    limit = ConcurrencyLimit(patience_s=0, now=clock, per_portal=2, slow_s=5)
    assert taken(limit, "a", "a", "a", "b", "c") == [True, True, False, True, False]
    with limit.acquire("a"):
        clock.now = 6.0
        assert taken(limit, "a") == [True], "a slot is free: nobody needs to wait"
    assert taken(limit, "a", "b") == [False, True], "it rests"


@pytest.mark.parametrize(("slots", "share"), [(1, 2), (4, 2), (16, 2), (24, 3), (64, 8)])
def test_the_share_of_a_portal_is_small(slots: int, share: int) -> None:
    assert share_of_portal(slots) == share


def test_refused_tokens_are_remembered_for_a_while_and_not_all_of_them() -> None:
    clock = Clock()
    known = RefusedTokens(clock)
    known.add("first", "expired_token")
    assert (known.reason("first"), known.reason("other")) == ("expired_token", None)
    clock.now = REFUSED_TOKEN_S
    assert known.reason("first") is None
    for number in range(REFUSED_TOKENS + 1):
        known.add(str(number), "forged")
    assert (known.reason("0"), known.reason("1")) == (None, "forged")
