"""Send a contact card: of a CRM contact, or typed in."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from activities import phones
from activities.base import Card, Desk
from activities.errors import refused
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages

_CONTACT = Text("Contact", "Контакт")
_EMAIL = Text("Contact's e-mail", "E-mail контакта")
# An empty CRM field, as an expression gives it.
_NOBODY = re.compile("(?:(?:C|CONTACT)_)?0*", re.IGNORECASE)


class SendContact(SessionAction):
    name = "send_contact"
    title = Text("WhatsApp: contact", "WhatsApp: контакт")
    description = Text(
        "Sends a contact card that the client can save with one tap, while the 24-hour window is open",
        "Отправляет карточку контакта, которую клиент сохранит одним нажатием, пока открыто окно 24 часа",
    )

    class Content(Properties):
        contact = fields.String(
            load_default="",
            metadata={
                "title": _CONTACT,
                "hint": Text(
                    "ID of a CRM contact. Empty: the card is made of the fields below",
                    "ID контакта в CRM. Пусто: карточка составится из полей ниже",
                ),
            },
        )
        contact_name = fields.String(load_default="", metadata={"title": Text("Contact's name", "Имя контакта")})
        contact_phone = fields.String(
            load_default="",
            metadata={
                "title": Text("Contact's phone", "Телефон контакта"),
                "hint": Text("Several may be given, separated by commas", "Можно несколько через запятую"),
            },
        )
        contact_email = fields.String(
            load_default="",
            metadata={
                "title": _EMAIL,
                "hint": Text("Several may be given, separated by commas", "Можно несколько через запятую"),
            },
        )
        contact_company = fields.String(
            load_default="", metadata={"title": Text("Contact's company", "Компания контакта")}
        )

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        reference = values["contact"].strip()
        if not _NOBODY.fullmatch(reference):
            return _of_crm(desk.contact(reference), desk.region)
        if not values["contact_name"].strip() and not values["contact_phone"].strip():
            raise refused("value_missing", at="contact", field=_CONTACT)
        return messages.Contact(
            " ".join(values["contact_name"].split()),
            _phones(phones.split(values["contact_phone"]), desk.region),
            emails=_emails(values["contact_email"]),
            company=values["contact_company"].strip(),
        )


def _of_crm(card: Card, region: str) -> messages.Contact:
    name = " ".join(f"{card.first_name} {card.last_name}".split())
    written = [number for text in card.phones for number in phones.split(text) if re.search("[0-9]", number)]
    return messages.Contact(
        name or card.company.strip() or next(iter(written), ""),
        _phones(written, region),
        first_name=card.first_name.strip(),
        last_name=card.last_name.strip(),
        emails=tuple(email.strip() for email in card.emails if email.strip()),
        company=card.company.strip(),
        title=card.position.strip(),
    )


def _phones(written: list[str], region: str) -> tuple[messages.Phone, ...]:
    """Each number once; those of the whole world with the country code, so that the client can write to them."""
    found: dict[str, messages.Phone] = {}
    for text in written[: phones.MAX_NUMBERS]:
        number = phones.digits(text, region)
        made = messages.Phone(f"+{number}{phones.tail(text)}", number) if number else messages.Phone(text)
        found.setdefault(made.phone, made)
    return tuple(found.values())


def _emails(text: str) -> tuple[str, ...]:
    entries = [entry for entry in re.split(r"[,;\s]+", text) if entry]
    for entry in entries:
        if not re.fullmatch(r"[^@]+@[^@]+", entry):
            remedy = Text("Write it like name@example.com.", "Напишите его так: name@example.com.")
            raise refused("value_invalid", at="contact_email", field=_EMAIL, value=entry[:60], remedy=remedy)
    return tuple(dict.fromkeys(entries))
