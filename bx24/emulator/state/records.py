"""The records that a portal keeps: users, tokens, the installed app, robots, bindings, notifications, counters."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

ACCESS_LIFETIME_S = 3600
REFRESH_LIFETIME_S = 180 * 24 * 3600
DEFAULT_SCOPE = ("bizproc", "crm", "disk", "im", "placement", "user_brief")


@dataclass(frozen=True)
class User:
    id: int
    name: str
    last_name: str
    is_admin: bool

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}"


USERS = (
    User(1, "Анна", "Соколова", True),
    User(2, "Пётр", "Иванов", False),
    User(3, "Мария", "Кузнецова", True),
)


@dataclass
class Grant:
    """A token pair that the auth server gave out. dead: why it stopped working before it expired."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    member_id: str
    user_id: int
    expires_at: float
    refresh_expires_at: float
    replaced: bool = False
    dead: str = ""


@dataclass
class Installation:
    """The app on one portal. `installed` is false until the install page has called `installFinish`.

    title: what the portal calls the app, for example before its lines in chats.
    """

    row_id: int
    client_id: str
    scope: tuple[str, ...] = DEFAULT_SCOPE
    install_url: str = ""
    app_url: str = ""
    installed: bool = False
    active: bool = True
    version: int = 1
    first_run: bool = True
    title: str = "App"
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def application_token(self) -> str:
        """The same for the whole installation; another one after the app was removed and installed again."""
        return self.secret

    @property
    def status(self) -> str:
        return "L" if self.client_id.startswith("local.") else "F"


@dataclass
class RobotRecord:
    """A registered robot or activity. fields: the parameters of its registration, with upper-case names."""

    code: str
    is_robot: bool
    fields: dict[str, Any]
    placement_handler: str = ""

    @property
    def handler(self) -> str:
        return str(self.fields["HANDLER"])

    @property
    def use_subscription(self) -> str | None:
        value = self.fields.get("USE_SUBSCRIPTION")
        return None if value is None else str(value)

    def properties(self) -> dict[str, dict[str, Any]]:
        return _descriptors(self.fields.get("PROPERTIES"))

    def returns(self) -> dict[str, dict[str, Any]]:
        return _descriptors(self.fields.get("RETURN_PROPERTIES"))

    def name(self, lang: str) -> str:
        return localized(self.fields.get("NAME"), lang) or self.code

    def description(self, lang: str) -> str:
        return localized(self.fields.get("DESCRIPTION"), lang)


def _descriptors(value: Any) -> dict[str, dict[str, Any]]:
    return {str(code): item for code, item in value.items()} if isinstance(value, dict) else {}


def localized(value: Any, lang: str) -> str:
    """A text that may be a map of languages: this one, else Russian for Ukrainian, English, `*`, or the first."""
    if not isinstance(value, dict):
        return str(value or "")
    for key in (lang.upper(), "RU" if lang == "ua" else "", "EN", "*"):
        if value.get(key):
            return str(value[key])
    return str(next(iter(value.values()), ""))


@dataclass
class EventBinding:
    id: int
    event: str
    handler: str
    auth_type: int
    offline: bool = False


@dataclass
class PlacementBinding:
    id: int
    placement: str
    handler: str
    title: str
    description: str
    group_name: str
    lang_all: dict[str, Any]
    options: dict[str, Any]


@dataclass(frozen=True)
class Notice:
    """A system notification of one user. A new one replaces older ones with the same tag."""

    id: int
    user_id: int
    message: str
    tag: str
    sub_tag: str


@dataclass
class Counters:
    """REST traffic, as `GET /emulator/calls` shows it."""

    http: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    inner: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    oauth: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "http": self.http,
            "methods": self.methods,
            "inner": self.inner,
            "errors": self.errors,
            "oauth": self.oauth,
        }


def count(table: dict[str, int], key: str) -> None:
    table[key] = table.get(key, 0) + 1
