"""What RQ may run: the drain job and nothing else, whatever somebody wrote into Redis."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.serializers import JSONSerializer

from messaging.queue.wakeups import DRAIN_JOB, QUEUE, Wakeups
from messaging.worker import jobs
from messaging.worker.pool import make_worker

RAN: list[str] = []


def strangers() -> None:
    """A function a stranger would like to have run."""
    RAN.append("stranger")


class Bomb:
    """A pickle that runs code as soon as it is loaded."""

    def __reduce__(self) -> Any:
        return strangers, ()


@pytest.fixture(autouse=True)
def _drain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(jobs, "drain", lambda: RAN.append("drain"))
    monkeypatch.setattr("rq.worker.base.BaseWorker._install_signal_handlers", lambda _: None, raising=False)
    RAN.clear()
    yield
    RAN.clear()


def test_the_drain_job_runs_and_holds_no_pickle(redis: Redis) -> None:
    Wakeups(redis).notify([7])
    (key,) = redis.keys("rq:job:*")
    assert redis.hget(key, "data") is not None
    for value in redis.hgetall(key).values():
        assert not value.startswith(b"\x80")
    make_worker(redis).work(burst=True)
    assert RAN == ["drain"]


@pytest.mark.parametrize(
    ("name", "args"), [(f"{__name__}.strangers", ()), ("os.system", ("true",)), (DRAIN_JOB, ("x",))]
)
def test_no_other_job_is_run(redis: Redis, name: str, args: tuple[str, ...]) -> None:
    Queue(QUEUE, connection=redis, serializer=JSONSerializer).enqueue(name, *args)
    make_worker(redis).work(burst=True)
    assert RAN == []


def test_a_callback_is_not_called(redis: Redis) -> None:
    told = Callback(f"{__name__}.strangers")
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    queue.enqueue(DRAIN_JOB, on_success=told, on_failure=told)
    make_worker(redis).work(burst=True)
    assert RAN == []


def test_a_pickle_is_not_opened(redis: Redis) -> None:
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    job = queue.enqueue(DRAIN_JOB)
    redis.hset(f"rq:job:{job.id}", "data", pickle.dumps(Bomb()))
    make_worker(redis).work(burst=True)
    Queue(QUEUE, connection=redis).enqueue(DRAIN_JOB)  # as an older release wrote it: the next wake-up queues another
    make_worker(redis).work(burst=True)
    assert "stranger" not in RAN
