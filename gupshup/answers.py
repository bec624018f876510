"""What an answer of Gupshup's means, from whichever of its interfaces it comes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gupshup.errors import GupshupError, Misconfigured, NotWritten, Rejected, Throttled, Unavailable, Unclear
from gupshup.reading import as_dict, as_id, as_text, parse_json, storable
from gupshup.refusals import names_bad_settings
from gupshup.transport import Answer, Broken

_MAX_RETRY_AFTER_S = 3600.0
_REASON_LENGTH = 300
_BODY_SHOWN = 2000


def no_answer(broken: Broken, is_send: bool) -> GupshupError:
    """The error of an exchange that broke."""
    reason = str(broken)[:_REASON_LENGTH]
    if not broken.was_written:
        return NotWritten("gupshup_unreachable", reason)
    return Unclear("gupshup_unclear", reason) if is_send else Unavailable("gupshup_unreachable", reason)


def read(answer: Answer, secret: str, is_send: bool) -> dict[str, Any]:
    """The JSON object of a 2xx, {} if it is none. The Content-Type is not asked: text/html was seen around JSON.

    secret: what reasons must not repeat. Raises GupshupError.
    """
    said, status = as_dict(parse_json(answer.content)), answer.status
    if 200 <= status < 300:
        return said
    reason = reason_of(said, answer.content[:_BODY_SHOWN].decode("utf-8", "replace"), secret)
    code = _provider_code(said, status) or f"gupshup_{status}"
    if status == 429:
        raise Throttled(code, reason, _retry_after(answer.headers))
    if status in (401, 403) or status < 400 or (status == 400 and names_bad_settings(reason)):
        raise Misconfigured(code, reason)
    if status < 500:
        raise Rejected(code, reason)
    if is_send:
        raise Unclear(code, reason)
    raise Unavailable("gupshup_unreachable", f"HTTP {status}: {reason}")


def reason_of(answer: Mapping[str, Any], text: str, secret: str) -> str:
    """The provider's words: `message`, a string or an object with another `message`; else the start of the body."""
    said = answer.get("message") or answer.get("error")
    inner = as_dict(said).get("message")
    words = as_text(inner) or as_text(said) or text
    return " ".join(storable(words).replace(secret, "***").split())[:_REASON_LENGTH]


def _provider_code(answer: Mapping[str, Any], status: int) -> str:
    for holder in (answer, as_dict(answer.get("message")), as_dict(answer.get("error"))):
        code = as_id(holder.get("code"))
        if code.isdecimal() and code != str(status):
            return code
    return ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either header; `Retry-After` may also be a date."""
    for name in ("Retry-After", "X-Rate-Limit-Retry-After-Seconds"):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            return min(float(value), _MAX_RETRY_AFTER_S)
        if value and (moment := _date(value)):
            return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _MAX_RETRY_AFTER_S)
    return None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
