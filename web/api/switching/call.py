"""One call of the switching door: its parameters, however they came, and what it is refused with.

The errors are those that the former product's programs know: `{"error": code, "error_description": words}`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import request
from sqlalchemy import select

from activities import phones
from messaging.api.history import DEEPEST
from messaging.api.tokens import Caller
from messaging.limits import bounds
from messaging.portals import portals
from messaging.store.models import Line, Portal
from messaging.store.states import LineStatus
from web.context import body, clean, runtime

#: Days of a period at most: of lists and figures, of the provider's figures.
DEEP, PROVIDERS_DEEP = 92, 90
PAGE, PAGE_AT_MOST = 100, 500
#: Parameters of one call, and characters of one that is a word.
FIELDS, WORD = 200, 2000
_DIGITS = re.compile(r"[0-9]{1,9}")
#: Code → HTTP status, where it is not 400.
STATUSES = {
    **dict.fromkeys(("unauthorized",), 401),
    **dict.fromkeys(("forbidden", "line_not_active"), 403),
    **dict.fromkeys(("unknown_method", "line_not_found", "campaign_not_found", "template_not_found"), 404),
    **dict.fromkeys(("campaign_not_draft", "campaign_already_started", "campaign_not_running"), 409),
    "too_many_running_campaigns": 409,
    "rate_limit_exceeded": 429,
    "internal_error": 500,
    **dict.fromkeys(("provider_error", "send_failed"), 502),
    **dict.fromkeys(("templates_unavailable", "unavailable"), 503),
}


class Fault(Exception):
    """A call that is refused."""

    def __init__(self, code: str, words: str = "", again_s: float = 0.0) -> None:
        super().__init__(code)
        self.code, self.words, self.again_s = code, words or code.replace("_", " "), again_s

    @property
    def status(self) -> int:
        return STATUSES.get(self.code, 400)


def given() -> dict[str, Any]:
    """The parameters of this request: of its address, and of its body as JSON or as a form, which win. Raises Fault."""
    found: dict[str, Any] = {name: clean(value) for name, value in request.args.items()}
    if request.method == "GET":
        return found
    received = body(bounds.API_BYTES)
    if request.mimetype == "application/json":
        try:
            read = json.loads(received or b"{}")
        except (ValueError, RecursionError):
            raise Fault("invalid_params", "the body is not valid JSON") from None
        if not isinstance(read, dict):
            raise Fault("invalid_params", "the body must be a JSON object")
        return found | read
    try:
        pairs = parse_qsl(received.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise Fault("invalid_params", f"at most {FIELDS} parameters are read") from None
    return found | {name: clean(value) for name, value in pairs}


@dataclass(frozen=True)
class Call:
    """A call whose token is known."""

    caller: Caller
    params: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A parameter that is one word; "" without it."""
        value = self.params.get(name)
        if value is None or isinstance(value, bool | list | dict):
            return ""
        text = clean(str(value)).strip()
        if len(text) > WORD:
            raise Fault("invalid_params", f"{name} is longer than {WORD} characters")
        return text

    def needed(self, name: str, code: str = "") -> str:
        """A parameter that must be there. code: of the refusal."""
        return self.text(name) or _refuse(code or f"{name}_required", f"{name} is missing")

    def flag(self, name: str) -> bool:
        return str(self.params.get(name) or "").strip().lower() in ("1", "true", "y", "yes")

    def number(self, name: str, default: int, most: int, code: str = "invalid_params") -> int:
        """A whole number from 1 on."""
        text = self.text(name)
        if not text:
            return default
        if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= most:
            raise Fault(code, f"{name} is not a number from 1 to {most}")
        return int(text)

    def listed(self, name: str, most: int, code: str) -> list[Any]:
        """A parameter that is an array, or an array written as JSON; [] without it. code: if it is too long."""
        value = self.params.get(name)
        if isinstance(value, str) and value.strip():
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise Fault("invalid_params", f"{name} is not a JSON array") from None
        if value in (None, ""):
            return []
        if not isinstance(value, list):
            raise Fault("invalid_params", f"{name} is not an array")
        if len(value) > most:
            raise Fault(code, f"{name} has more than {most} entries")
        return value

    def words(self, name: str) -> list[str]:
        """An array of words and numbers."""
        values = self.listed(name, 100, "invalid_params")
        if any(value is None or isinstance(value, bool | list | dict) for value in values):
            raise Fault("invalid_params", f"{name} may hold texts and numbers only")
        return [clean(str(value))[:WORD] for value in values]

    # --- what several methods ask for ---------------------------------------------------------------------------------

    def portal(self) -> Portal:
        with runtime().db.read() as session:
            return session.get_one(Portal, self.caller.portal_id)

    def line(self) -> Line:
        """The line of `line_number`, connected. Another portal's is not told from a missing one."""
        wanted = "".join(filter(str.isdecimal, self.needed("line_number")))
        mine = select(Line).where(Line.portal_id == self.caller.portal_id, Line.phone == wanted)
        with runtime().db.read() as session:
            found = session.scalars(mine.order_by(Line.id)).all()
        if not found:
            raise Fault("line_not_found", "the portal has no line with this number")
        connected = next((line for line in found if line.status == LineStatus.CONNECTED), None)
        return connected or _refuse("line_not_connected", "this line was removed")

    def phone(self) -> str:
        """The digits of `phone`; "" without it."""
        text = self.text("phone")
        number = phones.digits(text, portals.phone_region(self.portal())) if text else ""
        return number if number is not None else _refuse("invalid_phone", "phone is not a valid number")

    def period(self, days: int = DEEP) -> tuple[datetime, datetime]:
        """From `date_from` to `date_to`, a day without a time to its end. Without a zone it is UTC."""
        begin, end = self.needed("date_from", "period_required"), self.needed("date_to", "period_required")
        since, until = _moment(begin), _moment(end)
        if "T" not in end and " " not in end:
            until += timedelta(days=1)
        if until <= since:
            raise Fault("invalid_period", "date_to is before date_from")
        if until - since > timedelta(days=days + 1):
            raise Fault("period_too_long", f"a period has at most {days} days")
        return since, until

    def page(self) -> tuple[int, int]:
        """The number of the page, from 1, and how many rows it has at most."""
        size = self.number("page_size", PAGE, PAGE_AT_MOST, "invalid_pagination")
        number = self.number("page", 1, 10**6, "invalid_pagination")
        if number * size > DEEPEST:
            raise Fault("invalid_pagination", f"only the first {DEEPEST} rows are listed: choose a shorter period")
        return number, size


def _refuse(code: str, words: str) -> NoReturn:
    raise Fault(code, words)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if not 2000 <= moment.year <= 2100:
            raise ValueError(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Fault("invalid_datetime", "write a moment as 2026-11-29 or 2026-11-29T12:00:00+03:00") from None


# --- the methods -------------------------------------------------------------------------------------------------------------

View = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True)
class Method:
    """scope: that the token must have. params: the needed ones end with "*". is_long: it adds up or looks through many rows."""

    name: str
    scope: str
    params: tuple[str, ...]
    view: View
    is_long: bool = False


METHODS: dict[str, Method] = {}


def method(name: str, scope: str, *params: str, is_long: bool = False) -> Callable[[View], View]:
    """Enter a method in METHODS."""

    def enter(view: View) -> View:
        METHODS[name] = Method(name, scope, params, view, is_long)
        return view

    return enter
