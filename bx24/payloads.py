"""What Bitrix24 posts to us, as types: frames, events, runs of robots and activities.

Frames come from the user's browser, events and runs from Bitrix24's queue; all are forms. Nothing here is proof of
anything: the caller compares `application_token` or asks the authorization server.
Bitrix24 docs: settings/oauth/simple-way, api-reference/events/index, api-reference/bizproc/bizproc-robot/index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from bx24.documents import Document, Triple, document, entity_type_id, item_id
from bx24.forms import Form, PayloadError, as_list, decode, parse_form, parse_query, take_out

__all__ = [
    "Auth",
    "Document",
    "EventCall",
    "Form",
    "FrameCall",
    "PayloadError",
    "RunCall",
    "Triple",
    "document",
    "entity_type_id",
    "frame_form",
    "item_id",
    "parse_form",
    "parse_query",
]

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?::[0-9]{1,5})?")
#: Characters of a value that is one word: a token, an address, a scope. Longer ones are nobody's and are cut.
MAX_WORD = 2048
_MEMBER_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
#: Of a user's token, seconds. Bitrix24's live an hour.
LIFETIME_MAX_S = 24 * 3600
#: PLACEMENT_OPTIONS: characters, and brackets and commas. With all fields of a document they are hundreds of kilobytes.
OPTIONS_CHARS, OPTIONS_PARTS = 2 * 1024 * 1024, 100_000
#: The field that holds them, and bytes of all other fields of that POST.
OPTIONS, FRAME_REST_BYTES = "PLACEMENT_OPTIONS", 64 * 1024


@dataclass(frozen=True)
class Auth:
    """`auth[…]` of an event or a run, or the same things of a frame. What was not sent is "" or None.

    expires: unix seconds; frames send `expires_in` (seconds) only. domain: of the portal, renamed at will: no identity.
    """

    member_id: str
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    application_token: str = field(default="", repr=False)
    expires: int | None = None
    expires_in: int | None = None
    user_id: int | None = None
    client_endpoint: str = ""
    server_endpoint: str = ""
    domain: str = ""
    scope: str = ""
    status: str = ""

    @classmethod
    def parse(cls, form: Mapping[str, Any]) -> Self:
        """From the map under `auth`. Raises PayloadError without a member_id: nothing could be looked up."""
        return cls(
            member_id=_member_id(form, "auth[member_id]"),
            access_token=_text(form, "access_token"),
            refresh_token=_text(form, "refresh_token"),
            application_token=_text(form, "application_token"),
            expires=_number(form, "expires"),
            expires_in=_lifetime(form, "expires_in"),
            user_id=_number(form, "user_id"),
            client_endpoint=_text(form, "client_endpoint"),
            server_endpoint=_text(form, "server_endpoint"),
            domain=_text(form, "domain"),
            scope=_text(form, "scope"),
            status=_text(form, "status"),
        )


@dataclass(frozen=True)
class RunCall:
    """One execution of a robot or an activity. `event_token` is new for each: a second POST with it is the same run.

    timeout_duration: seconds the process will wait, 0 = no limit. use_subscription: "Y", "N" or "" (absent).
    """

    workflow_id: str
    code: str
    document_type: Triple
    document_id: Triple
    event_token: str = field(repr=False)
    properties: dict[str, Any] = field(repr=False)  # texts and phones
    use_subscription: str
    timeout_duration: int
    ts: int | None
    auth: Auth

    @classmethod
    def parse(cls, form: Mapping[str, Any]) -> Self:
        """From parse_form(). Raises PayloadError naming the first field that is missing or malformed."""
        token = _required(form, "event_token", 1024)
        return cls(
            workflow_id=_text(form, "workflow_id")[:128] or token.split("|")[0][:128],
            code=_required(form, "code", 128),
            document_type=_triple(form, "document_type"),
            document_id=_triple(form, "document_id"),
            event_token=token,
            properties={code: as_list(value) for code, value in _map(form, "properties").items()},
            use_subscription=_text(form, "use_subscription")[:1].upper(),
            timeout_duration=max(0, _number(form, "timeout_duration") or 0),
            ts=_number(form, "ts"),
            auth=Auth.parse(_map(form, "auth")),
        )

    @property
    def waits(self) -> bool:
        """Whether the process may be waiting for `bizproc.event.send`.

        Absent counts as yes: we register with USE_SUBSCRIPTION=Y, the field was missing in a real capture, and an
        answer nobody waits for costs one call, while a missing one hangs somebody's process.
        """
        return self.use_subscription != "N"

    @property
    def document(self) -> Document:
        return document(self.document_type, self.document_id)


@dataclass(frozen=True)
class EventCall:
    """ONAPPINSTALL, ONAPPUNINSTALL, … and every bound event. event: upper case. data: strings, nested as sent.

    word: `data` of the few events where it is one word and no map.

    Tokens are often absent; for ONAPPUNINSTALL `application_token` is the only proof there is.
    """

    event: str
    data: dict[str, Any] = field(repr=False)
    ts: int | None
    auth: Auth
    word: str = ""

    @classmethod
    def parse(cls, form: Mapping[str, Any]) -> Self:
        """From parse_form(). Raises PayloadError without an event or a portal."""
        return cls(
            event=_required(form, "event", 128).upper(),
            data=_map(form, "data"),
            ts=_number(form, "ts"),
            auth=Auth.parse(_map(form, "auth")),
            word=_text(form, "data"),
        )


def frame_form(body: bytes) -> tuple[Form, bytes]:
    """The fields of a POST that opens a frame, and its PLACEMENT_OPTIONS as they came. Raises PayloadError."""
    rest, options = take_out(body, OPTIONS.encode())
    if len(rest) > FRAME_REST_BYTES:
        raise PayloadError("body", f"has more than {FRAME_REST_BYTES} bytes beside {OPTIONS}")
    return parse_form(rest), options


@dataclass(frozen=True)
class FrameCall:
    """The POST by which a portal's page opens ours in its iframe: install page, main page, settings of a robot.

    auth: of the user who opened it, never of the portal as such. protocol: "https" or "http".
    options_json: PLACEMENT_OPTIONS as they came, escaped: nothing is decoded before the caller knows who sent them.
    domain: host, with a port when it is not the usual one.
    """

    auth: Auth
    lang: str
    domain: str
    protocol: str
    app_sid: str
    placement: str
    options_json: bytes = field(repr=False)

    @classmethod
    def parse(cls, form: Mapping[str, Any], query: Mapping[str, Any] | None = None, options: bytes = b"") -> Self:
        """From frame_form() of the body, parse_query() of the address. Raises PayloadError without portal or host.

        options: as frame_form() gives them.
        """
        given = _upper_keys(query or {}) | _upper_keys(form)
        domain = _text(given, "DOMAIN").lower()
        if not _HOST.fullmatch(domain):
            raise PayloadError("DOMAIN", "is not a host name")
        return cls(
            auth=Auth(
                member_id=_member_id(given, "MEMBER_ID"),
                access_token=_text(given, "AUTH_ID"),
                refresh_token=_text(given, "REFRESH_ID"),
                application_token=_text(given, "APPLICATION_TOKEN"),
                expires_in=_lifetime(given, "AUTH_EXPIRES"),
                server_endpoint=_text(given, "SERVER_ENDPOINT"),
                domain=domain,
                scope=_text(given, "APPLICATION_SCOPE"),
                status=_text(given, "STATUS"),
            ),
            lang=_text(given, "LANG").lower()[:16],
            domain=domain,
            protocol="http" if _text(given, "PROTOCOL") == "0" else "https",
            app_sid=_text(given, "APP_SID")[:128],
            placement=_text(given, "PLACEMENT").upper()[:128] or "DEFAULT",
            options_json=options,
        )

    @property
    def member_id(self) -> str:
        return self.auth.member_id

    @cached_property
    def options(self) -> dict[str, Any]:
        """PLACEMENT_OPTIONS decoded, {} when absent, malformed or PHP's empty `[]`. Raises PayloadError if too large."""
        return _options(decode(self.options_json).strip())


def _text(form: Mapping[str, Any], key: str) -> str:
    value = form.get(key)
    return value.strip()[:MAX_WORD] if isinstance(value, str) else ""


def _required(form: Mapping[str, Any], key: str, limit: int) -> str:
    value = _text(form, key)
    if not value:
        raise PayloadError(key, "is missing")
    if len(value) > limit:
        raise PayloadError(key, f"is longer than {limit} characters")
    return value


def _number(form: Mapping[str, Any], key: str) -> int | None:
    value = _text(form, key)
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else None


def _lifetime(form: Mapping[str, Any], key: str) -> int | None:
    """Seconds from 0 to LIFETIME_MAX_S: a date cannot be counted with whatever somebody sends."""
    value = _number(form, key)
    return None if value is None else min(max(value, 0), LIFETIME_MAX_S)


def _map(form: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = form.get(key)
    return dict(value) if isinstance(value, Mapping) else {}


def _triple(form: Mapping[str, Any], key: str) -> Triple:
    parts = _map(form, key)
    return (
        _required_part(parts, key, "0"),
        _required_part(parts, key, "1"),
        _required_part(parts, key, "2"),
    )


def _required_part(parts: Mapping[str, Any], key: str, index: str) -> str:
    value = _text(parts, index)
    if not value or len(value) > 255:
        raise PayloadError(f"{key}[{index}]", "is missing or too long")
    return value


def _member_id(form: Mapping[str, Any], name: str) -> str:
    value = _text(form, "MEMBER_ID") or _text(form, "member_id")
    if not _MEMBER_ID.fullmatch(value):
        raise PayloadError(name, "is not the id of a portal" if value else "is missing")
    return value


def _upper_keys(form: Mapping[str, Any]) -> dict[str, Any]:
    upper: dict[str, Any] = {}
    for key, value in form.items():
        upper.setdefault(str(key).upper(), value)
    return upper


def _options(text: str) -> dict[str, Any]:
    # Empty lists and maps take twenty times the memory of their JSON.
    if len(text) > OPTIONS_CHARS or sum(map(text.count, "[{,")) > OPTIONS_PARTS:
        raise PayloadError(OPTIONS, f"has more than {OPTIONS_CHARS} characters or {OPTIONS_PARTS} parts")
    try:
        options = json.loads(text, parse_constant=lambda _: None) if text else {}
        if "\\ud" in text.lower():
            # Half an emoji, cut by somebody's substr(), cannot be encoded again: our page would answer 500.
            options = json.loads(json.dumps(options, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}
