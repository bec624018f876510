"""`make serve`: the app for a real portal, web and worker in one foreground command.

Refuses to start with a list of everything that is missing or wrong.
"""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from messaging import config, logs, schema
from messaging.processes import Child, Supervisor
from messaging.runtime import open_runtime

WEB_PROCESSES, WEB_THREADS = 2, 8
BACKLOG = 1024
log = structlog.get_logger(__name__)


def halves(bind: str, env: Mapping[str, str] | None = None, pass_fds: tuple[int, ...] = ()) -> list[Child]:
    """The two halves of the app: gunicorn on `bind` (host:port, or fd://N with that N in pass_fds), and the pool."""
    gunicorn = [
        *(sys.executable, "-m", "gunicorn", "--bind", bind, "--worker-class", "gthread"),
        *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)),
        *("--keep-alive", "75", "--graceful-timeout", "20", "--log-level", "warning", "app:create_app()"),
    ]
    return [Child("web", gunicorn, env, pass_fds), Child("worker", [sys.executable, "worker.py"], env)]


def main() -> int:
    """Check, migrate, run until stopped. Exit code 2: the settings are wrong."""
    try:
        settings = config.load(os.environ, Path(".env"), serving=True)
    except config.ConfigError as error:
        print(
            "waba24 cannot start. Set these in the environment or in .env:",
            *error.problems,
            sep="\n  ",
            file=sys.stderr,
        )
        return 2
    logs.configure(settings.log_format, settings.log_level)
    runtime = open_runtime(settings)
    schema.upgrade(runtime.db.engine)
    runtime.prepare()
    runtime.redis.ping()  # the embedded one is started here, before two processes would race for it
    runtime.close()
    # The socket is ours, not gunicorn's: a master that was killed leaves workers on it for a while, and the next one
    # could not bind it; meanwhile calls wait instead of being refused.
    host, _, port = settings.bind.rpartition(":")
    with socket.create_server((host.strip("[]"), int(port)), family=_family(host), backlog=BACKLOG) as listener:
        log.info("serving", bind=settings.bind, public_url=settings.public_url)
        return Supervisor(halves(f"fd://{listener.fileno()}", None, (listener.fileno(),))).run()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


if __name__ == "__main__":
    sys.exit(main())
