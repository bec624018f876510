"""The gate before a portal's REST: it waits a little, refuses a long wait, and lets everything through without Redis."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from bx24.errors import Throttled
from messaging.limits.portal_rate import Gate
from messaging.system.counters import Counters


class Bucket:
    """Redis as far as the gate uses it: answers (milliseconds to wait, level) in this order."""

    def __init__(self, *answers: tuple[int, int] | Exception) -> None:
        self.answers = list(answers)

    def eval(self, *_: Any) -> tuple[int, int]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def gate(*answers: tuple[int, int] | Exception) -> tuple[Gate, list[float]]:
    """A gate before such a bucket, and the list of the seconds it slept."""
    slept: list[float] = []
    bucket: Any = Bucket(*answers)
    return Gate(bucket, 1, Counters(), slept.append), slept


@pytest.mark.parametrize(
    ("answers", "slept", "level"),
    [
        ([(0, 1)], [], 1),
        ([(500, 50), (0, 50)], [0.5], 50),
        ([(500, 50), (1500, 50), (0, 49)], [0.5, 1.5], 49),
        ([RedisAway()], [], 0),
        ([(500, 50), RedisAway()], [0.5], 50),
    ],
)
def test_a_request_waits_until_there_is_room(
    answers: list[tuple[int, int] | Exception], slept: list[float], level: int
) -> None:
    passed, waits = gate(*answers)
    passed()
    assert (waits, passed.level) == (slept, level)


@pytest.mark.parametrize(
    ("answers", "slept", "retry_after"),
    [
        ([(2001, 50)], [], 2.001),
        ([(1500, 50), (600, 50)], [1.5], 0.6),
    ],
)
def test_a_long_wait_is_refused_with_its_length(
    answers: list[tuple[int, int] | Exception], slept: list[float], retry_after: float
) -> None:
    closed, waits = gate(*answers)
    with pytest.raises(Throttled) as caught:
        closed()
    assert (waits, caught.value.retry_after) == (slept, retry_after)
