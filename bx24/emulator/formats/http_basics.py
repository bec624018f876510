"""What the portal and the auth server share in HTTP: the `time` block, the error page of a gateway, reading bodies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, request

_PAGE = (
    "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {502: "Bad Gateway", 404: "Not Found"}


def gateway_page(status: int) -> Response:
    """The answer of the gateway in front of PHP: HTML where JSON is expected."""
    return Response(_PAGE.format(status, _REASONS[status]), status=status, mimetype="text/html")


def timing(finish: float, duration: float) -> dict[str, Any]:
    """The `time` block without the cloud's `operating` keys."""
    start = finish - duration
    return {
        "start": round(start, 6),
        "finish": round(finish, 6),
        "duration": round(duration, 6),
        "processing": round(duration, 6),
        "date_start": datetime.fromtimestamp(int(start), UTC).isoformat(),
        "date_finish": datetime.fromtimestamp(int(finish), UTC).isoformat(),
    }


def read_body() -> None:
    """Read the whole body before the answer: on a kept connection the rest would be taken for the next request."""
    request.get_data()
