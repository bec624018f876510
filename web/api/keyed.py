"""`Idempotency-Key` of a POST: the same key and body get the same answer, for two days (messaging.api.idempotency).

    @resource.route("/things", methods=["POST"])
    @needs("things:write")
    @keyed
    @resource.arguments(NewThing)
    @resource.response(201, ThingSchema)
    def make(values: dict[str, Any]) -> …
        with runtime().db.write() as session:
            made = …
            answered(session, 201, ThingSchema().dump(made))

`answered` writes the answer in the transaction that does the work. Without it, a process that dies between its commit and its
answer lets the work be done again: leave it out only where doing it again changes nothing.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, g, jsonify, make_response, request
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.api import idempotency
from messaging.api.idempotency import Answer, Busy, Conflict, Keyed
from messaging.limits import bounds
from web.api import problems, wording
from web.api.problems import Problem
from web.api.resource import caller, raw_body
from web.context import runtime

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_WRONG_KEY = Text(
    "The header Idempotency-Key takes 1 to 255 printable ASCII characters, a UUID for example.",
    "В заголовке Idempotency-Key должно быть от 1 до 255 печатных символов ASCII, например UUID.",
)
View = Callable[..., Any]


def keyed(view: View) -> View:
    """Do the work of a POST once for its key, and answer it again in the same words."""
    return _keyed(view, bounds.API_BYTES)


def keyed_up_to(most: int) -> Callable[[View], View]:
    """The same for a POST whose body may have so many bytes."""
    return lambda view: _keyed(view, most)


def _keyed(view: View, most: int) -> View:
    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = key_of_request(most)
        if key is None:
            return view(*args, **kwargs)
        try:
            begun = idempotency.begin(runtime(), key)
        except Conflict:
            raise conflict() from None
        except Busy as busy:
            raise being_done(busy) from None
        if isinstance(begun, Answer):
            return replayed(jsonify(begun.body), begun.status)
        g.api_work = begun
        try:
            response = make_response(view(*args, **kwargs))
            begun.end(response.status_code, response.get_json(silent=True))
        except Busy as busy:  # it took so long that another call has begun it anew
            raise being_done(busy) from None
        except Exception:
            begun.end(500, None)
            raise
        return response

    once.api_keyed = True  # type: ignore[attr-defined]  # web.api.document reads it
    return once


def keyed_by_itself(view: View) -> View:
    """For a POST that takes care of its key itself, as messages do."""
    view.api_keyed = True  # type: ignore[attr-defined]
    return view


def answered(session: Session, status: int, body: Any) -> None:
    """Write the answer to this call in the transaction that does its work, if it has a key."""
    work: idempotency.Work | None = g.get("api_work")
    if work is not None:
        work.answered(session, status, body)


def key_of_request(most: int = bounds.API_BYTES) -> Keyed | None:
    """The key of this call; None: it has none. most: bytes of its body.

    Raises Problem 422 for a key that is too long, or holds strange characters.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not 1 <= len(given) <= idempotency.KEY_LENGTH or not all(" " <= char <= "~" for char in given):
        raise problems.invalid({HEADER: [(wording.INVALID, _WRONG_KEY)]})
    route = f"{request.method} {request.url_rule}"
    return Keyed.of(caller().token_id, route, given, request.full_path.removesuffix("?"), raw_body(most))


def replayed(response: Response, status: int) -> Response:
    """The same answer once more, marked."""
    response.status_code = status
    response.headers[REPLAYED] = "true"
    return response


def conflict() -> Problem:
    """The key was used for another body."""
    return Problem(409, "idempotency_conflict")


def being_done(busy: Busy) -> Problem:
    """The first call with this key is still worked on."""
    return Problem(409, "idempotency_busy", again_s=busy.again_s)
