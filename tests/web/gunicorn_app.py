"""A small app for gunicorn: it answers the length of the body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from werkzeug import Request, Response


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Read all of the body, as the app's doors do."""
    return Response(str(len(Request(environ).get_data())))(environ, start_response)
