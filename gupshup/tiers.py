"""How many clients a number may write to first in 24 hours: WhatsApp's messaging limits, as Gupshup names them.

Reference sections gupshup.md 6 and 7.5. Meta has moved to 250, 2,000, 10,000, 100,000 and no limit; Gupshup may go on writing
TIER_1K for the step of 2,000.
"""

import re
from collections.abc import Mapping
from typing import Any

from gupshup.events import AccountEvent

UNLIMITED = 0
#: Holds before the business is verified, and as long as nobody has told another.
FIRST = 250
_LIMIT = re.compile(r"\d{1,7}", re.ASCII)
_NAMED = re.compile(r"TIER_(\d{1,6})(K?)", re.ASCII)
#: Fields in which the tier has been seen, the newest first.
_FIELDS = ("currentLimit", "newTier", "currentTier", "current_limit")


def clients_a_day(event: AccountEvent) -> int | None:
    """What an account event says about the limit: a number of clients, UNLIMITED, or None if it is about something else."""
    inner = event.data.get("payload")
    data = inner if isinstance(inner, Mapping) else event.data
    if event.kind == "capability-event":
        return _number(data.get("maxDailyConversationPerPhone"))
    if event.kind != "tier-event":
        return None
    return next((told for name in _FIELDS if (told := _tier(data, name)) is not None), None)


def _tier(data: Mapping[str, Any], name: str) -> int | None:
    return tier_of(str(data.get(name) or ""))


def tier_of(word: str) -> int | None:
    """The limit that "TIER_1K" names: a number of clients, UNLIMITED, or None if it names none."""
    text = word[:40].strip().upper()
    if text == "TIER_UNLIMITED":
        return UNLIMITED
    named = _NAMED.fullmatch(text)
    if named is None:
        return None
    number = int(named[1]) * (1000 if named[2] else 1)
    return 2000 if number == 1000 else number or None


def _number(value: object) -> int | None:
    """A limit as a number; -1 is written for none."""
    text = str(value)[:20].strip()
    if text == "-1":
        return UNLIMITED
    return int(text) or None if _LIMIT.fullmatch(text) else None
