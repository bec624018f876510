"""What goes wrong on command. A setting of one app overrides that of all apps, which have the name `*`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gupshup.emulator.state.json_types import JsonObject

# The prepared answers there are. `error_200`: an error in the body of a 200.
# With `*_after_accept` the message is accepted, but the caller does not learn it.
ANSWERS = frozenset(
    {
        "400",
        "401",
        "403",
        "413",
        "429",
        "500",
        "502",
        "503",
        "504",
        "html_502",
        "no_message_id",
        "error_200",
        "refuse",
        "drop_after_accept",
        "500_after_accept",
        "502_after_accept",
        "503_after_accept",
        "504_after_accept",
    }
)
SCOPES = ("send", "templates", "subscription", "manage", "partner", "quality")
DELAYS: Mapping[str, int] = {"enqueued": 50, "sent": 150, "delivered": 300}
_SETTINGS: Mapping[str, type | tuple[type, ...]] = {
    "latency_ms": int,
    "auto_read_ms": (int, type(None)),
    "key_revoked": bool,
    "wallet_empty": bool,
    "account_code": (int, type(None)),
    "window_code": int,
    "not_on_whatsapp": list,
    "not_on_whatsapp_suffix": (str, type(None)),
    "delays_ms": dict,
    "duplicate": bool,
    "order": str,
    "webhook_delay_ms": int,
    "drop_statuses": list,
    "omit_gs_id": bool,
    "failed_shape": (str, type(None)),
    "click_shape": str,
    "omit_context": bool,
    "destinations": dict,
    "webhook_lanes": int,
    "retries": int,
    "clock_ahead_s": int,
    "review_ms": (int, type(None)),
    "billing": bool,
    "billing_delay_ms": int,
    "billing_shape": str,
    "billing_category": (str, type(None)),
}
_ALLOWED: Mapping[str, tuple[object, ...]] = {
    "order": ("normal", "reversed"),
    "failed_shape": (None, "sync", "async"),
    "click_shape": ("new", "old"),
    "billing_shape": ("boolean", "text"),
}
_DEFAULTS: Mapping[str, object] = {
    "latency_ms": 0,
    "auto_read_ms": None,
    "key_revoked": False,
    "wallet_empty": False,
    "account_code": None,
    "window_code": 470,
    "not_on_whatsapp": [],
    "not_on_whatsapp_suffix": "0000",
    "delays_ms": DELAYS,
    "duplicate": False,
    "order": "normal",
    "webhook_delay_ms": 0,
    "drop_statuses": [],
    "omit_gs_id": False,
    "failed_shape": None,
    "click_shape": "new",
    "omit_context": False,
    "destinations": {},
    "webhook_lanes": 1,
    "retries": 5,
    "clock_ahead_s": 0,
    "review_ms": None,
    "billing": True,
    "billing_delay_ms": 1000,
    "billing_shape": "boolean",
    "billing_category": None,
}


class BadFault(ValueError):
    """A fault that does not exist or has a wrong type; the text names it."""


@dataclass(frozen=True)
class Answer:
    """A prepared answer of the API. retry_after: seconds for the header, if any."""

    answer: str
    on: str = "send"
    retry_after: int | None = None


@dataclass
class _Settings:
    values: JsonObject = field(default_factory=dict)
    next: dict[str, deque[Answer]] = field(default_factory=lambda: {scope: deque() for scope in SCOPES})


class Faults:
    """Settings and prepared answers per app. The caller holds the emulator's lock."""

    def __init__(self) -> None:
        self._apps: dict[str, _Settings] = {}

    def change(self, app: str, wanted: Mapping[str, object]) -> None:
        """Merge settings and append prepared answers, all or none. Raises BadFault."""
        values = {key: _checked(key, value) for key, value in wanted.items() if key != "next"}
        answers = list(_answers(wanted.get("next", [])))
        settings = self._apps.setdefault(app, _Settings())
        for key, value in values.items():
            old = settings.values.get(key)
            merged = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
            settings.values[key] = merged
        for answer in answers:
            settings.next[answer.on].append(answer)

    def reset(self, app: str | None = None) -> None:
        """Forget the faults of one app, or of all."""
        if app is None:
            self._apps.clear()
        else:
            self._apps.pop(app, None)

    def take(self, app: str, scope: str) -> Answer | None:
        """The next prepared answer of this scope, if any."""
        for name in (app, "*"):
            settings = self._apps.get(name)
            if settings and settings.next[scope]:
                return settings.next[scope].popleft()
        return None

    def get(self, app: str, key: str) -> object:
        for name in (app, "*"):
            settings = self._apps.get(name)
            if settings and key in settings.values:
                return settings.values[key]
        return _DEFAULTS[key]

    def number(self, app: str, key: str) -> int:
        value = self.get(app, key)
        return value if isinstance(value, int) else 0

    def flag(self, app: str, key: str) -> bool:
        return self.get(app, key) is True

    def strings(self, app: str, key: str) -> list[str]:
        value = self.get(app, key)
        return [str(v) for v in value] if isinstance(value, list) else []

    def delay_ms(self, app: str, status: str) -> int:
        """Milliseconds from acceptance to this status."""
        chosen = self.get(app, "delays_ms")
        value = chosen.get(status, DELAYS[status]) if isinstance(chosen, Mapping) else DELAYS[status]
        return value if isinstance(value, int) else DELAYS[status]

    def destination(self, app: str, phone: str) -> Mapping[str, object] | None:
        """`{"code", "reason"?, "after"?}` set for this phone."""
        for name in (app, "*"):
            settings = self._apps.get(name)
            phones = settings.values.get("destinations") if settings else None
            if isinstance(phones, Mapping) and phones.get(phone) is not None:
                found = phones[phone]
                return found if isinstance(found, Mapping) else None
        return None

    def to_dict(self) -> JsonObject:
        return {
            name: {**settings.values, "next": [a.answer for scope in SCOPES for a in settings.next[scope]]}
            for name, settings in self._apps.items()
        }


def _checked(key: str, value: object) -> object:
    kind = _SETTINGS.get(key)
    if kind is None:
        raise BadFault(f"unknown fault {key!r}; known: next, {', '.join(_SETTINGS)}")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadFault(f"{key}: wrong type")
    if key in _ALLOWED and value not in _ALLOWED[key]:
        raise BadFault(f"{key}: must be one of {_ALLOWED[key]}")
    if key == "destinations":
        _check_destinations(value)
    return value


def _check_destinations(value: object) -> None:
    for phone, fault in dict(value).items() if isinstance(value, dict) else ():
        known = isinstance(fault, dict) and isinstance(fault.get("code"), int)
        if fault is not None and not (known and fault.get("after", "enqueued") in ("enqueued", "sent", "delivered")):
            raise BadFault(f'destinations.{phone}: must be null or {{"code": number, "reason"?, "after"?}}')


def _answers(wanted: object) -> Iterable[Answer]:
    if not isinstance(wanted, list):
        raise BadFault("next must be a list")
    for item in wanted:
        entry: Mapping[str, object] = item if isinstance(item, Mapping) else {"answer": item}
        answer, on, times = str(entry.get("answer")), str(entry.get("on", "send")), entry.get("times", 1)
        pause = entry.get("retry_after")
        if answer not in ANSWERS or on not in SCOPES or not isinstance(times, int):
            raise BadFault(f"next: unknown answer {answer!r} or scope {on!r}; answers: {', '.join(sorted(ANSWERS))}")
        for _ in range(times):
            yield Answer(answer, on, pause if isinstance(pause, int) else None)
