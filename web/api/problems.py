"""How the API refuses: application/problem+json (RFC 9457), in the caller's language.

    {"type", "title", "status", "detail", "code", "errors": {field: [{"code", "message"}]}}

`title` belongs to the code and never changes with the case; `detail` says what happened and what to do. A field is named by
its path in the body, `audience.phones.0.phone`; what belongs to no field stands under "".
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from secrets import token_hex

import structlog
from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from activities.errors import Refused
from bx24.i18n import Text
from web.api.catalogue import DETAILS, OF_STATUS, TITLES
from web.context import runtime
from web.refusals import Reason, because

MEDIA_TYPE = "application/problem+json"
#: Where the API begins. The answers below are of this module; all others are pages.
BELOW = "/api/"
#: Errors of a field: code and message.
Errors = Mapping[str, Sequence[tuple[str, Text]]]
log = structlog.get_logger(__name__)


class Problem(Exception):
    """A call that is refused. code: of web.api.catalogue, or an action's (activities.errors). again_s: seconds until another
    try makes sense, 0: as usual."""

    def __init__(
        self, status: int, code: str, detail: Text | None = None, errors: Errors | None = None, again_s: float = 0.0
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.errors, self.again_s = status, code, errors or {}, again_s
        self.detail = detail or DETAILS.get(code) or TITLES[code]


def invalid(errors: Errors) -> Problem:
    """422 for fields that are wrong."""
    return Problem(422, "invalid", errors=errors)


def refused(why: Refused) -> Problem:
    """422 for what cannot be sent, at its field; position: `params.1` is the second entry."""
    at = f"{why.at}.{why.position - 1}" if why.at and why.position else why.at
    return Problem(422, why.code, why.text, {at: [(why.code, why.text)]})


def language() -> str:
    """ "ru" or "en", whichever the caller reads rather."""
    return request.accept_languages.best_match(["ru", "en"], "en") or "en"


def answer(problem: Problem) -> Response:
    """The problem as it is sent."""
    if problem.status in (429, 503) and "refused_because" not in g:
        because(Reason.QUOTA if problem.status == 429 else Reason.UNAVAILABLE, problem.again_s)
    lang = language()
    body = {
        "type": f"{runtime().config.public_url}/api/v1/docs#{problem.code}",
        "title": (TITLES.get(problem.code) or TITLES["invalid"]).to(lang),
        "status": problem.status,
        "detail": problem.detail.to(lang),
        "code": problem.code,
        "errors": {
            field: [{"code": code, "message": text.to(lang)} for code, text in found]
            for field, found in problem.errors.items()
        },
    }
    response = Response(json.dumps(body, ensure_ascii=False), problem.status, mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = lang
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="waba24"'
    return response


def of_http(error: HTTPException) -> Response:
    """An error of the HTTP layer as a problem."""
    status = error.code or 500
    if status < 400:
        return error.get_response()  # type: ignore[return-value]  # flask's own response class
    code = OF_STATUS.get(status, "internal" if status >= 500 else "malformed")
    if status >= 500 and code == "internal":
        return _broken(error)
    response = answer(Problem(status, code))
    if allowed := error.get_response().headers.get("Allow"):
        response.headers["Allow"] = allowed
    return response


def _broken(error: HTTPException) -> Response:
    """A fault of ours; Flask has just logged what it was."""
    number = token_hex(4)
    cause = getattr(error, "original_exception", None) or error
    log.error("request failed", number=number, endpoint=request.endpoint, error=type(cause).__name__)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer(Problem(status, "internal", DETAILS["internal"].format(number=number)))
