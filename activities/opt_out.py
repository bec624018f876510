"""Put a client on the portal's list of those who want no messages, or take them off it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, validate

from activities.base import STATUS_RESULTS, Action, Desk, Nothing, Plan, Results
from bx24.i18n import Text
from bx24.properties import Properties

MODES: dict[str, Text] = {
    "stop": Text("send this client no more messages", "больше не писать клиенту"),
    "allow": Text("messages may go to this client again", "снова разрешить писать клиенту"),
}


class OptOut(Action):
    name = "opt_out"
    title = Text("WhatsApp: stop or allow messages", "WhatsApp: отказ от сообщений")
    description = Text(
        "Puts the client on the list of those who want no messages, or takes them off it. Sends nothing",
        "Вносит клиента в список отказавшихся от сообщений или убирает из него. Ничего не отправляет",
    )
    Ending = Nothing
    results: ClassVar[Results] = {
        **STATUS_RESULTS,
        "opted_out": Text("The client has opted out (Y/N)", "Клиент отказался от сообщений (Y/N)"),
    }

    class Content(Properties):
        mode = fields.String(
            load_default="stop",
            validate=validate.OneOf(list(MODES), labels=list(MODES.values())),  # type: ignore[arg-type]  # labels are Texts
            metadata={
                "title": Text("What to do", "Что сделать"),
                "hint": Text(
                    "What the client has stopped in WhatsApp only the client can allow again",
                    "Что клиент отключил в самом WhatsApp, вернуть может только он",
                ),
            },
        )

    def plan_without_line(self, values: Mapping[str, Any]) -> Plan:
        return Plan(consent=values["mode"])

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        return self.plan_without_line(values)
