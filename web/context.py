"""What every view needs: the runtime, the parsed form, an empty answer."""

from typing import Any

import structlog
from flask import Response, current_app, request

from bx24.payloads import PayloadError, parse_form
from messaging.runtime import Runtime

log = structlog.get_logger(__name__)


def runtime() -> Runtime:
    """The runtime of this app."""
    opened: Runtime = current_app.extensions["waba24"]
    return opened


def form() -> dict[str, Any]:
    """The body as Bitrix24 encodes it. Raises PayloadError."""
    return parse_form(request.get_data(cache=False))


def empty(status: int = 200) -> Response:
    """An answer without a body."""
    return Response(status=status)


def refuse(status: int, error: PayloadError | str) -> Response:
    """An empty refusal; the reason goes to the log."""
    log.warning("refused", path=request.path, status=status, reason=str(error))
    return Response(status=status)
