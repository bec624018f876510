"""A template that somebody sends to his own phone to try a line: its variables hold the samples it was submitted with.

It leaves as everything that is sent by hand (messaging.templates.from_card); it belongs to no CRM item.
"""

from bx24.i18n import Text
from gupshup.templates import TemplateInfo
from messaging.runtime import Runtime
from messaging.store.models import Line
from messaging.templates import by_hand, from_card
from messaging.templates.by_hand import Filled
from messaging.templates.from_card import Order

#: Stands in a variable whose sample Gupshup does not list.
_NO_SAMPLE = Text("test", "проверка")


def offered(runtime: Runtime, line: Line) -> list[TemplateInfo]:
    """The line's templates that their samples fill: those without a file and without a value in a button."""
    return [info for info in by_hand.offered(runtime, line) if _needs_texts_only(info)]


def _needs_texts_only(info: TemplateInfo) -> bool:
    return not (info.is_media or info.cards or info.button_vars or info.kind == "LOCATION")


def send(runtime: Runtime, line: Line, info: TemplateInfo, phone: str, user_id: int, nonce: str, language: str) -> int:
    """Queue the template for a phone (digits); the id of its message. nonce: of the form; sent twice, it makes one message.

    Raises Refused, InvalidMessage, GupshupError, AlreadySent.
    """
    params = [sample or _NO_SAMPLE.to(language) for sample in info.text_samples]
    filled = Filled(info.id, params, [], "", nonce)
    return from_card.send_template(
        runtime, from_card.recipient(runtime, line, phone), filled, None, Order("", nonce, user_id)
    )
