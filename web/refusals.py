"""What is refused is counted in one place, with its door and its reason, and told when to come back.

Doors and reasons are two small sets of our own words: a stranger makes no new label in /metrics.
"""

import math
from enum import StrEnum

from flask import Flask, Response, current_app, g, request

from messaging.limits import bounds
from messaging.runtime import Runtime

#: Blueprints, by their names; what belongs to none of them, a wrong address that is not below /api/ for example, came
#: to OTHER.
DOORS = frozenset(
    {
        "runs",
        "provider",
        "webhooks",
        "bx24",
        "settings",
        "frames",
        "pages",
        "front",
        "files",
        "health",
        "api",
        "switching",
    }
)
OTHER = "other"


class Reason(StrEnum):
    """Why a request is refused: docs/limits.md."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NO_SESSION = "no_session"
    FORBIDDEN = "forbidden"
    UNKNOWN_ADDRESS = "unknown_address"
    QUOTA = "quota"
    BUSY = "busy"
    DISK_FULL = "disk_full"
    UNAVAILABLE = "unavailable"
    FAULT = "fault"


#: Status → why it is answered, unless the view knows better. Any other status from 400 on: MALFORMED, from 500 on: FAULT.
_USUAL = {
    401: Reason.NO_SESSION,
    403: Reason.FORBIDDEN,
    404: Reason.UNKNOWN_ADDRESS,
    413: Reason.TOO_LARGE,
    429: Reason.QUOTA,
    503: Reason.UNAVAILABLE,
}
#: Seconds until another try makes sense, unless the view knows better.
_AGAIN_S = {
    Reason.QUOTA: bounds.AGAIN_QUOTA_S,
    Reason.BUSY: bounds.AGAIN_BUSY_S,
    Reason.DISK_FULL: bounds.AGAIN_DISK_FULL_S,
}


def because(reason: Reason, again_s: float = 0.0) -> None:
    """Say why this request will be refused. again_s: seconds until another try makes sense, 0: as usual for the reason."""
    g.refused_because, g.again_s = reason, again_s


def attach(app: Flask) -> None:
    """Count every refusal of the app, and give each 429 and 503 its Retry-After."""

    @app.after_request
    def _finish(response: Response) -> Response:
        if response.status_code >= 400:
            reason = g.get("refused_because") or _usual(response.status_code)
            runtime: Runtime = current_app.extensions["waba24"]
            runtime.counters.add("requests_refused", _door(), reason.value)
            if response.status_code in (429, 503):
                again_s = g.get("again_s") or _AGAIN_S.get(reason, bounds.AGAIN_S)
                response.headers["Retry-After"] = str(max(1, math.ceil(again_s)))
        return response


def _usual(status: int) -> Reason:
    return _USUAL.get(status, Reason.MALFORMED if status < 500 else Reason.FAULT)


def _door() -> str:
    if request.path.startswith("/api/"):
        return "api"
    return request.blueprint if request.blueprint in DOORS else OTHER
