"""`make serve`: the app for a real portal, web and worker in one foreground command.

Refuses to start with a list of everything that is missing or wrong.
"""

import errno
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from messaging.runtime import open_runtime
from messaging.store import schema
from messaging.system import config, logs
from messaging.system.supervisor import Child, Supervisor
from web import gunicorn_settings

#: Seconds to wait for the address to become free; longer than gunicorn's `graceful_timeout`.
PATIENCE_S = 25.0
log = structlog.get_logger(__name__)


def halves(bind: str, env: Mapping[str, str] | None = None, pass_fds: tuple[int, ...] = ()) -> list[Child]:
    """The two processes of the app: gunicorn on `bind` (host:port, or fd://N with N in pass_fds), and the worker pool."""
    gunicorn = [
        *(sys.executable, "-m", "gunicorn", "--config", "python:web.gunicorn_settings", "--bind", bind),
        gunicorn_settings.wsgi_app,
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
    if problem := runtime.files.prepare():
        log.error("files cannot be kept", problem=problem)  # everything else works, and calls must not be lost
    runtime.redis.ping()  # the embedded one is started here, before two processes would race for it
    runtime.close()
    # We open the socket, not gunicorn: workers of a killed master keep its socket for a while, and the next master
    # could not bind the address. While gunicorn starts again, calls wait in our backlog instead of being refused.
    try:
        listener = _listen(settings.bind)
    except (OSError, OverflowError) as error:
        print(f"waba24 cannot listen on BIND={settings.bind}: {error}", file=sys.stderr)
        return 2
    with listener:
        log.info("serving", bind=settings.bind, public_url=settings.public_url)
        return Supervisor(halves(f"fd://{listener.fileno()}", None, (listener.fileno(),))).run()


def _listen(bind: str) -> socket.socket:
    """Open the socket. After a crash, orphaned gunicorn workers may keep the address until they have finished."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=gunicorn_settings.backlog)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
            log.warning("the address is in use, again in a moment", bind=bind)
            time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
