"""POST /robots/<name> and /activities/<name>: Bitrix24 runs a robot or an activity.

The call is kept before it is answered 200: Bitrix24 ignores our answer and never repeats a call.
"""

from flask import Blueprint, Response

from bx24.payloads import PayloadError, RunCall
from messaging.intake.keeping import Taken
from messaging.intake.robot_calls import Received, take
from messaging.limits import bounds
from messaging.queue.group_commit import Unavailable
from robots import lookup
from web.context import empty, form_and_body, refuse, refuse_unstored, runtime
from web.refusals import Reason

blueprint = Blueprint("runs", __name__)


@blueprint.post("/<any(robots, activities):side>/<name>")
def run(side: str, name: str) -> Response:
    action = lookup.action_of(side, name)
    if action is None:
        return refuse(404, f"no action {name}")
    try:
        form, body = form_and_body(bounds.ROBOT_CALL_BYTES)
        call = RunCall.parse(form)
    except PayloadError as error:
        return refuse(400, error)
    try:
        taken = take(runtime(), Received(side, name, action, call, body))
    except Unavailable as error:
        return refuse_unstored(error)
    return answer(taken, call.code)


def answer(taken: Taken, code: str) -> Response:
    """The answer to a call that was kept or not. code: as the call named it."""
    match taken:
        case Taken.UNKNOWN_CALLER:
            return refuse(403, "unknown portal or wrong application_token")
        case Taken.WRONG_CODE:
            return refuse(400, f"code {code} at an address of another code")
        case Taken.FOREIGN:
            return refuse(404, "the line is not the portal's")
        case Taken.BUSY:
            return refuse(503, "the portal changes all the time", Reason.BUSY)
    return empty()
