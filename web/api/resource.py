"""What every resource of the API is made with: a blueprint whose routes know their caller, and read JSON as we do.

    resource = Resource("Lines", "What messages are sent from.")

    @resource.route("/lines")
    @needs("lines:read")
    @resource.response(200, LineSchema(many=True))
    def lines() -> …

`needs` stands right below the route: token, limit and scope are judged before anything of the request is read.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import flask_smorest
from flask import Response, g, request
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from sqlalchemy.exc import SQLAlchemyError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType

from bx24.i18n import Text
from messaging.api import scopes, tokens
from messaging.api.tokens import Caller
from messaging.limits import bounds
from messaging.limits.quotas import OverQuota
from messaging.limits.token_rate import BURST, WINDOW_S, Allowance
from messaging.queue.group_commit import Unavailable
from messaging.store.database import is_away
from web import turns
from web.api import problems, wording
from web.api.catalogue import FORBIDDEN
from web.api.problems import Problem
from web.context import body, runtime

PREFIX = "/api/v1"
#: Pages of a list.
PAGE, PAGE_AT_MOST = 50, 200
_NOT_JSON = Text("This is not valid JSON.", "Это не JSON.")
_NO_OBJECT = Text("The body must be a JSON object.", "Тело запроса должно быть объектом JSON.")
_UNPRINTABLE = Text(
    "Texts may hold no NUL characters and no halves of characters.",
    "В строках не может быть символов NUL и половин символов.",
)
_WRONG_CURSOR = Text(
    "This cursor belongs to another request. Take `next_cursor` of the page before, with the same filters.",
    "Этот курсор от другого запроса. Возьмите `next_cursor` предыдущей страницы с теми же фильтрами.",
)
View = Callable[..., Any]


class Parser(FlaskParser):
    """Reads bodies and queries: strict JSON, no field that nobody knows, errors as problems of ours."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": RAISE, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Any, schema: Schema) -> Any:
        return json_body()

    def load_querystring(self, req: Any, schema: Schema) -> Any:
        if not _is_printable(list(request.args.items(multi=True))):
            raise problems.invalid({"": [(wording.INVALID, _UNPRINTABLE)]})
        return super().load_querystring(req, schema)

    def handle_error(self, error: ValidationError, req: Any, schema: Schema, **_: Any) -> NoReturn:
        messages = error.messages_dict
        inner = messages.get("json", messages.get("query", messages))
        raise problems.invalid(wording.errors_of(inner if isinstance(inner, dict) else {"_schema": inner}))


class Resource(flask_smorest.Blueprint):  # type: ignore[misc]  # it has no types; ours stand at the methods
    """The routes of one resource. Its name is its heading in the documentation."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, url_prefix=PREFIX, description=description)
        self.after_request(tell_allowance)
        self.register_error_handler(Problem, problems.answer)
        self.register_error_handler(OverQuota, _too_often)
        self.register_error_handler(Unavailable, _unavailable)
        self.register_error_handler(SQLAlchemyError, _database)

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().route(rule, **options)
        return decorate

    def response(self, status: int, schema: Any = None, **more: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().response(status, schema, **more)
        return decorate

    def alt_response(self, status: int, **more: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().alt_response(status, **more)
        return decorate

    def doc(self, **more: Any) -> Callable[[View], View]:
        """As flask-smorest's."""
        decorate: Callable[[View], View] = super().doc(**more)
        return decorate

    def arguments(self, schema: Any, *, location: str = "json", **more: Any) -> Callable[[View], View]:
        """As flask-smorest's; a route whose query nobody reads refuses to have one."""
        decorate = super().arguments(schema, location=location, **more)

        def reading(view: View) -> View:
            made: View = decorate(view)
            if location == "query":
                made.api_reads_query = True  # type: ignore[attr-defined]  # for `needs`
            return made

        return reading


class Page(Schema):
    """The query of every list. A subclass adds its filters."""

    limit = fields.Integer(
        load_default=PAGE,
        validate=validate.Range(1, PAGE_AT_MOST),
        metadata={"description": "How many rows a page has at most."},
    )
    cursor = fields.String(
        load_default="",
        validate=validate.Length(max=300),
        metadata={"description": "`next_cursor` of the page before. The filters must be the same."},
    )


def json_body() -> dict[str, Any]:
    """The JSON object of this request. Raises Problem, and as `web.context.body`."""
    received = raw_body()
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        given = json.loads(received, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise problems.invalid({"": [("malformed", _NOT_JSON)]}) from None
    if not isinstance(given, dict):
        raise problems.invalid({"": [("malformed", _NO_OBJECT)]})
    if not _is_printable(given):
        raise problems.invalid({"": [(wording.INVALID, _UNPRINTABLE)]})
    return given


def raw_body(most: int = bounds.API_BYTES) -> bytes:
    """The body as it came, at most so many bytes, read once."""
    if "api_body" not in g:
        g.api_body = body(most)
    received: bytes = g.api_body
    return received


def _no_number(word: str) -> float:
    raise ValueError(word)


def _is_printable(given: Any) -> bool:
    """Whether every database stores these texts: no NUL, no half of a surrogate pair."""
    waiting = [given]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, str) and (
            "\0" in one or (not one.isascii() and any("\ud800" <= c <= "\udfff" for c in one))
        ):
            return False
    return True


# --- who calls, and whether he may ------------------------------------------------------------------------------------------


def caller() -> Caller:
    """Whose call this is; the guard has seen to it that it is known."""
    known: Caller = g.api_caller
    return known


def needs(scope: str) -> Callable[[View], View]:
    """For callers whose token has this scope. Raises Problem 401, 429, 403, before anything else is looked at."""
    assert scope in scopes.SCOPES, scope

    def guarded(view: View) -> View:
        reads_query = getattr(view, "api_reads_query", False)

        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            _admit(scope)
            if request.args and not reads_query:
                raise problems.invalid(wording.errors_of(dict.fromkeys(request.args, "Unknown field.")))
            return view(*args, **kwargs)

        checked.api_scope = scope  # type: ignore[attr-defined]  # web.api.document reads it
        return checked

    return guarded


def asks_in_turn(view: View) -> View:
    """For a question that adds up many rows; stands below `needs`. One of a portal at a time (web.turns), else 503."""

    @wraps(view)
    def waiting(*args: Any, **kwargs: Any) -> Any:
        with turns.question(caller().portal_id):
            return view(*args, **kwargs)

    return waiting


def _admit(scope: str) -> None:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    known = tokens.caller(runtime(), token.strip()) if kind.lower() == "bearer" else None
    if known is None:
        raise Problem(401, "unauthorized")
    g.api_caller = known
    g.api_allowance = allowance = runtime().token_rate.take(known.token_id, known.portal_id)
    if allowance.wait_s:
        raise Problem(429, "rate_limited", again_s=allowance.wait_s)
    if not scopes.allows(known.scopes, scope):
        raise Problem(403, "forbidden", FORBIDDEN.format(scope=scope))
    tokens.used(runtime(), known)


def tell_allowance(response: Response) -> Response:
    """The headers that say how many calls may follow (IETF draft httpapi-ratelimit-headers)."""
    allowance: Allowance | None = g.get("api_allowance")
    if allowance is not None:
        again_s = max(1, round((BURST - allowance.left) / BURST * WINDOW_S))
        response.headers["RateLimit-Policy"] = f'"burst";q={BURST};w={WINDOW_S}'
        response.headers["RateLimit"] = f'"burst";r={allowance.left};t={again_s}'
    return response


def wrong_cursor() -> Problem:
    """422 for a cursor that is not of this question."""
    return problems.invalid({"cursor": [(wording.INVALID, _WRONG_CURSOR)]})


# --- what goes wrong outside of a view's own rules ---------------------------------------------------------------------------


def _too_often(error: OverQuota) -> Response:
    return problems.answer(Problem(429, "rate_limited", again_s=error.again_s))


def _unavailable(_error: Exception) -> Response:
    return problems.answer(Problem(503, "unavailable"))


def _database(error: SQLAlchemyError) -> Response:
    """The database does not answer. Anything else it says is a fault of ours."""
    if not is_away(error):
        raise error
    return _unavailable(error)
