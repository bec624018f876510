"""The worker pool: supervised RQ workers, and the tick that notifies the drains of all that is due in the database."""

import gc
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from sqlalchemy.exc import SQLAlchemyError

from messaging.files import storage
from messaging.queue import leases
from messaging.queue.wakeups import QUEUE
from messaging.runtime import Runtime
from messaging.system import config, embedded_redis, logs
from messaging.system.supervisor import Child, Supervisor
from messaging.worker import drain, due_work, jobs
from messaging.worker.retention import Housekeeper

TICK_S = 1.0
PURGE_EVERY = timedelta(hours=1)
ORPHAN_S = 1.0
#: An idle RQ worker looks after abandoned jobs when its blocking pop returns; the default leaves that to 405 s.
WORKER_TTL_S = 90
log = structlog.get_logger(__name__)


class DrainWorker(SimpleWorker):
    """RQ's SimpleWorker (no fork per job: a drain is one long job), that tells its drain when it is to stop."""

    def handle_warm_shutdown_request(self) -> None:
        drain.STOP.set()
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]

    def request_force_stop(self, signum: int, frame: Any) -> None:
        os._exit(1)


def work(supervisor: int) -> int:
    """One worker process: run drains until asked to stop, or until the supervisor (its pid) is gone."""
    runtime = jobs.runtime()
    logs.configure(runtime.config.log_format, runtime.config.log_level)
    gc.freeze()  # what was imported stays: the collector need not look through it again
    threading.Thread(target=_die_with_parent, args=(supervisor,), daemon=True).start()
    worker = DrainWorker([Queue(QUEUE, connection=runtime.redis)], connection=runtime.redis, worker_ttl=WORKER_TTL_S)
    worker.work(logging_level="WARNING")
    runtime.close()
    return 0


def _die_with_parent(parent: int) -> None:
    """A supervisor killed hard must not leave workers that nobody can stop or count.

    Asked to stop like anybody else: an orphan that only ended its drain would go on taking drain jobs from the queue, and
    end each at once.
    """
    ended = threading.Event()
    while os.getppid() == parent:
        ended.wait(ORPHAN_S)
    log.error("the supervisor is gone")
    os.kill(os.getpid(), signal.SIGTERM)
    ended.wait(drain.STOP_S)
    os._exit(1)


def supervise() -> int:
    """Run WORKER_PROCESSES workers in the foreground. Exit code 2: the settings are wrong."""
    try:
        runtime = jobs.runtime()
    except config.ConfigError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return 2
    logs.configure(runtime.config.log_format, runtime.config.log_level)
    runtime.prepare()

    # Its pid is handed on: a worker that asked for its parent only after the start could be an orphan by then.
    argv = [sys.executable, "worker.py", "child", str(os.getpid())]
    place = leases.new_place()
    env = {**os.environ, leases.PLACE: place}
    children = [Child(f"worker-{number}", argv, env) for number in range(1, runtime.config.worker_processes + 1)]
    return Supervisor(children, Tick(runtime), TICK_S, died=lambda pid: bury(runtime, place, pid)).run()


def bury(runtime: Runtime, place: str, pid: int) -> None:
    """Give back what a dead worker held, so that another begins at once; should that fail, its leases run out by themselves."""
    try:
        with runtime.db.write() as session:
            prefix = leases.release_dead(session, place, pid)
        runtime.wakeups.buried(prefix)
        due_work.sweep(runtime)
    except (RedisError, SQLAlchemyError, OSError, embedded_redis.QueueServerError) as error:
        log.error("the shards of a dead worker become free later", error=type(error).__name__)


class Tick:
    """What the supervisor does each second: keep the embedded Redis up, notify drains of due work, now and then tidy up."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._purged_at: datetime | None = None
        self._housekeeper = Housekeeper(runtime)

    def __call__(self) -> None:
        try:
            if self.runtime.config.is_embedded:
                embedded_redis.ensure(self.runtime.config.data_dir)
            due_work.sweep(self.runtime)
            self._purge()
            self._housekeeper.tick()
        except (RedisError, SQLAlchemyError, OSError, embedded_redis.QueueServerError) as error:
            log.error("the tick failed, again in a moment", error=type(error).__name__)

    def _purge(self) -> None:
        now = self.runtime.clock()
        if self._purged_at is None or now - self._purged_at >= PURGE_EVERY:
            self._purged_at = now
            storage.purge(self.runtime)
