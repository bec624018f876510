"""What WhatsApp refuses in the buttons of a template (Gupshup docs "Template Button List", reference gupshup.md 5.3)."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from urllib.parse import urlsplit

from gupshup import limits
from gupshup.reading import is_blank
from gupshup.template_drafts import BUTTONS, OTP_TEXT, Draft, DraftButton
from gupshup.template_problems import (
    SHORTENERS,
    VARIABLE,
    WA_ME,
    Place,
    Problem,
    no_variables,
    plain,
    short_link,
)

BUTTONS_LIMIT = 10
BUTTON_TEXT_LIMIT = 25
LINK_LIMIT = 2000
#: Button type → how many of it a template may have.
_MOST_OF = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "OTP": 1}
_PHONE = re.compile(r"\+[0-9]{7,15}")
_CODE = re.compile(r"[A-Za-z0-9]+")
_BUTTONS = Place("buttons", "Buttons", "Кнопки")


def wrong_buttons(draft: Draft) -> Iterator[Problem]:
    """What is wrong with the number, order and content of a draft's buttons."""
    given = draft.buttons
    if len(given) > BUTTONS_LIMIT:
        yield _BUTTONS.wrong(
            "too_many", "Up to 10 buttons are allowed. Remove the rest.", "Можно не больше 10 кнопок. Уберите лишние."
        )
    if _changes([button.type == "QUICK_REPLY" for button in given]) > 1:
        yield _BUTTONS.wrong(
            "order",
            "Reply buttons must stand together: all before the others, or all after them. Move them.",
            "Кнопки-ответы должны стоять вместе: все перед остальными или все после. Переставьте их.",
        )
    for position, button in enumerate(given, 1):
        place = Place(f"button_{position}", f"Button {position}", f"Кнопка {position}")
        yield from _button(place, button, draft)
        most = _MOST_OF.get(button.type, len(given))
        if [one.type for one in given[:position]].count(button.type) == most + 1:
            yield place.wrong(
                "too_many",
                f"A template may have {most} of this type. Remove it.",
                f"Таких кнопок в шаблоне может быть {most}. Уберите лишнюю.",
            )
        if button.text and button.text in [one.text for one in given[: position - 1]]:
            yield place.wrong("equal", "Another button has the same text.", "Другая кнопка называется так же.")


def _changes(flags: Sequence[bool]) -> int:
    """How often neighbours differ."""
    return sum(one != other for one, other in pairwise(flags))


def _button(place: Place, button: DraftButton, draft: Draft) -> Iterator[Problem]:
    if button.type not in BUTTONS:
        yield place.wrong("type", "Choose the type of the button.", "Выберите тип кнопки.")
        return
    if button.type not in ("COPY_CODE", "OTP"):
        if is_blank(button.text):
            yield place.wrong("empty", "Enter the text of the button.", "Введите текст кнопки.")
        yield from plain(place, button.text, BUTTON_TEXT_LIMIT)
        if "{{" in button.text:
            yield no_variables(place)
    match button.type:
        case "URL":
            yield from _link(place, button)
        case "PHONE_NUMBER" if not _PHONE.fullmatch(button.value):
            yield place.wrong(
                "phone",
                "Write the number with a plus, the country code and digits only: +79123456789.",
                "Укажите номер с плюсом и кодом страны, только цифры: +79123456789.",
            )
        case "COPY_CODE":
            yield from _copy_code(place, button, draft)
        case "OTP" if draft.category != "AUTHENTICATION":
            yield place.wrong(
                "otp",
                f"The button {OTP_TEXT} goes with the category Authentication only.",
                "Кнопка для кода подтверждения бывает только в категории «Код подтверждения».",
            )


def _copy_code(place: Place, button: DraftButton, draft: Draft) -> Iterator[Problem]:
    if draft.category != "MARKETING":
        yield place.wrong(
            "copy_code",
            "A button that copies a promo code goes with the category Marketing only.",
            "Кнопка с промокодом бывает только в категории «Маркетинг».",
        )
    if not _CODE.fullmatch(button.value) or len(button.value) > limits.COPY_CODE_LIMIT:
        yield place.wrong(
            "code",
            "Enter a sample of the code: up to 15 Latin letters and digits.",
            "Введите пример кода: до 15 латинских букв и цифр.",
        )


def _link(place: Place, button: DraftButton) -> Iterator[Problem]:
    found = list(VARIABLE.finditer(button.value))
    fixed = button.value[: found[0].start()] if found else button.value
    if not _is_link(fixed) or len(button.value) > LINK_LIMIT:
        yield place.wrong(
            "link",
            "Give a full address that begins with https://, up to 2,000 characters.",
            "Укажите полный адрес, начиная с https://, не длиннее 2000 знаков.",
        )
        return
    if found and (len(found) > 1 or found[0][1] != "1" or found[0].end() != len(button.value)):
        yield place.wrong(
            "link_variable",
            "An address may have one variable, {{1}}, at its very end.",
            "В адресе можно одну переменную {{1}}, и только в самом конце.",
        )
    elif found and (
        not button.sample.startswith(fixed) or len(button.sample) <= len(fixed) or not _is_link(button.sample)
    ):
        yield place.wrong(
            "link_sample",
            f"The sample must be the whole address, with a value at its end: {fixed}12345.",
            f"Пример должен быть адресом целиком, со значением в конце: {fixed}12345.",
        )
    if WA_ME.search(button.value) or SHORTENERS.search(button.value):
        yield short_link(place)


def _is_link(value: str) -> bool:
    try:
        parts = urlsplit(value)
        is_link = parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    except ValueError:
        return False
    return is_link and not any(character.isspace() or character in "{}" for character in value)
