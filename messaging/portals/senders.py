"""Each connected line as a sender of the portal's own messages: "Send SMS/WhatsApp" in cards, the robot "Send SMS", marketing.

Bitrix24 docs: api-reference/messageservice (an administrator's token).
"""

from collections.abc import Mapping

from bx24 import i18n, message_service
from bx24.client import Client
from bx24.i18n import Text
from bx24.message_service import Sender, code_of
from bx24.registration import Report

_DESCRIPTION = Text(
    "WhatsApp by the line {name}. Later than 24 hours after the client's last message WhatsApp takes only templates",
    "WhatsApp с линии {name}. Если клиент не писал больше 24 часов, WhatsApp принимает только шаблоны",
)


def register(client: Client, url: str, language: str, lines: Mapping[int, str]) -> Report:
    """Register these lines (id → name with the number), and no others. Raises Bx24Error."""
    return message_service.sync(client, [sender(url, language, line_id, name) for line_id, name in lines.items()])


def sender(url: str, language: str, line_id: int, name: str) -> Sender:
    """A line as a sender. name: as people choose it."""
    words = _DESCRIPTION.format(name=name).to(i18n.language(language))
    return Sender(code_of(line_id), name, words, f"{url}/provider/{line_id}")
