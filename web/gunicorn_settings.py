"""How gunicorn runs the web: `gunicorn --config python:web.gunicorn_settings`, by itself and in `make serve`.

The command line overrides these: `--bind 0.0.0.0:8000 --workers 4`.
"""

import os
import signal
from typing import Any

from messaging.system.supervisor import is_orphan

wsgi_app = "app:serving()"
worker_class = "web.gunicorn_worker.Worker"
workers = 2
threads = 8
#: Longer than a reverse proxy keeps an idle connection: it must be the proxy that closes it.
keepalive = 75
#: Calls that wait while the workers start.
backlog = 1024
#: Seconds that requests in work get after SIGTERM.
graceful_timeout = 20
control_socket_disable = True
loglevel = "warning"


def when_ready(_server: Any) -> None:
    """Gunicorn's hook: the master stands, and ends again if nobody is left who could stop it."""
    if is_orphan():
        os.kill(os.getpid(), signal.SIGTERM)
