"""A small app for gunicorn: it answers the length of the body, below /long with 32 MB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from werkzeug import Request, Response


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Read all of the body, as the app's doors do."""
    if environ["PATH_INFO"] == "/long":
        return Response(b"x" * (32 << 20))(environ, start_response)
    return Response(str(len(Request(environ).get_data())))(environ, start_response)
