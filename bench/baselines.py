"""The usual ways, started as their manuals say: `rq worker`, which forks for each job, and Celery's thread pool."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rq import Queue

from tests.crash.processes import until

Enqueue = Callable[[str, Sequence[Any]], None]
#: Longer than a worker that was told to stop consuming still waits at the queue.
POLL_S = 2.5
BIN = Path(sys.executable).parent


@contextmanager
def rq(town: Any) -> Iterator[Enqueue]:
    """One stock worker; `enqueue(function, arguments)` queues one job for each argument."""
    queue = Queue("bench", connection=town.redis)
    command = [str(BIN / "rq"), "worker", "--url", _redis_url(town), "--config", "bench.rq_settings", "bench"]
    worker = town.start(*command, "--quiet", OBJC_DISABLE_INITIALIZE_FORK_SAFETY="YES")
    try:
        until("the rq worker waits for jobs", lambda: town.redis.smembers("rq:workers:bench"))
        yield lambda function, arguments: _enqueue(queue, function, arguments)
    finally:
        worker.destroy()


def _enqueue(queue: Queue, function: str, arguments: Sequence[Any]) -> None:
    for argument in arguments:
        queue.enqueue(function, argument)


@contextmanager
def celery(town: Any, threads: int) -> Iterator[Enqueue]:
    """Two worker processes of so many threads each; `enqueue(task, arguments)` likewise."""
    from celery import Celery

    broker = _redis_url(town).replace("unix://", "redis+socket://", 1)
    options = ["--pool", "threads", "--concurrency", str(threads), "--loglevel", "WARNING"]
    workers = [
        town.start(
            *("-m", "celery", "-A", "bench.celery_app", "worker", *options, "--hostname", f"bench{number}@%h"),
            BENCH_BROKER=broker,
        )
        for number in (1, 2)
    ]
    app = Celery("bench", broker=broker)
    try:
        until("both Celery workers wait for tasks", lambda: len(app.control.ping(timeout=1.0)) == 2, 60)
        yield lambda task, arguments: _send(app, task, arguments)
    finally:
        for worker in workers:
            worker.destroy()
        app.close()


def _send(app: Any, task: str, arguments: Sequence[Any]) -> None:
    """Queue all before the first is taken, as our runs are stored before the clock starts: queueing is not measured."""
    app.control.cancel_consumer("celery", reply=True, timeout=2.0)
    time.sleep(POLL_S)
    with app.producer_or_acquire() as producer:
        for argument in arguments:
            app.send_task(task, (argument,), producer=producer)
    app.control.add_consumer("celery", reply=True, timeout=2.0)


def _redis_url(town: Any) -> str:
    path = town.redis.connection_pool.connection_kwargs["path"]
    return f"unix://{path}"
