"""What a web process does before it takes its first call: nobody's page waits for it then.

Templates are compiled, translations and the numbering plan of Russia read: 0.2 s together.
"""

import os
from pathlib import Path

import flask_babel
import structlog
from flask import Flask, g
from jinja2 import FileSystemBytecodeCache

from web import texts

log = structlog.get_logger(__name__)


def warm(app: Flask, kept: Path) -> None:
    """Have ready what the first page of each kind needs. kept: our folder for compiled templates."""
    _templates(app, kept)
    for language in ("en", "ru"):
        with app.test_request_context():
            g.language = language
            flask_babel.get_translations()
    texts.spaced("79123456789")


def _templates(app: Flask, kept: Path) -> None:
    """Compiled by a process that ends: what compiling needs, 2 MB, would stay in this one for good.

    Forked before any thread is started and any connection opened. Where nothing can be kept, they are compiled here.
    """
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(kept))
        if (child := os.fork()) == 0:
            try:
                _read_templates(app)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        _read_templates(app)
    except OSError as error:
        log.warning("compiled templates cannot be kept", folder=str(kept), error=str(error))
        app.jinja_env.bytecode_cache = None
        _read_templates(app)


def _read_templates(app: Flask) -> None:
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
