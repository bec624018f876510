"""What a REST method gets, returns and raises, and the table of all methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bx24.emulator.formats import php
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import Grant, User

HANDLER_LENGTH = 1000


class RestError(Exception):
    """An error answer. code and description: `error` and `error_description`; extra: more keys, such as `argument`."""

    def __init__(self, code: str, description: str, status: int = 400, **extra: Any) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.status = status
        self.extra = extra

    def body(self) -> dict[str, Any]:
        return {"error": self.code, "error_description": self.description, **self.extra}


def access_denied(detail: str = "") -> RestError:
    return RestError("ACCESS_DENIED", f"Access denied! {detail}".strip(), 403)


def argument(name: str, problem: str = "is null or empty") -> RestError:
    return RestError("ERROR_ARGUMENT", f"Argument '{name}' {problem}", 400, argument=name)


@dataclass(frozen=True)
class Page:
    """The answer of a list method: `total` and `next` stand beside the result."""

    result: Any
    total: int
    next: int | None


@dataclass
class Call:
    """A REST call whose token was accepted."""

    portal: Portal
    grant: Grant
    user: User
    method: str
    params: dict[str, Any] = field(default_factory=dict)
    start: int = 0

    def upper(self) -> dict[str, Any]:
        """The parameters with upper-case names, for methods that ignore the case: bizproc, placement, event."""
        return php.upper_keys(self.params)

    def need_admin(self) -> None:
        """Raises RestError unless an administrator calls."""
        if not self.user.is_admin:
            raise access_denied()


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Method:
    name: str
    scope: str
    handler: Handler


METHODS: dict[str, Method] = {}


def rest(name: str, scope: str = "") -> Callable[[Handler], Handler]:
    """Register a method. An app needs the scope, unless it is empty."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = Method(name, scope, handler)
        return handler

    return register


def check_url(url: Any) -> str:
    """The address of a handler: http or https, and a host with a dot in it. Raises RestError."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if (parts.hostname or "").find(".") <= 0:
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if parts.scheme not in ("http", "https"):
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol")
    return str(url)
