"""What a message is expected to cost, from what is known when it is planned."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from messaging.conversations.window import window_until
from messaging.money import prices
from messaging.money.table import SERVICE, UTILITY, UTILITY_WINDOW, Cost, Table
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Portal


def category_of(category: str, *, is_session: bool, is_open: bool) -> str:
    """Under which category of the table a message falls. category: of its template ("UTILITY"); is_open: the window."""
    if is_session:
        return SERVICE
    word = category.lower()
    return UTILITY_WINDOW if word == UTILITY and is_open else word or "unknown"


def estimate(table: Table, day: date, country: str, category: str, *, is_session: bool, is_open: bool) -> Cost:
    """The estimate for one message, Gupshup's fee included."""
    return table.cost(country, category_of(category, is_session=is_session, is_open=is_open), day)


def columns(cost: Cost) -> dict[str, Any]:
    """The columns of a message with this estimate."""
    return {"estimate": cost.amount, "cost": cost.amount, "currency": cost.currency}


def of_message(
    runtime: Runtime,
    portal: Portal,
    line: Line,
    conversation: Conversation | None,
    message: Mapping[str, Any],
    country: str,
) -> Cost:
    """The same for a message in a conversation. message: its columns `is_session`, and `category` if it has a template."""
    now = runtime.clock()
    is_open = window_until(conversation, line, now) is not None
    category, is_session = str(message.get("category", "")), bool(message["is_session"])
    table = prices.table_of(runtime, portal)
    return estimate(table, now.date(), country, category, is_session=is_session, is_open=is_open)
