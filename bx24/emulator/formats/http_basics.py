"""Small things both servers put on the wire: the `time` block and a gateway's HTML."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, request

HTML = (
    "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
REASONS = {502: "Bad Gateway", 404: "Not Found"}


def drop_html(status: int) -> Response:
    """What a balancer in front of PHP answers: HTML where JSON was expected."""
    return Response(HTML.format(status, REASONS[status]), status=status, mimetype="text/html")


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
    """Take the whole body before answering: what is left in the socket would be read as the next request."""
    request.get_data()
