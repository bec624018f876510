"""The same actions as CRM AUTOMATION: the person is the CRM item's client, so the phone may stay empty."""

from marshmallow import fields

from activities import ACTIONS, line_field
from activities.base import Action
from bx24.i18n import Text
from bx24.properties import Properties, YesNo


class Shown(Properties):
    """What stands behind the ending of a robot that sends."""

    timeline = YesNo(
        load_default=True,
        metadata={
            "title": Text("Show on the CRM item", "Показать в карточке CRM"),
            "hint": Text(
                "The timeline of the item shows the message and its status", "В таймлайне будут сообщение и его статус"
            ),
        },
    )


class Client(Properties):
    """To whom a robot sends: an empty phone means the client of the CRM item."""

    Shown = Shown
    line = line_field()
    phone = fields.String(
        load_default="",
        metadata={
            "title": Text("Phone", "Телефон"),
            "hint": Text(
                "Empty: the phone of the item's client, a contact or a company",
                "Пусто: телефон контакта или компании из карточки",
            ),
        },
    )


#: Action name → what CRM users read in the list of robots.
ROBOTS: dict[str, tuple[Action, Text]] = {
    name: (ACTIONS[name], title)
    for name, title in (
        ("send_template", Text("WhatsApp: template to the client", "WhatsApp: шаблон клиенту")),
        ("send_text", Text("WhatsApp: text to the client", "WhatsApp: текст клиенту")),
        ("send_buttons", Text("WhatsApp: buttons to the client", "WhatsApp: кнопки клиенту")),
        ("send_list", Text("WhatsApp: list to the client", "WhatsApp: список клиенту")),
        ("send_file", Text("WhatsApp: file to the client", "WhatsApp: файл клиенту")),
        ("send_contact", Text("WhatsApp: contact to the client", "WhatsApp: контакт клиенту")),
        ("send_location", Text("WhatsApp: location to the client", "WhatsApp: геолокация клиенту")),
        ("wait_reply", Text("WhatsApp: wait for the client's reply", "WhatsApp: ждать ответ клиента")),
        ("wait_delivery", Text("WhatsApp: wait for the message's delivery", "WhatsApp: ждать доставку сообщения")),
        (
            "check_window",
            Text("WhatsApp: is the client's 24-hour window open?", "WhatsApp: окно 24 часа с клиентом открыто?"),
        ),
        ("opt_out", Text("WhatsApp: stop or allow messages to the client", "WhatsApp: отказ клиента от сообщений")),
        ("close_chats", Text("WhatsApp: close the client's chats", "WhatsApp: закрыть чаты с клиентом")),
    )
}
