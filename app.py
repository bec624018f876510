"""create_app(): settings in, routes on. `gunicorn 'app:serving()'`, `flask --app app …`. Nobody imports it."""

import os
import sys
from pathlib import Path

from flask import Flask

from messaging.lean import leave_out, one_arena, settle

leave_out("chardet", "charset_normalizer", "rich")
if "gunicorn" in sys.modules:  # in tests a browser runs beside this app, on greenlet
    one_arena()
    leave_out("greenlet")

import web  # noqa: E402
from messaging.runtime import Runtime, open_runtime  # noqa: E402
from messaging.system import config, logs  # noqa: E402
from web.warm import warm  # noqa: E402


def create_app(runtime: Runtime | None = None) -> Flask:
    """The app over an opened runtime; without one, over the environment and `.env`."""
    if runtime is None:
        settings = config.load(os.environ, Path(".env"))
        logs.configure(settings.log_format, settings.log_level)
        runtime = open_runtime(settings)
    return web.build(runtime)


def serving() -> Flask:
    """The app of a web process that takes calls at once."""
    app = create_app()
    warm(app, app.extensions["waba24"].config.data_dir / "templates")
    settle()
    return app
