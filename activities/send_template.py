"""Send an approved template with its variables: the only message that may begin a conversation."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from activities.base import Desk, SendAction
from activities.errors import Refused, refused
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages
from gupshup.templates import TemplateInfo

_NUMBERED = re.compile(r"^\s*\[(\d{1,3})\](.*)$", re.DOTALL)
_PARAMS = Text("Variables", "Переменные")
_BUTTONS = Text("Button variables", "Переменные кнопок")


class SendTemplate(SendAction):
    name = "send_template"
    title = Text("WhatsApp: template", "WhatsApp: шаблон")
    description = Text(
        "Sends an approved template with variables; works at any time, also as the first message",
        "Отправляет одобренный шаблон с переменными; работает в любое время, в том числе первым сообщением",
    )

    class Content(Properties):
        template = fields.String(
            required=True,
            metadata={
                "title": Text("Template", "Шаблон"),
                "hint": Text("Its Gupshup id or its name", "Идентификатор Gupshup или название"),
            },
        )
        language = fields.String(
            load_default="",
            metadata={
                "title": Text("Template language", "Язык шаблона"),
                "hint": Text(
                    "Needed if one name exists in several languages", "Нужен, если название есть на нескольких"
                ),
            },
        )
        params = fields.List(
            fields.String(),
            load_default=list,
            metadata={
                "title": _PARAMS,
                "hint": Text(
                    "In order: the header's, then the body's. May be numbered: [1] Anna, [2] 512",
                    "По порядку: заголовка, затем текста. Можно с номерами: [1] Анна, [2] 512",
                ),
            },
        )
        header = fields.String(
            load_default="",
            metadata={
                "title": Text("Header file", "Файл заголовка"),
                "hint": Text("An https link, for templates with media", "Ссылка https, для шаблонов с медиа"),
            },
        )
        button_params = fields.List(
            fields.String(),
            load_default=list,
            metadata={
                "title": _BUTTONS,
                "hint": Text(
                    "In button order: the tail of a link, the code to copy",
                    "По порядку кнопок: хвост ссылки, код для копирования",
                ),
            },
        )
        if_empty = fields.String(
            load_default="",
            metadata={
                "title": Text("Instead of an empty variable", "Вместо пустой переменной"),
                "hint": Text("Empty: the robot ends with an error", "Пусто: робот завершится ошибкой"),
            },
        )

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        info = desk.template(values["template"].strip(), values["language"].strip())
        params, button_params = ordered(values["params"]), ordered(values["button_params"])
        if info is None:
            return self._unlisted(values, params + button_params)
        body = self._filled(params, [*info.header_vars, *info.body_vars], values["if_empty"], _PARAMS)
        tail = [""] * info.button_vars
        buttons = self._filled(button_params, tail, values["if_empty"], _BUTTONS)
        return messages.Template(info.id, tuple(body + buttons), header=_header(info, values["header"].strip()))

    def _unlisted(self, values: Mapping[str, Any], params: list[str]) -> messages.Message:
        """A template nobody can look up: its id may be right, its header's kind cannot be known."""
        if values["header"].strip():
            raise refused("template_not_found", value=values["template"])
        filled = [param.strip() or values["if_empty"].strip() for param in params]
        return messages.Template(values["template"].strip(), tuple(filled))

    def _filled(self, given: list[str], wanted: list[str], if_empty: str, field: Text) -> list[str]:
        """One value for each variable, blanks replaced by `if_empty`. Raises Refused template_params."""
        if len(given) > len(wanted):
            raise _problem(
                "The template has {wanted} variables in “{field}”, {given} were given. Remove the surplus ones.",
                "У шаблона переменных в поле «{field}»: {wanted}, передано: {given}. Уберите лишние.",
                wanted=len(wanted), given=len(given), field=field,
            )  # fmt: skip
        padded = [*given, *[""] * (len(wanted) - len(given))]
        filled = [value.strip() or if_empty.strip() for value in padded]
        for position, value in enumerate(filled, 1):
            if not value:
                raise _problem(
                    "Variable {n} of the template (“{field}”) has no value. Fill it in, or set “Instead of an empty variable”.",
                    "У переменной {n} шаблона («{field}») нет значения. Заполните её или поле «Вместо пустой переменной».",
                    n=position, field=field,
                )  # fmt: skip
        return filled


def ordered(entries: list[str]) -> list[str]:
    """The entries by their numbers `[n]` if all carry one, else as they stand.

    Bitrix24 drops empty entries of a multiple property on saving; numbers keep the later ones in their places.
    """
    matches = [_NUMBERED.match(entry) for entry in entries]
    if not entries or not all(matches):
        return list(entries)
    numbered: dict[int, str] = {}
    for match in matches:
        assert match is not None
        number = int(match[1])
        if number < 1 or number in numbered:
            raise _problem(
                "The number [{n}] stands twice or is not a variable's. Number the variables [1], [2], [3].",
                "Номер [{n}] повторяется или не подходит. Нумеруйте переменные: [1], [2], [3].",
                n=number,
            )
        numbered[number] = match[2].strip()
    return [numbered.get(number, "") for number in range(1, max(numbered) + 1)]


def _header(info: TemplateInfo, link: str) -> messages.MediaHeader | None:
    if not info.is_media:
        return None
    if not link:
        raise _problem(
            "The template “{name}” begins with a file ({kind}), but “Header file” is empty. Give an https link to it.",
            "Шаблон «{name}» начинается с файла ({kind}), а поле «Файл заголовка» пустое. Укажите ссылку https на файл.",
            name=info.name, kind=info.kind.lower(),
        )  # fmt: skip
    return messages.MediaHeader(info.kind.lower(), link)


def _problem(en: str, ru: str, **values: object) -> Refused:
    return refused("template_params", problem=Text(en, ru).format(**values))
