"""Wait until a message that an earlier step has sent is delivered; sends nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from marshmallow import fields, validate

from activities.base import SEND_RESULTS, STATUS_RESULTS, UNTIL, Action, Desk, Plan, Results, wait_minutes_field
from bx24.i18n import Text
from bx24.properties import Properties

MESSAGE = Text("Message ID", "ID сообщения")
_UNTIL = {status: UNTIL[status] for status in ("sent", "delivered", "read")}


class WaitDelivery(Action):
    name = "wait_delivery"
    title = Text("WhatsApp: wait for delivery", "WhatsApp: ждать доставку")
    description = Text(
        "Waits until a message sent earlier in this workflow is sent, delivered or read. Sends nothing",
        "Ждёт, пока отправленное раньше в этом процессе сообщение уйдёт, дойдёт или будет прочитано. Ничего не отправляет",
    )
    is_addressed = False
    results: ClassVar[Results] = {**STATUS_RESULTS, **SEND_RESULTS}

    class Content(Properties):
        message = fields.String(
            required=True,
            metadata={
                "title": MESSAGE,
                "hint": Text(
                    "“Message ID” from the result of the robot that sent it",
                    "«ID сообщения» из результата робота, который его отправил",
                ),
            },
        )

    class Ending(Properties):
        until = fields.String(
            load_default="delivered",
            validate=validate.OneOf(list(_UNTIL), labels=list(_UNTIL.values())),  # type: ignore[arg-type]  # labels are Texts
            metadata={"title": Text("Continue when", "Продолжить, когда")},
        )
        wait_minutes = wait_minutes_field()

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        return Plan(until=values["until"], wait=timedelta(minutes=values["wait_minutes"]))
