"""Send an approved template with its variables: the only message that may begin a conversation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import fields

from activities.base import Desk, SendAction
from activities.errors import Refused, refused
from activities.template_headers import Asked, cards_medium, header_of
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages
from gupshup.reading import is_blank
from gupshup.templates import TemplateInfo

_NUMBERED = re.compile(r"^\s*\[(\d{1,3})\](.*)$", re.DOTALL)
_PARAMS = Text("Variables", "Переменные")
_BUTTONS = Text("Button variables", "Переменные кнопок")
_HEADER = Text("Header file", "Файл заголовка")
_FILL_IN = Text(
    "Enter one, or fill in the field “Instead of an empty variable”.",
    "Укажите его или заполните поле «Вместо пустой переменной».",
)
_CAROUSEL = Text("a carousel", "карусель")
_CATALOGUE = Text("a catalogue", "каталог")
_PRODUCTS = Text("a list of products", "список товаров")
_OFFER = Text("a limited-time offer", "предложение с ограниченным сроком")
#: What has no field here: kinds of templates, and types of buttons.
_KINDS = {
    "CATALOG": _CATALOGUE,
    "PRODUCT": _PRODUCTS,
    "LIMITED_TIME_OFFER": _OFFER,
}
_BUTTON_TYPES = {
    "CATALOG": _CATALOGUE,
    "MPM": _PRODUCTS,
    "SPM": _PRODUCTS,
    "ORDER_DETAILS": Text("the details of an order", "данные заказа"),
}


def params_field(title: Text) -> fields.List[str]:
    """The values of a template's variables."""
    return fields.List(
        fields.String(),
        load_default=list,
        metadata={
            "title": title,
            "hint": Text(
                "In order: the header's, then the text's. May be numbered: [1] Anna, [2] 512",
                "По порядку: сначала заголовка, затем текста. Можно с номерами: [1] Анна, [2] 512",
            ),
        },
    )


class SendTemplate(SendAction):
    name = "send_template"
    title = Text("WhatsApp: template", "WhatsApp: шаблон")
    description = Text(
        "Sends an approved template with variables, at any time, also as the first message",
        "Отправляет одобренный шаблон с переменными в любое время, в том числе первым сообщением",
    )

    class Content(Properties):
        template = fields.String(
            required=True,
            metadata={
                "title": Text("Template", "Шаблон"),
                "hint": Text("Its name or its Gupshup ID", "Название шаблона или его ID в Gupshup"),
            },
        )
        language = fields.String(
            load_default="",
            metadata={
                "title": Text("Template language", "Язык шаблона"),
                "hint": Text(
                    "Needed if the template exists in several languages", "Нужен, если шаблон есть на нескольких языках"
                ),
            },
        )
        params = params_field(_PARAMS)
        header = fields.String(
            load_default="",
            metadata={
                "title": _HEADER,
                "hint": Text(
                    "A link, a Drive file ID or a CRM field code; of cards one each, with | between. A map: 54.98, 73.36|Place",
                    "Ссылка, ID файла на Диске или код поля CRM; для карточек по одному через |. Карта: 54.98, 73.36|Место",
                ),
            },
        )
        button_params = fields.List(
            fields.String(),
            load_default=list,
            metadata={
                "title": _BUTTONS,
                "hint": Text(
                    "In the order of the buttons: the end of a link, or the code to copy",
                    "По порядку кнопок: конец ссылки или код для копирования",
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

    def compose(self, values: Mapping[str, Any], desk: Desk) -> tuple[messages.Message, messages.Choices]:
        call = Call(
            template=values["template"].strip(),
            language=values["language"].strip(),
            params=ordered(values["params"], "params"),
            header=values["header"].strip(),
            button_params=ordered(values["button_params"], "button_params"),
            if_empty=values["if_empty"].strip(),
        )
        return compose(call, desk)


@dataclass(frozen=True)
class Wording:
    """What the fields of a call are called where it was made."""

    params: Text = _PARAMS
    button_params: Text = _BUTTONS
    header: Text = _HEADER
    remedy: Text = _FILL_IN


@dataclass(frozen=True)
class Call:
    """A template with everything it is to be sent with, wherever it was written down."""

    template: str
    language: str
    params: Sequence[str]
    header: str
    button_params: Sequence[str]
    if_empty: str = ""
    wording: Wording = Wording()


def compose(call: Call, desk: Desk) -> tuple[messages.Message, messages.Choices]:
    """The template's message, and what the client can tap in it. Raises Refused or InvalidMessage."""
    info = desk.template(call.template, call.language)
    if info is None:
        return _unlisted(call), ()
    why = unsupported(info)
    if why is not None:
        raise refused("template_params", at="template", problem=why)
    values = _filled(call, call.params, len(info.text_vars), "params")
    buttons = _filled(call, call.button_params, info.button_vars, "button_params")
    postbacks = [choice_id for choice_id, _ in info.choices]
    header = header_of(Asked(call.header, call.wording.header), info, desk)
    return info.message(values, buttons, header, postbacks), info.choices


def unsupported(info: TemplateInfo) -> Text | None:
    """Why nobody can send this template from here, whatever the fields; None if that works."""
    what = _without_a_field(info)
    if what is None:
        return None
    return Text(
        "The template “{name}” has {what}; the app cannot send such templates. Choose another one.",
        "В шаблоне «{name}» есть {what}: такие шаблоны приложение не отправляет. Выберите другой.",
    ).format(name=info.name, what=what)


def _without_a_field(info: TemplateInfo) -> Text | None:
    """What the template needs and no field of the robot can give."""
    if info.kind in _KINDS:
        return _KINDS[info.kind]
    has_cards = info.kind == "CAROUSEL" or info.cards or info.card_vars
    # A copy made before there were cards does not say what they hold; files of several kinds cannot be sent together.
    if has_cards and (info.kind != "CAROUSEL" or not cards_medium(info)):
        return _CAROUSEL
    buttons = (*info.buttons, *(button for card in info.cards for button in card.buttons))
    needed = [_BUTTON_TYPES[button.type] for button in buttons if button.type in _BUTTON_TYPES]
    return needed[0] if needed else _OFFER if info.is_offer else None


def _unlisted(call: Call) -> messages.Message:
    """A template nobody can look up: its id may be right, its header's kind cannot be known."""
    if call.header:
        raise refused("template_not_found", at="template", value=call.template)
    return messages.Template(
        call.template, tuple(_or_substitute(value, call) for value in [*call.params, *call.button_params])
    )


def _filled(call: Call, given: Sequence[str], wanted: int, at: str) -> list[str]:
    """One value for each variable, blanks replaced by `if_empty`. Raises Refused template_params."""
    field = call.wording.params if at == "params" else call.wording.button_params
    if len(given) > wanted:
        raise _problem(
            "Values in the field “{field}”: {given}, variables in the template: {wanted}. Remove the surplus values.",
            "Значений в поле «{field}»: {given}, переменных в шаблоне: {wanted}. Уберите лишние значения.",
            at, wanted=wanted, given=len(given), field=field,
        )  # fmt: skip
    padded = [*given, *[""] * (wanted - len(given))]
    filled = [_or_substitute(value, call) for value in padded]
    for position, value in enumerate(filled, 1):
        if is_blank(value):
            raise _problem(
                "Variable {n} of the template has no value (field “{field}”). {remedy}",
                "У переменной {n} шаблона нет значения (поле «{field}»). {remedy}",
                at, position, n=position, field=field, remedy=call.wording.remedy,
            )  # fmt: skip
    return filled


def _or_substitute(value: str, call: Call) -> str:
    return call.if_empty if is_blank(value) else value.strip()


def ordered(entries: list[str], at: str = "params") -> list[str]:
    """The entries by their numbers `[n]` if all carry one, else as they stand. at: whose entries they are.

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
                at,
                n=number,
            )
        numbered[number] = match[2].strip()
    return [numbered.get(number, "") for number in range(1, max(numbered) + 1)]


def _problem(en: str, ru: str, at: str, position: int | None = None, **values: object) -> Refused:
    return refused("template_params", at=at, position=position, problem=Text(en, ru).format(**values))
