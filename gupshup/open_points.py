"""What Gupshup's documentation leaves open, and what a webhook says about it. The points are those of our own reference.

Points that the traffic cannot answer are missing here; the doctor names all (messaging.doctor.open_points).
"""

from collections.abc import Iterator

from gupshup.events import Billing, Event, OtherEvent, Reply, ReplyType
from gupshup.reading import as_dict, as_id

SUBSCRIPTIONS = "gupshup.1"
CLICKS = "gupshup.2"
TEMPLATE_CLICKS = "gupshup.3"
REPETITIONS = "gupshup.10"
BILLING = "gupshup-2.7"
_CATEGORIES = frozenset(
    {"authentication", "marketing", "marketing_lite", "utility", "service", "referral_conversion", "ftc", "fep"}
)


def answers(event: Event) -> Iterator[tuple[str, str]]:
    """Pairs (point, word of an answer) that this event gives."""
    if isinstance(event, Reply) and event.type in (ReplyType.BUTTON, ReplyType.LIST):
        yield CLICKS, f"{event.click}_{'with' if event.postback else 'without'}_postback"
    if isinstance(event, Billing) or (isinstance(event, OtherEvent) and event.type == "billing-event"):
        category = event.category if isinstance(event, Billing) else _unread_category(event)
        yield BILLING, category if category in _CATEGORIES else "other"


def _unread_category(event: OtherEvent) -> str:
    """Of a billing event that names no message."""
    return as_id(as_dict(event.data.get("deductions")).get("category")).lower()
