"""Send a plain text."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from activities.base import Desk, SendAction
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages


class SendText(SendAction):
    name = "send_text"
    title = Text("WhatsApp: text", "WhatsApp: текст")
    description = Text(
        "Sends a text while the 24-hour window is open, and waits as long as you choose",
        "Отправляет текст, пока открыто 24-часовое окно, и ждёт столько, сколько вы выберете",
    )

    class Content(Properties):
        text = fields.String(
            required=True,
            metadata={
                "title": Text("Text", "Текст"),
                "hint": Text("Up to 4096 characters", "До 4096 символов"),
                "type": "text",
            },
        )

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        return messages.Text(values["text"])
