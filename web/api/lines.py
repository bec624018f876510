"""Lines: what messages are sent from."""

from typing import Any

from marshmallow import fields, validate

from messaging.callbacks import shapes
from messaging.lines import selection
from messaging.money import accounts
from messaging.money.accounts import Left
from messaging.store import amounts
from messaging.store.models import Line
from web.api import examples
from web.api.message_schemas import Answer
from web.api.resource import Resource, caller, needs
from web.context import runtime

resource = Resource("Lines", "WhatsApp numbers of this portal.")
#: Hours after a client's last message in which ordinary messages may be sent.
WINDOW_HOURS = 24


class LineSchema(Answer):
    """A line."""

    id = fields.Integer(required=True)
    phone = fields.String(required=True)
    name = fields.String(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["connected", "paused", "stopped"]),
        metadata={"description": "paused: by a person; stopped: WhatsApp or Gupshup refuses all of its messages."},
    )
    window_hours = fields.Integer(required=True)
    tier = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Clients it may write to first in 24 hours; 0: any number; null: not known."},
    )
    balance = fields.Dict(required=True, allow_none=True, metadata={"description": "Null if Gupshup does not tell it."})


@resource.route("/lines")
@needs("lines:read")
@resource.response(200, LineSchema(many=True), example=[examples.LINE])
def list_lines() -> list[dict[str, Any]]:
    """List lines"""
    with runtime().db.read() as session:
        found = selection.connected(session, caller().portal_id)
        known = accounts.of_lines(session, [line.id for line in found])
        lefts = accounts.left_of(session, known.values())
        return [_shown(line, lefts.get(line.id)) for line in found]


def _shown(line: Line, left: Left | None) -> dict[str, Any]:
    return {
        "id": line.id,
        "phone": line.phone,
        "name": line.name or line.app_name,
        "status": shapes.line_status(line),
        "window_hours": WINDOW_HOURS,
        "tier": line.tier,
        "balance": amounts.shown(left.amount, left.currency) if left is not None else None,
    }
