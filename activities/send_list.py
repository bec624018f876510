"""Send a text with one button that opens a list of up to ten rows in sections."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from activities.base import Desk
from activities.errors import refused
from activities.send_buttons import footer_field, header_field, text_field
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages


class SendList(SessionAction):
    name = "send_list"
    title = Text("WhatsApp: list", "WhatsApp: список")
    description = Text(
        "Sends a text with a list of up to ten rows while the 24-hour window is open. Can wait for the client's choice",
        "Отправляет текст со списком (до десяти строк), пока открыто окно 24 часа. Может дождаться выбора клиента",
    )

    class Content(Properties):
        header = header_field()
        text = text_field()
        footer = footer_field()
        button = fields.String(
            required=True,
            metadata={
                "title": Text("List button", "Кнопка списка"),
                "hint": Text("Opens the list, up to 20 characters", "Открывает список, до 20 символов"),
            },
        )
        items = fields.String(
            required=True,
            metadata={
                "title": Text("Rows", "Строки списка"),
                "hint": Text(
                    "One per line, up to 10: Title|Description|id; the last two may be left out. "
                    "A line # Title begins a section",
                    "По одной на строке, до 10: Название|Описание|код; описание и код можно не писать. "
                    "Строка # Название начинает раздел",
                ),
                "type": "text",
            },
        )

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        return messages.ListMenu(
            values["text"],
            values["button"].strip(),
            parse(values["items"]),
            values["header"],
            values["footer"],
            msgid=desk.msgid,
        )


def parse(text: str) -> tuple[messages.Section, ...]:
    """Sections from lines `# Section`, `Title`, `Title|Description`, `Title|Description|id`; blank lines are dropped.

    Rows before the first section are a section without a title. Raises Refused list_invalid.
    """
    sections: list[tuple[str, list[messages.Row]]] = []
    position = 0
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            sections.append((line.lstrip("#").strip(), []))
            continue
        if not sections:
            sections.append(("", []))
        position += 1
        sections[-1][1].append(_row(line, position))
    return tuple(messages.Section(title, tuple(rows)) for title, rows in sections)


def _row(line: str, position: int) -> messages.Row:
    title, *rest = (part.strip() for part in line.split("|"))
    if len(rest) > 2:
        problem = Text(
            "Not sent: row {n} of the list has more than two “|”. Write Title|Description|id.",
            "Не отправили: в строке {n} списка больше двух черт «|». Напишите так: Название|Описание|код.",
        )
        raise refused("list_invalid", at="items", position=position, problem=problem.format(n=position))
    return messages.Row(title, *rest)
