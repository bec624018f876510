"""POST /provider/<line id>: Bitrix24 hands over an "SMS" that a person, a robot or CRM marketing sends by this line.

The message is kept before it is answered 200: Bitrix24 repeats it only now and then, with the same id. A status comes later.
"""

from flask import Blueprint, Response

from bx24.message_service import ProviderCall
from bx24.payloads import PayloadError
from messaging.intake.provider_calls import take
from messaging.limits import bounds
from messaging.queue.group_commit import Unavailable
from web.context import form_and_body, refuse, refuse_unstored, runtime
from web.runs import answer

blueprint = Blueprint("provider", __name__)


@blueprint.post("/provider/<int:line_id>")
def message(line_id: int) -> Response:
    try:
        form, body = form_and_body(bounds.ROBOT_CALL_BYTES)
        call = ProviderCall.parse(form)
    except PayloadError as error:
        return refuse(400, error)
    try:
        return answer(take(runtime(), line_id, call, body), call.code)
    except Unavailable as error:
        return refuse_unstored(error)
