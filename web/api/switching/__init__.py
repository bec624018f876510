"""The switching door, `/rest/client/v2/<method>/`: programs written for the former product go on with a token of ours.

Its methods, parameters, limits and error codes are that product's; what is behind them is what the API has. The token comes in
the header `OLChat-Api-Token` only, never in the address, which is logged.
"""

from contextlib import nullcontext
from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from messaging.api import scopes, tokens
from messaging.api.tokens import Caller
from messaging.limits.quotas import OverQuota
from messaging.queue.group_commit import Unavailable
from messaging.store.database import is_away
from web import turns
from web.api.switching import campaigns, lines, messages, templates
from web.api.switching.call import DEEP, METHODS, PAGE, PAGE_AT_MOST, PROVIDERS_DEEP, STATUSES, Call, Fault, given
from web.context import runtime
from web.refusals import Reason, because

HEADER = "OLChat-Api-Token"
#: Calls of one method with one token: the most in a period, and the period in seconds.
CALLS, SECONDS = 5, 3
blueprint = Blueprint("switching", __name__, url_prefix="/rest/client/v2")
_GROUPS = (messages, templates, campaigns, lines)
"""Importing them fills METHODS."""


@blueprint.route("/", methods=["GET", "POST"])
def index() -> Response:
    """The methods and the limits."""
    _caller("")
    listed = [
        {"name": one.name, "params": list(one.params), "scope": one.scope} for _name, one in sorted(METHODS.items())
    ]
    limits = {
        "requests": CALLS,
        "per_seconds": SECONDS,
        "period_days": DEEP,
        "analytics_days": PROVIDERS_DEEP,
        "page_size": PAGE,
        "page_size_max": PAGE_AT_MOST,
        "recipients_per_call": campaigns.RECIPIENTS,
        "message_ids_per_call": messages.IDS,
    }
    return jsonify(result={"methods": listed, "limits": limits})


@blueprint.route("/<name>/", methods=["GET", "POST"], strict_slashes=False)
def call(name: str) -> Response:
    caller = _caller(name)
    found = METHODS.get(name)
    if found is None:
        raise Fault("unknown_method", "an empty method lists all there are")
    if not scopes.allows(caller.scopes, found.scope):
        raise Fault("forbidden", f"the token needs the scope {found.scope}")
    asked = Call(caller, given())
    with turns.question(caller.portal_id) if found.is_long else nullcontext():
        return jsonify(result=found.view(asked))


def _caller(name: str) -> Caller:
    """Whose token this is. Raises Fault, before anything else of the request is read."""
    known = tokens.caller(runtime(), request.headers.get(HEADER, "").strip())
    if known is None:
        raise Fault("unauthorized", f"the header {HEADER} has no token that we know")
    what = f"switching:{name if name in METHODS else ''}"
    allowance = runtime().token_rate.take(
        known.token_id, known.portal_id, what, rate_per_s=CALLS / SECONDS, burst=CALLS
    )
    if allowance.wait_s:
        raise Fault("rate_limit_exceeded", f"at most {CALLS} calls of a method in {SECONDS} s", allowance.wait_s)
    tokens.used(runtime(), known)
    return known


# --- errors ------------------------------------------------------------------------------------------------------------------


@blueprint.errorhandler(Fault)
def _refused(fault: Fault) -> Response:
    if fault.status == 429:
        because(Reason.QUOTA, fault.again_s)
    return _answer(fault.code, fault.words, fault.status)


def _answer(code: str, words: str, status: int) -> Response:
    response = jsonify(error=code, error_description=words)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.errorhandler(OverQuota)
def _too_often(error: OverQuota) -> Response:
    return _refused(Fault("rate_limit_exceeded", again_s=error.again_s))


@blueprint.errorhandler(Unavailable)
def _away(_error: Unavailable) -> Response:
    return _refused(Fault("unavailable", "nothing was stored: try again in a moment"))


@blueprint.errorhandler(SQLAlchemyError)
def _database(error: SQLAlchemyError) -> Response:
    if not is_away(error):
        raise error
    return _refused(Fault("unavailable", "nothing was stored: try again in a moment"))


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status == 503:
        return _answer("unavailable", "too much is asked at once: try again in a moment", status)
    return _answer("invalid_params" if status < 500 else "internal_error", error.name, status)


__all__ = ["CALLS", "HEADER", "METHODS", "SECONDS", "STATUSES", "blueprint"]
