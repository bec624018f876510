"""create_app(): settings in, routes on. `gunicorn 'app:create_app()'`, `flask --app app …`. Nobody imports it."""

import os
from pathlib import Path

from flask import Flask

import web
from messaging import config, logs
from messaging.runtime import Runtime, open_runtime


def create_app(runtime: Runtime | None = None) -> Flask:
    """The app over an opened runtime; without one, over the environment and `.env`."""
    if runtime is None:
        settings = config.load(os.environ, Path(".env"))
        logs.configure(settings.log_format, settings.log_level)
        runtime = open_runtime(settings)
    return web.build(runtime)
