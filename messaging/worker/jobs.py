"""The functions RQ runs. Jobs carry no data: the database is the queue, RQ starts and supervises the drains."""

import os
from functools import cache
from pathlib import Path

from messaging.runtime import Runtime, open_runtime
from messaging.system import config
from messaging.worker.drain import Drain


@cache
def runtime() -> Runtime:
    """The runtime of this worker process."""
    return open_runtime(config.load(os.environ, Path(".env")), ping=False)


def drain() -> None:
    """Do all the work that is due, then let the RQ worker take its next job."""
    current = runtime()
    Drain(current, current.config.worker_threads).run()
