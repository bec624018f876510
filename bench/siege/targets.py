"""What attacker and tenant are given: the installation's address, calls that a portal has signed, frames it has opened."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode


@dataclass(frozen=True)
class Signed:
    """A robot call as the emulated portal signed it, to be posted as often as somebody likes."""

    url: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)

    @classmethod
    def of(cls, url: str, body: bytes) -> Signed:
        return cls(url, tuple(parse_qsl(body.decode(), keep_blank_values=True)))

    def again(self, **changes: str) -> bytes:
        """The body with a token of its own, so that it is another run. changes: properties by their codes."""
        changed = {f"properties[{code}]": value for code, value in changes.items()}
        return self.with_fields(changed)

    def with_fields(self, changes: Mapping[str, str]) -> bytes:
        """As `again`; changes: fields of the form by their whole names. Fields that the call lacks are added."""
        made = dict(self.fields)
        name, _, _ = made["event_token"].rpartition("|")
        made["event_token"] = f"{name}|{secrets.token_hex(16)}.{secrets.token_hex(32)}"
        return urlencode({**made, **changes}).encode()


@dataclass(frozen=True)
class Opened:
    """A frame that a portal opens. address: of the POST without the path; form: its fields."""

    query: str
    form: Mapping[str, str] = field(repr=False)

    def url(self, installation: str, path: str = "/bx24/app") -> str:
        return f"{installation}{path}?{self.query}"

    def body(self, **changes: str) -> bytes:
        return urlencode({**self.form, **changes}).encode()


@dataclass(frozen=True)
class Target:
    """All that an attacker has who is a tenant himself, with a line, and three portals on servers of his own.

    hook: his line's webhook address; token: of his page; marked: the path of a page that shows his text. line: the number of
    his line; api: his token of the API; receivers: the keys of his webhooks.
    """

    url: str
    hook: str
    token: str = field(repr=False)
    marked: str
    file: str
    text: Signed
    document: Signed
    frame: Opened
    slow: tuple[tuple[Opened, Signed], ...]
    swollen: tuple[Opened, Signed]
    line: str
    api: str = field(repr=False)
    receivers: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """What a tenant does. calls: (URL, body) of each, in order; pages: name → (URL, body or None for a GET)."""

    url: str
    calls: tuple[tuple[str, bytes], ...] = field(repr=False)
    pages: Mapping[str, tuple[str, bytes | None]] = field(repr=False)
    token: str = field(repr=False)
    per_s: float
