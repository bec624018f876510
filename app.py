"""The Flask app: `gunicorn 'app:serving()'`, `flask --app app …`. Settings come from the environment and from `.env`."""

import gc
import os
import sys
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
        settings = _serving_settings() if serving else _command_settings()
        logs.configure(settings.log_format, settings.log_level)
        runtime = open_runtime(settings, answer_s=bounds.DATABASE_ANSWER_S if serving else None)
    return web.build(runtime)


def _serving_settings() -> config.Config:
    """Raises ConfigError, at which gunicorn gives up; a process that just ended it would start again and again."""
    return config.load(os.environ, Path(".env"), serving=True)


def _command_settings() -> config.Config:
    """Ends the command with exit code 1 and nothing but what is wrong with the settings."""
    try:
        return config.load(os.environ, Path(".env"))
    except config.ConfigError as error:
        head = "These settings are missing or wrong, in the environment or in .env:"
        print(head, *error.problems, sep="\n  ", file=sys.stderr)
        sys.exit(1)


def serving() -> Flask:
    """The app of a web process, ready for its first page."""
    app = create_app(serving=True)
    warm(app)
    Keeper(app.extensions["waba24"]).start()
    gc.freeze()  # what was imported stays: the collector need not look through it again
    return app
