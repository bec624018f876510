"""The worker pool: RQ workers under a supervisor, and what the supervisor itself does each second (`Upkeep`)."""

import gc
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from messaging.files import storage
from messaging.insight import observations
from messaging.queue import leases
from messaging.queue.wakeups import DRAIN_JOB, QUEUE
from messaging.runtime import Runtime
from messaging.system import config, embedded_redis, logs
from messaging.system.file_store import StoreAway
from messaging.system.supervisor import Child, Supervisor
from messaging.worker import drain, due_work, jobs
from messaging.worker.retention import Retention

UPKEEP_S = 1.0
PURGE_EVERY = timedelta(hours=1)
GATHER_EVERY = timedelta(minutes=1)
#: How often a worker checks that its supervisor is alive.
PARENT_CHECK_S = 1.0
#: An idle RQ worker cleans up abandoned jobs when its blocking pop returns: by default only after 405 s.
WORKER_TTL_S = 90
log = structlog.get_logger(__name__)


class DrainWorker(SimpleWorker):
    """RQ's SimpleWorker, which tells its drain to stop when it is asked to. No fork per job: a drain is one long job.

    It runs the drain job and no other: a job may name any function that can be imported, and anybody who can write to
    Redis can queue one.
    """

    def execute_job(self, job: Job, queue: Queue) -> None:
        if not _is_ours(job):
            log.error("refused a job that is not the drain job", job=job.id)
            job.delete()
            return
        super().execute_job(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        drain.STOP.set()
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]

    def request_force_stop(self, signum: int, frame: Any) -> None:
        os._exit(1)


def work(supervisor: int) -> int:
    """One worker process: run drains until asked to stop, or until the supervisor (its pid) is gone."""
    runtime = jobs.runtime()
    logs.configure(runtime.config.log_format, runtime.config.log_level)
    gc.freeze()  # imported code stays: the collector need not examine it again
    threading.Thread(target=_die_with_parent, args=(supervisor,), daemon=True).start()
    worker = make_worker(runtime.redis)
    worker.work(logging_level="WARNING")
    runtime.close()
    return 0


def _is_ours(job: Job) -> bool:
    """Whether it is the drain job as `messaging.queue.wakeups` writes it: no arguments, nobody else is called or told."""
    try:
        is_drain = job.func_name == DRAIN_JOB and not (job.instance or job.args or job.kwargs)
    except DeserializationError:  # a pickle
        return False
    others = ("success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks")
    written = job.to_dict(include_meta=False, include_result=False)
    return is_drain and not any(written.get(name) for name in others)


def make_worker(redis: Redis) -> DrainWorker:
    """RQ's worker of this process."""
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    return DrainWorker([queue], connection=redis, serializer=JSONSerializer, worker_ttl=WORKER_TTL_S)


def _die_with_parent(parent: int) -> None:
    """End this process when its supervisor is gone: after a `kill -9` no worker may remain that nobody can stop or count.

    It sends itself SIGTERM, so that RQ stops as well: a worker that ended only its drain would take the next drain job.
    """
    ended = threading.Event()
    while os.getppid() == parent:
        ended.wait(PARENT_CHECK_S)
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
    if problem := runtime.files.prepare():
        log.error("files cannot be kept", problem=problem)

    # The workers are given our pid: one that called getppid() only after its start might be an orphan already.
    argv = [sys.executable, "worker.py", "child", str(os.getpid())]
    place = leases.new_place()
    env = {**os.environ, leases.PLACE: place}
    children = [Child(f"worker-{number}", argv, env) for number in range(1, runtime.config.worker_processes + 1)]
    return Supervisor(children, Upkeep(runtime), UPKEEP_S, died=lambda pid: release_dead(runtime, place, pid)).run()


def release_dead(runtime: Runtime, place: str, pid: int) -> None:
    """Free the shards of a dead worker, so that another drain takes them at once. If that fails, its leases expire."""
    try:
        with runtime.db.write() as session:
            prefix = leases.release_dead(session, place, pid)
        runtime.wakeups.buried(prefix)
        due_work.notify_drains(runtime)
    except (RedisError, SQLAlchemyError, OSError, embedded_redis.QueueServerError) as error:
        log.error("the shards of a dead worker become free later", error=type(error).__name__)


class Upkeep:
    """What the supervisor does each second: keep the embedded Redis running, notify drains of due work, delete what is old.

    Once a minute it stores what was seen in the traffic.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._purged_at: datetime | None = None
        self._gathered_at: datetime | None = None
        self._retention = Retention(runtime)

    def __call__(self) -> None:
        try:
            if self.runtime.config.is_embedded:
                embedded_redis.ensure(self.runtime.config.data_dir)
            due_work.notify_drains(self.runtime)
            self._purge()
            self._gather()
            self._retention.step()
        except StoreAway as error:
            log.error("files not deleted, again in an hour", problem=str(error))
        except (RedisError, SQLAlchemyError, OSError, embedded_redis.QueueServerError) as error:
            log.error("upkeep failed, again in a moment", error=type(error).__name__)

    def _purge(self) -> None:
        now = self.runtime.clock()
        if self._purged_at is None or now - self._purged_at >= PURGE_EVERY:
            self._purged_at = now
            storage.purge(self.runtime)

    def _gather(self) -> None:
        now = self.runtime.clock()
        if self._gathered_at is None or now - self._gathered_at >= GATHER_EVERY:
            self._gathered_at = now
            observations.gather(self.runtime)
