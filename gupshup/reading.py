"""Tolerant readers for what Gupshup sends: numbers as strings, JSON inside strings, keys that come and go.

None of them raises: a webhook must be answered 2xx whatever is in it (Gupshup docs: webhooks, "Answering").
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

# Unicode's default-ignorable characters, and the blank of braille. https://www.unicode.org/reports/tr44/
_INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
_LONGEST_PHONE = 15  # digits: recommendation E.164
_USER_ID = re.compile(r"[A-Za-z]{2}\.[0-9A-Za-z.]{1,128}")  # partner docs, "BSUID"
# Above it a number of seconds would lie in the year 5138, so it is milliseconds.
_MILLISECONDS_FROM = 1e11
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800
#: Characters of an id, a code, a type or a name; of a link; of a reason in words. What is longer is cut.
MAX_ID, MAX_LINK, MAX_REASON = 256, 2048, 1000


def parse_json(raw: bytes | str) -> object:
    """The value, or None if it is no JSON: an empty body, HTML, something broken or absurdly deep."""
    # One broken byte in a client's name must not cost us the client's message, hence "replace".
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    try:
        value: object = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return value


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """A string or a number as text (131026.0 as "131026"); anything else is empty."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)


def as_id(value: object) -> str:
    """An id, a code, a type or a name, cut to MAX_ID characters: they are searched, logged and compared."""
    return _cut(value, MAX_ID)


def as_link(value: object) -> str:
    """A link, cut to MAX_LINK characters."""
    return _cut(value, MAX_LINK)


def as_reason(value: object) -> str:
    """Why something was refused, in the provider's words, cut to MAX_REASON characters."""
    return _cut(value, MAX_REASON)


def _cut(value: object, limit: int) -> str:
    # Cut before it is tidied, so that the work is bounded; and after it, because tidying may leave blanks at the ends.
    return as_text(value[: 2 * limit] if isinstance(value, str) else value).strip()[:limit]


def as_time(value: object) -> datetime | None:
    """Seconds or milliseconds since 1970, as a number or a string; None outside the years 2000 to 2100."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    seconds = number / 1000 if number > _MILLISECONDS_FROM else number
    # Also False for infinity and NaN, which JSON of careless makers may hold.
    if not _YEAR_2000 <= seconds < _YEAR_2100:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def is_blank(text: str) -> bool:
    """Whether a client would see nothing: blanks, joiners, soft hyphens and other characters without a picture."""
    return _INVISIBLE.fullmatch(text) is not None


def digits(value: object) -> str:
    """A phone as Gupshup writes it: country code first, nothing but digits; "" for anything that is no phone.

    A user id, "US.13491208655302741918", has digits too: they are nobody's number.
    """
    text = as_id(value)
    found = re.sub(r"[^0-9]", "", text)
    return found if len(found) <= _LONGEST_PHONE and not any(map(str.isalpha, text)) else ""


def user_id(value: object) -> str:
    """WhatsApp's id of a user, the user's country before a dot, where a phone may stand; "" for anything else."""
    text = as_id(value)
    return text if _USER_ID.fullmatch(text) else ""


def storable(text: str) -> str:
    """Text that any database and any encoder takes: no NUL, no half of a surrogate pair.

    Both arrive in JSON as escapes. PostgreSQL refuses the first, UTF-8 the second: the reply could not be stored.
    """
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return joined.replace("\x00", "")
