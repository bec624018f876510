"""Send a plain text, or the template whose macro the text is."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from activities import macro, send_template
from activities.base import Desk
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages

_WORDING = send_template.Wording(
    params=Text("[body]", "[body]"),
    button_params=Text("[buttons=url]", "[buttons=url]"),
    header=Text("[header]", "[header]"),
    remedy=Text(
        "Check the macro, and the card's field it takes the value from.",
        "Проверьте макрос и поле карточки, из которого берётся значение.",
    ),
)


class SendText(SessionAction):
    name = "send_text"
    title = Text("WhatsApp: text", "WhatsApp: текст")
    description = Text(
        "Sends a text while the 24-hour window is open. Can wait until it is delivered, read or answered",
        "Отправляет текст, пока открыто окно 24 часа. Может дождаться доставки, прочтения или ответа",
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

    def compose(self, values: Mapping[str, Any], desk: Desk) -> tuple[messages.Message, messages.Choices]:
        found = macro.parse(values["text"])
        return send_template.compose(call_of(found), desk) if found else super().compose(values, desk)

    def is_template(self, values: Mapping[str, Any]) -> bool:
        return macro.parse(values["text"]) is not None

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        return messages.Text(values["text"])


def call_of(found: macro.Macro) -> send_template.Call:
    """A macro as a call of the template robot, in the macro's own words."""
    return send_template.Call(
        template=found.template,
        language=found.language,
        params=found.params,
        header=found.header,
        button_params=found.button_params,
        wording=_WORDING,
    )
