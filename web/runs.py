"""POST /robots/<name> and /activities/<name>: a robot or an activity runs.

Stored, then 200: Bitrix24 does not look at our answer and never calls again.
"""

from flask import Blueprint, Response

from bx24.payloads import PayloadError, RunCall
from messaging import portals, runs
from messaging.models import shard_of
from web.context import empty, form, refuse, runtime

blueprint = Blueprint("runs", __name__)


@blueprint.post("/<any(robots, activities):side>/<name>")
def run(side: str, name: str) -> Response:
    action = runs.action_of(side, name)
    if action is None:
        return refuse(404, f"no action {name}")
    try:
        call = RunCall.parse(form())
    except PayloadError as error:
        return refuse(400, error)
    portal = portals.recognise(runtime(), call.auth)
    if portal is None:
        return refuse(403, "unknown portal or wrong application_token")
    if call.code != runs.code_of(side, name):
        return refuse(400, f"code {call.code} at the address of {name}")
    if runs.store(runtime(), portal, side, action, call):
        runtime().bells.ring([shard_of(portal.id)])
    return empty()
