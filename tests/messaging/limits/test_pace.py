"""How fast a line and a client are served: the bucket, what lowers it, the client. Plain data on a clock of the test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from messaging.limits.pace import CLIENTS_KEPT, Bucket, ClientRate, Paces

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Line:
    pace: float = 10.0
    burst: int = 20
    id: int = 1


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def full(line: Line) -> Bucket:
    return Bucket(float(line.burst), START)


def taken(bucket: Bucket, line: Line, seconds: float) -> int:
    """How many messages leave now."""
    many = bucket.fill(line, at(seconds))
    bucket.tokens -= many
    return many


def test_a_burst_then_the_pace() -> None:
    line = Line()
    bucket = full(line)
    assert [taken(bucket, line, second) for second in (0, 0, 0.5, 1, 60)] == [20, 0, 5, 5, 20]


def test_the_next_one_leaves_when_a_token_is_there() -> None:
    line = Line(pace=4)
    bucket = full(line)
    assert bucket.next_at(line, at(0)) == at(0)
    taken(bucket, line, 0)
    assert bucket.next_at(line, at(0)) == at(0.25)
    bucket.refused(line, at(0), 3)
    assert bucket.next_at(line, at(1)) == at(3.5), "after the pause, at half the pace"


def test_a_new_setting_counts_at_once() -> None:
    line = Line()
    bucket = full(line)
    taken(bucket, line, 0)
    line.pace = 40
    assert taken(bucket, line, 0.5) == 20
    bucket.refused(line, at(1), 0)
    assert bucket.rate(line, at(1)) == 20
    line.pace = 8
    assert bucket.rate(line, at(1)) == 4


def test_a_refusal_halves_the_pace_and_peace_brings_it_back_slowly() -> None:
    line = Line()
    bucket = full(line)
    bucket.refused(line, at(0), 1)
    rates = {second: bucket.rate(line, at(second)) for second in (0, 9, 10, 50, 99, 100, 1000)}
    assert rates == pytest.approx({0: 5, 9: 5, 10: 5.5, 50: 7.5, 99: 9.5, 100: 10, 1000: 10})


def test_refusals_in_a_row_go_down_to_one_a_second_and_not_below() -> None:
    line = Line()
    bucket = full(line)
    rates = []
    for second in range(6):
        assert bucket.refused(line, at(second), 0, sent_at=at(second))
        rates.append(bucket.rate(line, at(second)))
    assert rates == pytest.approx([5, 2.5, 1.25, 1, 1, 1])
    slow = Line(pace=0.5)
    bucket = full(slow)
    bucket.refused(slow, at(0), 0)
    assert bucket.rate(slow, at(0)) == 0.5, "slower than one a second only if it was set so"


def test_a_burst_that_comes_back_refused_lowers_once() -> None:
    line = Line()
    bucket = full(line)
    assert bucket.refused(line, at(1), 1, sent_at=at(0))
    assert not any(bucket.refused(line, at(1), 1, sent_at=at(0)) for _ in range(19))
    assert bucket.rate(line, at(1)) == 5
    assert bucket.refused(line, at(3), 1, sent_at=at(2))
    assert bucket.rate(line, at(3)) == 2.5


def test_nothing_leaves_in_a_pause_and_no_burst_at_its_end() -> None:
    line = Line()
    bucket = full(line)
    bucket.refused(line, at(0), 10)
    assert [taken(bucket, line, second) for second in (0, 5, 9.9)] == [0, 0, 0]
    assert [taken(bucket, line, second) for second in (10, 11, 12)] == [1, 5, 6]
    bucket.refused(line, at(12), 4)
    bucket.refused(line, at(12), 1)
    assert bucket.fill(line, at(15)) == 0, "the longer pause counts"


def test_a_lane_lends_ten_a_second_apart_then_one_each_six_seconds() -> None:
    client, now, moments = ClientRate(), START, []
    for _ in range(40):
        now = client.next_at(now)
        client.sent(now)
        moments.append(now)
    gaps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    assert gaps[:9] == [1.0] * 9
    assert gaps[12:] == pytest.approx([6.0] * 27)
    sustained = sum(moment >= moments[-1] - timedelta(seconds=60) for moment in moments)
    assert sustained <= 11, "10 a minute"
    assert client.next_at(now + timedelta(minutes=5)) == now + timedelta(minutes=5)


def test_a_refused_client_waits_longer_each_time() -> None:
    client = ClientRate()
    waits = []
    for second in (0, 10, 30, 70):
        client.refused(at(second), sent_at=at(second))
        waits.append((client.next_at(at(second)) - at(second)).total_seconds())
    assert waits == [6, 12, 24, 48]
    client.refused(at(71), sent_at=at(69))
    assert client.next_at(at(71)) == at(118), "it left before the last refusal"
    client.refused(at(71 + 3600), sent_at=at(71 + 3600))
    assert client.next_at(at(71 + 3600)) == at(71 + 3606), "forgiven after a while"
    for second in range(4000, 4012):
        client.refused(at(second), sent_at=at(second))
    assert client.next_at(at(4011)) <= at(4011 + 600)


def test_lanes_are_forgotten_when_they_are_rested() -> None:
    paces = Paces()
    for client in range(CLIENTS_KEPT):
        paces.leaves(client, START)
    paces.too_many(7, at(100), at(99))
    assert paces.client_opens(3, START) == at(1)
    paces.leaves(CLIENTS_KEPT + 1, at(120))
    assert set(paces.clients) == {7, CLIENTS_KEPT + 1}


def test_who_wants_to_know_is_told_once_of_a_slower_line() -> None:
    told: list[tuple[int, float, datetime]] = []
    paces, line = Paces(lambda *news: told.append(news)), Line(id=5)
    for _ in range(3):
        paces.too_fast(line, at(1), 1.0, sent_at=at(0))
    assert told == [(5, 0.5, at(1))]
