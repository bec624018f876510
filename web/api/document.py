"""`GET /api/v1/openapi.json`: what flask-smorest knows of the routes, completed with what holds for all of them."""

import json
import re
from functools import cache
from typing import Any

from flask import Flask

from messaging.api import idempotency
from web.api import examples
from web.api.problems import MEDIA_TYPE

#: Status → when it is answered, for every route.
_ALWAYS = {"401": "UNAUTHORIZED", "403": "FORBIDDEN", "422": "UNPROCESSABLE", "429": "TOO_MANY", "503": "UNAVAILABLE"}
_PROBLEMS = {
    "UNAUTHORIZED": "No valid token",
    "FORBIDDEN": "The token lacks the scope",
    "NOT_FOUND": "There is no such object on this portal",
    "CONFLICT": "The object's state does not allow this, or the Idempotency-Key belongs to another or an unfinished request",
    "TOO_LARGE": "The body is too large",
    "WRONG_TYPE": "The body has another type than this route takes",
    "UNPROCESSABLE": "Wrong values; `errors` names the fields",
    "TOO_MANY": "Too many requests; see Retry-After",
    "UNAVAILABLE": "Not available just now; see Retry-After",
    "UNEXPECTED": "Any other error",
}
_BODY = {"413": "TOO_LARGE", "415": "WRONG_TYPE"}
_METHODS = ("get", "put", "post", "delete", "patch")
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body get the same answer for 48 hours, with `Idempotent-Replayed: true`. A UUID, say.",
    "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.KEY_LENGTH, "pattern": "^[!-~][ -~]*$"},
    "example": "0f8fad5b-d9cb-469f-a165-70867728950e",
}
_ERRORS = {
    "type": "object",
    "description": 'Field → what is wrong with it. What belongs to no field stands under "".',
    "additionalProperties": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
    },
}
PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained."},
        "title": {"type": "string", "description": "What the code means; the same in every case."},
        "status": {"type": "integer"},
        "detail": {
            "type": "string",
            "description": "What happened and what to do, in the language of Accept-Language.",
        },
        "code": {"type": "string", "description": "For programs."},
        "errors": _ERRORS,
    },
    "example": examples.PROBLEM,
}
INFO = """Send WhatsApp messages, and read what became of them.

**Token.** `Authorization: Bearer <token>`. Administrators make tokens in the app, on the page “API”.

**Idempotency.** Give every POST an `Idempotency-Key`: however often it is repeated, it is done once.

**Errors.** `application/problem+json`, Russian or English by `Accept-Language`. `code` is for programs.

**Pages.** Lists answer `{items, next_cursor}`; hand `next_cursor` back as `cursor` until it is null.

**Limits.** 20 requests a second for each token, 60 at once; see the headers `RateLimit` and `Retry-After`.
"""


@cache
def built(app: Flask, api: Any) -> str:
    """The document as JSON; made once for each app."""
    document = api.spec.to_dict()
    runtime = app.extensions["waba24"]
    document["info"]["description"] = INFO
    document["servers"] = [{"url": runtime.config.public_url or "/"}]
    components = document.setdefault("components", {})
    components["schemas"]["Problem"] = PROBLEM
    for unused in ("Error", "PaginationMetadata"):  # flask-smorest's own errors and pages
        components["schemas"].pop(unused, None)
    components["responses"] = {name: _problem(words) for name, words in _PROBLEMS.items()}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token of the page “API”."}
    }
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<([^<>]*)>", lambda found: "{" + found[1].rpartition(":")[2] + "}", rule.rule)
        view = app.view_functions[rule.endpoint]
        for method in _METHODS if path in document["paths"] else ():
            if method.upper() in (rule.methods or ()) and method in document["paths"][path]:
                _complete(document["paths"][path][method], path, method, view)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _complete(operation: dict[str, Any], path: str, method: str, view: Any) -> None:
    """Add what every operation has: security, refusals, headers."""
    scope = view.api_scope
    operation["security"] = [{"token": [scope]}]
    operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`".strip()
    operation["operationId"] = operation.get("operationId") or f"{view.__name__}"
    refusals = {**_ALWAYS, **({"404": "NOT_FOUND"} if "{" in path else {}), **(_BODY if method != "get" else {})}
    if getattr(view, "api_keyed", False):
        operation.setdefault("parameters", []).append(_KEY)
    if method in ("post", "put", "delete"):
        refusals["409"] = "CONFLICT"
    answers = {str(status): answer for status, answer in operation["responses"].items() if int_or_none(status)}
    successes = {status: _with_headers(answer, method) for status, answer in answers.items() if status < "300"}
    errors = {status: {"$ref": f"#/components/responses/{name}"} for status, name in sorted(refusals.items())}
    operation["responses"] = {
        **successes,
        **errors,
        "default": {"$ref": "#/components/responses/UNEXPECTED"},
    }


def int_or_none(status: object) -> int | None:
    """The status as a number; None for `default`."""
    return int(str(status)) if str(status).isdecimal() else None


def _with_headers(answer: dict[str, Any], method: str) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for name in ("RateLimit", "RateLimit-Policy")}
    if method == "post":
        headers["Idempotent-Replayed"] = {"schema": {"type": "string", "enum": ["true"]}}  # type: ignore[dict-item]
    return {**answer, "headers": {**answer.get("headers", {}), **headers}}


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
