"""What a template begins with: a file, a point on the map, or a file for each card of a carousel. All stand in one field."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities import coordinates
from activities.base import Desk
from activities.errors import Refused, from_invalid, refused
from bx24.i18n import Text
from gupshup import limits, messages
from gupshup.errors import InvalidMessage
from gupshup.templates import TemplateInfo

#: What separates the parts of the field, besides line breaks.
SEPARATOR = "|"
_NO_FILE = Text(
    "The template “{name}” begins with a file ({kind}), but “{field}” is empty. "
    "Give a link, the id of a file on Drive or the code of a CRM field.",
    "Шаблон «{name}» начинается с файла ({kind}), а поле «{field}» пустое. "
    "Укажите ссылку, ID файла на Диске или код поля CRM.",
)
_NO_POINT = Text(
    "The template “{name}” begins with a point on the map, but “{field}” holds none. Give latitude and longitude, then the "
    "name of the place and the address if you like: 54.9885, 73.3686|Office|Lenina 1.",
    "Шаблон «{name}» начинается с точки на карте, а в поле «{field}» её нет. Укажите широту и долготу, а после них, если "
    "нужно, название места и адрес: 54.9885, 73.3686|Офис|ул. Ленина, 1.",
)
_OTHER_COUNT = Text(
    "The template “{name}” has {wanted} cards, but “{field}” names {given} files. Give one file for each card, in their order, "
    "with | between them.",
    "У шаблона «{name}» карточек: {wanted}, а в поле «{field}» файлов: {given}. Укажите по файлу на карточку, по порядку, "
    "через знак |.",
)


@dataclass(frozen=True)
class Asked:
    """What the field holds, as typed, and what it is called where it was typed."""

    text: str
    field: Text


Header = messages.MediaHeader | messages.Location | messages.Carousel


def is_wanted(info: TemplateInfo) -> bool:
    """Whether the field must be filled in for this template."""
    return info.is_media or info.kind in ("LOCATION", "CAROUSEL")


def header_of(asked: Asked, info: TemplateInfo, desk: Desk) -> Header | None:
    """What the template begins with. What is given for a template without is left out: the robot may have had another.

    Raises Refused, and what `desk.file` raises.
    """
    if info.kind == "LOCATION":
        return _pin(asked, info)
    if info.kind == "CAROUSEL":
        return _carousel(asked, info, desk)
    if not info.is_media:
        return None
    media = info.kind.lower()
    if not asked.text:
        raise _problem(_NO_FILE, info, asked, kind=media)
    # What WhatsApp calls a GIF is a video without sound.
    shared = desk.file(asked.text, "video" if media == "gif" else media)
    return messages.MediaHeader(media, shared.url, file_name=shared.name)


def cards_medium(info: TemplateInfo) -> str:
    """What all cards of a carousel begin with: "image", "video", or "" if it cannot be sent from here."""
    media = {card.media.lower() for card in info.cards}
    [medium] = media if len(media) == 1 else {""}
    return medium if medium in limits.CARD_MEDIA else ""


def _pin(asked: Asked, info: TemplateInfo) -> messages.Location:
    """An address of Bitrix24 is understood, too: "Lenina 1|54.98;73.36|12", the last one a number of its own."""
    parts = parts_of(asked.text)
    at = next((n for n, part in enumerate(parts) if coordinates.pair(coordinates.plain(part))), None)
    found = coordinates.pair(coordinates.plain(parts[at])) if at is not None else None
    if at is None or found is None:
        raise _problem(_NO_POINT, info, asked)
    words = [part for n, part in enumerate(parts) if n != at and not (n > at > 0 and part.isdecimal())]
    place, address = [*words, "", ""][:2]
    try:
        return messages.Location(float(found[0]), float(found[1]), place, address)
    except InvalidMessage as error:
        raise Refused(error.code, from_invalid(error).text, "header") from error


def _carousel(asked: Asked, info: TemplateInfo, desk: Desk) -> messages.Carousel:
    files, medium = parts_of(asked.text), cards_medium(info)
    if len(files) != len(info.cards):
        raise _problem(_OTHER_COUNT, info, asked, wanted=len(info.cards), given=len(files))
    # A file that several cards name is fetched once.
    links = {file: desk.file(file, medium).url for file in dict.fromkeys(files)}
    return messages.Carousel(medium, tuple(links[file] for file in files))


def parts_of(text: str) -> Sequence[str]:
    """The parts of the field: lines, or what stands between the separators; blank ones are none."""
    parts = (part.strip() for line in text.splitlines() for part in line.split(SEPARATOR))
    return [part for part in parts if part]


def _problem(text: Text, info: TemplateInfo, asked: Asked, **values: object) -> Refused:
    said = text.format(name=info.name, field=asked.field, **values)
    return refused("template_params", at="header", problem=said)
