"""The wording of every InvalidMessage, English and Russian side by side: what happened, why, what to do."""

from dataclasses import dataclass

from gupshup.errors import InvalidMessage

_SHOWN_LENGTH = 40


@dataclass(frozen=True)
class Label:
    """What people call a part of a message. en opens a sentence; ru stands after «Не отправили:»."""

    field: str
    en: str
    ru: str
    position: int | None = None


def field(name: str, en: str, ru: str) -> Label:
    return Label(name, en, f"поле «{ru}»")


def too_long(label: Label, actual: int, limit: int, code: str = "text_too_long") -> InvalidMessage:
    return InvalidMessage(
        code,
        label.field,
        f"Not sent: {label.en} has {_count(actual, 'character')}, {limit:,} allowed. Shorten it.",
        f"Не отправили: {label.ru} — {_count_ru(actual, 'знак', 'знака', 'знаков')}, можно {_ru(limit)}. "
        "Сократите текст.",
        limit=limit,
        actual=actual,
        position=label.position,
    )


def missing(label: Label, code: str = "value_missing") -> InvalidMessage:
    return InvalidMessage(
        code,
        label.field,
        f"Not sent: {label.en} is empty. Fill it in.",
        f"Не отправили: {label.ru} не заполнено. Заполните его.",
        position=label.position,
    )


def not_a_link(label: Label, value: str) -> InvalidMessage:
    return InvalidMessage(
        "value_invalid",
        label.field,
        f'Not sent: {label.en} is "{_shown(value)}", which is no link. Give a full address that begins with https://.',
        f"Не отправили: {label.ru} — «{_shown(value)}», это не ссылка. Укажите полный адрес, начиная с https://.",
    )


def out_of_range(label: Label, value: float, limit: int) -> InvalidMessage:
    return InvalidMessage(
        "value_invalid",
        label.field,
        f"Not sent: {label.en} {value:g} is out of range. Give a number from −{limit} to {limit}.",
        f"Не отправили: {label.ru} {value:g} вне пределов. Укажите число от −{limit} до {limit}.",
        limit=limit,
    )


def not_one_of(label: Label, value: str, allowed: tuple[str, ...]) -> InvalidMessage:
    words = ", ".join(allowed)
    return InvalidMessage(
        "value_invalid",
        label.field,
        f'Not sent: {label.en} is "{_shown(value)}". Choose one of: {words}.',
        f"Не отправили: {label.ru} — «{_shown(value)}». Выберите одно из: {words}.",
    )


def no_phone_digits(label: Label, value: str) -> InvalidMessage:
    return InvalidMessage(
        "value_invalid",
        label.field,
        f'Not sent: {label.en} is "{_shown(value)}", which is no phone number. Write it with the country code.',
        f"Не отправили: {label.ru} — «{_shown(value)}», это не телефон. Укажите номер с кодом страны.",
        position=label.position,
    )


def wrong_button_count(actual: int, limit: int) -> InvalidMessage:
    remedy = ("Add a button.", "Добавьте кнопку.") if actual < 1 else ("Remove the rest.", "Уберите лишние.")
    return InvalidMessage(
        "buttons_invalid",
        "buttons",
        f"Not sent: the message has {_count(actual, 'button')}, 1 to {limit} are possible. {remedy[0]}",
        f"Не отправили: кнопок {actual}, можно от 1 до {limit}. {remedy[1]}",
        limit=limit,
        actual=actual,
    )


def untitled_button(position: int) -> InvalidMessage:
    return InvalidMessage(
        "buttons_invalid",
        "buttons",
        f"Not sent: button {position} has no title. Write one.",
        f"Не отправили: у кнопки {position} нет названия. Напишите его.",
        position=position,
    )


def equal_buttons(title: str, position: int) -> InvalidMessage:
    return InvalidMessage(
        "buttons_invalid",
        "buttons",
        f'Not sent: two buttons are called "{title}". Give them different titles.',
        f"Не отправили: две кнопки называются «{title}». Дайте им разные названия.",
        position=position,
    )


def equal_ids(code: str, name: str, value: str, position: int) -> InvalidMessage:
    return InvalidMessage(
        code,
        name,
        f'Not sent: the id "{_shown(value)}" stands twice; an empty id is the position. Give different ids.',
        f"Не отправили: id «{_shown(value)}» встречается дважды; пустой id — это номер по порядку. Укажите разные id.",
        position=position,
    )


def wrong_row_count(actual: int, limit: int) -> InvalidMessage:
    remedy = ("Add a row.", "Добавьте строку.") if actual < 1 else ("Remove the rest.", "Уберите лишние.")
    return InvalidMessage(
        "list_invalid",
        "items",
        f"Not sent: the list has {_count(actual, 'row')}, 1 to {limit} are possible. {remedy[0]}",
        f"Не отправили: в списке {_count_ru(actual, 'строка', 'строки', 'строк')}, можно от 1 до {limit}. {remedy[1]}",
        limit=limit,
        actual=actual,
    )


def too_many_sections(actual: int, limit: int) -> InvalidMessage:
    return InvalidMessage(
        "list_invalid",
        "items",
        f"Not sent: the list has {_count(actual, 'section')}, up to {limit} are possible. Remove the rest.",
        f"Не отправили: в списке {_count_ru(actual, 'раздел', 'раздела', 'разделов')}, можно не больше {limit}. "
        "Уберите лишние.",
        limit=limit,
        actual=actual,
    )


def untitled_section(position: int) -> InvalidMessage:
    return InvalidMessage(
        "list_invalid",
        "items",
        f"Not sent: section {position} has no title, and there are several. Put a line # Title before its rows.",
        f"Не отправили: у раздела {position} нет названия, а разделов несколько. Поставьте перед его строками "
        "строку # Название.",
        position=position,
    )


def empty_section(position: int, title: str) -> InvalidMessage:
    return InvalidMessage(
        "list_invalid",
        "items",
        f'Not sent: section {position} "{_shown(title)}" has no rows. Add a row or remove the section.',
        f"Не отправили: в разделе {position} «{_shown(title)}» нет строк. Добавьте строку или уберите раздел.",
        position=position,
    )


def untitled_row(position: int) -> InvalidMessage:
    return InvalidMessage(
        "list_invalid",
        "items",
        f"Not sent: row {position} of the list has no title. Write one.",
        f"Не отправили: у строки {position} в списке нет названия. Напишите его.",
        position=position,
    )


def equal_rows(title: str, position: int) -> InvalidMessage:
    return InvalidMessage(
        "list_invalid",
        "items",
        f'Not sent: two rows of one section are both "{title}". Give them different titles or descriptions.',
        f"Не отправили: в одном разделе две одинаковые строки «{title}». Измените название или описание.",
        position=position,
    )


def empty_param(position: int) -> InvalidMessage:
    return InvalidMessage(
        "template_params",
        "params",
        f"Not sent: value {position} of the template is empty. Fill it in, or set what to put in its place.",
        f"Не отправили: значение {position} для шаблона пустое. Заполните его или укажите, что подставить.",
        position=position,
    )


def wrong_param_count(name: str, actual: int, needed: int) -> InvalidMessage:
    button = name == "button_params"
    en = f"{'buttons of the template need' if button else 'template needs'} {_count(needed, 'value')}"
    ru = f"{'кнопкам шаблона' if button else 'шаблону'} нужно значений: {needed}, заполнено: {actual}"
    remedy = (
        ("Fill in the others.", "Заполните остальные.") if actual < needed else ("Remove the rest.", "Уберите лишние.")
    )
    return InvalidMessage(
        "template_params",
        name,
        f"Not sent: the {en}, {actual} given. {remedy[0]}",
        f"Не отправили: {ru}. {remedy[1]}",
        limit=needed,
        actual=actual,
    )


_MEDIA = {
    "image": ("an image", "изображение"),
    "video": ("a video", "видео"),
    "document": ("a document", "документ"),
    "gif": ("a GIF", "GIF"),
    "location": ("a place", "место на карте"),
    "carousel": ("files of cards", "файлы карточек"),
}


def missing_header(media: str) -> InvalidMessage:
    en, ru = _MEDIA.get(media, ("a file", "файл"))
    return InvalidMessage(
        "template_params",
        "header",
        f"Not sent: the template begins with {en}, and none is given. Fill in the header.",
        f"Не отправили: шаблон начинается с вложения ({ru}), а оно не указано. Заполните поле «Заголовок».",
    )


def unwanted_header() -> InvalidMessage:
    return InvalidMessage(
        "template_params",
        "header",
        "Not sent: the header given does not fit the template. Empty it, or choose another template.",
        "Не отправили: указанный заголовок не подходит к шаблону. Очистите его или выберите другой шаблон.",
    )


def link_and_id() -> InvalidMessage:
    return InvalidMessage(
        "value_invalid",
        "header",
        "Not sent: the header has both a link and a media id. Leave one of them.",
        "Не отправили: в заголовке и ссылка, и id файла. Оставьте что-то одно.",
    )


def _shown(value: str) -> str:
    return value if len(value) <= _SHOWN_LENGTH else value[: _SHOWN_LENGTH - 1] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _ru(number: int) -> str:
    return f"{number:,}".replace(",", "\u00a0")


def _count_ru(number: int, one: str, few: str, many: str) -> str:
    tens, units = number % 100, number % 10
    if units == 1 and tens != 11:
        noun = one
    elif 2 <= units <= 4 and not 12 <= tens <= 14:
        noun = few
    else:
        noun = many
    return f"{_ru(number)} {noun}"
