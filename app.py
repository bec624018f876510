"""The Flask app: `gunicorn 'app:serving()'`, `flask --app app …`. Settings come from the environment and from `.env`."""

import gc
import os
from pathlib import Path

from flask import Flask

import web
from messaging.intake.replay import Keeper
from messaging.limits import bounds
from messaging.runtime import Runtime, open_runtime
from messaging.system import config, logs
from web.warm import warm


def create_app(runtime: Runtime | None = None, serving: bool = False) -> Flask:
    """The app over an opened runtime; without a runtime, over the environment and `.env`.

    serving: what a real portal needs must be set, see `config.load`.
    """
    if runtime is None:
        settings = config.load(os.environ, Path(".env"), serving)
        logs.configure(settings.log_format, settings.log_level)
        runtime = open_runtime(settings, answer_s=bounds.DATABASE_ANSWER_S if serving else None)
    return web.build(runtime)


def serving() -> Flask:
    """The app of a web process, ready for its first page."""
    app = create_app(serving=True)
    warm(app)
    Keeper(app.extensions["waba24"]).start()
    gc.freeze()  # what was imported stays: the collector need not look through it again
    return app
