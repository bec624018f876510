"""POST /robots/<name> and /activities/<name>: Bitrix24 runs a robot or an activity.

The call is stored before it is answered 200: Bitrix24 ignores our answer and never repeats a call.
"""

from flask import Blueprint, Response

from activities.base import Action
from bx24.payloads import PayloadError, RunCall
from messaging.intake import robot_calls
from messaging.limits import bounds
from messaging.portals import portals
from messaging.queue.group_commit import Unavailable
from messaging.queue.group_insert import StaleSnapshot
from robots import lookup
from web.context import empty, form, refuse, refuse_unstored, runtime
from web.refusals import Reason

blueprint = Blueprint("runs", __name__)
#: A portal that changes while its call is stored is read again at most this many times.
RECOGNISED_ANEW = 5


@blueprint.post("/<any(robots, activities):side>/<name>")
def run(side: str, name: str) -> Response:
    action = lookup.action_of(side, name)
    if action is None:
        return refuse(404, f"no action {name}")
    try:
        call = RunCall.parse(form(bounds.ROBOT_CALL_BYTES))
    except PayloadError as error:
        return refuse(400, error)
    return _stored(side, name, action, call)


def _stored(side: str, name: str, action: Action, call: RunCall) -> Response:
    """Store the call; if the cached portal is out of date, read the portal again and retry.

    Raises OverQuota if the portal sends far too many calls.
    """
    is_allowed = None
    for _ in range(RECOGNISED_ANEW):
        caller = portals.caller(runtime(), call.auth)
        if caller is None:
            return refuse(403, "unknown portal or wrong application_token")
        if call.code != lookup.code_of(side, name):
            return refuse(400, f"code {call.code} at the address of {name}")
        if is_allowed is None:
            is_allowed = runtime().call_quota.allows(caller.id)
        try:
            robot_calls.store(runtime(), caller, side, action, call, is_refused=not is_allowed)
        except StaleSnapshot:
            portals.forget(runtime(), call.auth)
        except Unavailable as error:
            return refuse_unstored(error)
        else:
            return empty()
    return refuse(503, "the portal changes all the time", Reason.BUSY)
