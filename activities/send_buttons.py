"""Send a text with up to three buttons; each is a line `Title` or `Title|id`."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from activities.base import Desk
from activities.errors import refused
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages


def header_field() -> fields.String:
    """The line above the text, of buttons and lists."""
    return fields.String(
        load_default="",
        metadata={
            "title": Text("Header", "Заголовок"),
            "hint": Text("In bold above the text, up to 60 characters", "Жирным над текстом, до 60 символов"),
        },
    )


def text_field() -> fields.String:
    """The text of buttons and lists."""
    return fields.String(
        required=True,
        metadata={
            "title": Text("Text", "Текст"),
            "hint": Text("Up to 1024 characters", "До 1024 символов"),
        },
    )


def footer_field() -> fields.String:
    """The line below the text, of buttons and lists."""
    return fields.String(
        load_default="",
        metadata={
            "title": Text("Footer", "Нижняя строка"),
            "hint": Text("In grey below the text, up to 60 characters", "Серым под текстом, до 60 символов"),
        },
    )


class SendButtons(SessionAction):
    name = "send_buttons"
    title = Text("WhatsApp: buttons", "WhatsApp: кнопки")
    description = Text(
        "Sends a text with up to three buttons while the 24-hour window is open. Can wait for the client's choice",
        "Отправляет текст с кнопками (до трёх), пока открыто окно 24 часа. Может дождаться выбора клиента",
    )

    class Content(Properties):
        header = header_field()
        text = text_field()
        footer = footer_field()
        buttons = fields.List(
            fields.String(),
            required=True,
            metadata={
                "title": Text("Buttons", "Кнопки"),
                "hint": Text(
                    "1 to 3, up to 20 characters each. With an ID for conditions: Yes|yes",
                    "От 1 до 3, до 20 символов каждая. С кодом для условий: Да|yes",
                ),
            },
        )

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        return messages.QuickReply(
            values["text"], parse(values["buttons"]), values["header"], values["footer"], msgid=desk.msgid
        )


def parse(entries: list[str]) -> tuple[messages.Button, ...]:
    """Buttons from entries `Title` or `Title|id`; blank ones are dropped. Raises Refused buttons_invalid."""
    lines = [line for entry in entries for line in entry.splitlines() if line.strip()]
    return tuple(_button(line, position) for position, line in enumerate(lines, 1))


def _button(line: str, position: int) -> messages.Button:
    title, *ids = (part.strip() for part in line.split("|"))
    if len(ids) > 1:
        problem = Text(
            "Not sent: button {n} has more than one “|”. Write the title, “|” and the ID: Yes|yes.",
            "Не отправили: у кнопки {n} больше одной черты «|». Напишите название, черту и код: Да|yes.",
        )
        raise refused("buttons_invalid", at="buttons", position=position, problem=problem.format(n=position))
    return messages.Button(title, *ids)
