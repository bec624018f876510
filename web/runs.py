"""POST /robots/<name> and /activities/<name>: a robot or an activity runs.

Stored, then 200: Bitrix24 does not look at our answer and never calls again.
"""

from flask import Blueprint, Response

from activities.base import Action
from bx24.payloads import PayloadError, RunCall
from messaging.intake import robot_calls
from messaging.portals import portals
from messaging.queue.group_commit import Stale, Unavailable
from robots import lookup
from web.context import empty, form, refuse, runtime

blueprint = Blueprint("runs", __name__)
RECOGNISED_ANEW = 5


@blueprint.post("/<any(robots, activities):side>/<name>")
def run(side: str, name: str) -> Response:
    action = lookup.action_of(side, name)
    if action is None:
        return refuse(404, f"no action {name}")
    try:
        call = RunCall.parse(form())
    except PayloadError as error:
        return refuse(400, error)
    return _stored(side, name, action, call)


def _stored(side: str, name: str, action: Action, call: RunCall) -> Response:
    """A portal that was not any more as it was remembered is recognised anew; it may change only so often meanwhile."""
    for _ in range(RECOGNISED_ANEW):
        caller = portals.caller(runtime(), call.auth)
        if caller is None:
            return refuse(403, "unknown portal or wrong application_token")
        if call.code != lookup.code_of(side, name):
            return refuse(400, f"code {call.code} at the address of {name}")
        try:
            robot_calls.store(runtime(), caller, side, action, call)
        except Stale:
            portals.forget(runtime(), call.auth)
        except Unavailable as error:
            return refuse(503, f"the database is away: {error}")
        else:
            return empty()
    return refuse(503, "the portal changes all the time")
