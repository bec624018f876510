"""The authorization servers: the only hosts that see our secret, and the only ones whose word about a portal counts.

A request tells which server its portal uses (`server_endpoint`), and requests can be forged: the address only serves
to choose one of ours. Bitrix24 docs: settings/oauth/index, settings/oauth/auto-renewal, settings/oauth/error-codes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests

from bx24.errors import AuthDead, Bx24Error, Expired, PortalInactive, Rejected, Unavailable, error_for
from bx24.wire import Timeout, exchange, whole_number

DEFAULT_LIFETIME = timedelta(hours=1)
_PORTS = {"https": 443, "http": 80}
_YES = frozenset({"1", "true", "y", "yes"})


@dataclass(frozen=True)
class Grant:
    """A new pair of tokens. The old refresh token is dead from now on: store before using.

    expires_at: aware, UTC. client_endpoint: where to call, ends with /rest/.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    client_endpoint: str
    server_endpoint: str
    member_id: str
    user_id: int | None
    scope: str
    status: str


@dataclass(frozen=True)
class AppInfo:
    """What the authorization server knows of a token: whose app, which portal, which user.

    client_endpoint: of the portal, ends with /rest/; the only one to believe. server_endpoint: of the server that
    answered. status: L F D T P S. expires: of the token, aware, None if not told.
    """

    client_id: str
    member_id: str
    client_endpoint: str
    server_endpoint: str
    domain: str
    user_id: int | None
    scope: str
    status: str
    installed: bool
    expires: datetime | None


class AuthServers:
    """allowed: base addresses ("https://oauth.bitrix.info"); the first is for portals that name none of them."""

    def __init__(
        self,
        session: requests.Session,
        allowed: tuple[str, ...],
        client_id: str,
        client_secret: str,
        timeout: Timeout = (5.0, 15.0),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not allowed:
            raise ValueError("at least one authorization server must be allowed")
        self._session = session
        self._bases = {_origin(base): base.rstrip("/") for base in allowed}
        self._first = allowed[0].rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout = timeout
        self._clock = clock

    def within(self, timeout: Timeout) -> AuthServers:
        """The same servers, asked by somebody with less time."""
        hasty = copy.copy(self)
        hasty._timeout = timeout
        return hasty

    def knows(self, server_endpoint: str | None) -> bool:
        """Whether a `server_endpoint` is on one of the allowed servers: scheme, host and port."""
        return bool(server_endpoint) and _origin(str(server_endpoint)) in self._bases

    def base(self, server_endpoint: str | None) -> str:
        """The allowed server meant by a `server_endpoint`, the first one for anything else. Never what was given."""
        return self._bases.get(_origin(server_endpoint or ""), self._first)

    def refresh(self, server_endpoint: str | None, refresh_token: str, member_id: str = "") -> Grant:
        """Trade the refresh token for a new pair. The caller holds the portal's lock: the token works once.

        member_id: when given, a pair of another portal is refused.
        Raises AuthDead (token spent), PortalInactive (unpaid, removed), Unavailable, Throttled, Rejected.
        """
        query = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "refresh_token": refresh_token,
        }
        base = self.base(server_endpoint)
        try:
            grant = self._grant(self._get(f"{base}/oauth/token/", query), base)
        except Expired as error:
            raise AuthDead(error.code, error.description, error.http_status) from None
        if member_id and grant.member_id != member_id:
            raise Rejected("foreign_portal", "the tokens belong to another portal")
        return grant

    def app_info(self, server_endpoint: str | None, access_token: str) -> AppInfo:
        """Ask the portal's authorization server about an access token.

        Raises Expired (not a valid token), PortalInactive, Unavailable, Throttled, Rejected.
        """
        base = self.base(server_endpoint)
        answer = self._get(f"{base}/rest/app.info", {"auth": access_token})
        return _app_info(_map(answer.get("result")) or answer, base)

    def verify(self, server_endpoint: str | None, access_token: str, member_id: str) -> AppInfo:
        """Proof that an access token is of our app on that portal. Raises Rejected when it is not, else as app_info().

        Older frames do not tell their server: then each of the allowed ones is asked until one knows the token.
        """
        others = [] if self.knows(server_endpoint) else [base for base in self._bases.values() if base != self._first]
        failures: list[Bx24Error] = []
        for base in [self.base(server_endpoint), *others]:
            try:
                return self._ours(self.app_info(base, access_token), member_id)
            except (Expired, PortalInactive, Unavailable) as error:
                failures.append(error)
        # One that could not be asked might have known the token: "later" goes before "no".
        raise next((error for error in failures if error.retryable), failures[0])

    def _ours(self, info: AppInfo, member_id: str) -> AppInfo:
        if info.client_id != self._client_id:
            raise Rejected("foreign_app", "the token belongs to another app")
        if info.member_id != member_id:
            raise Rejected("foreign_portal", "the token belongs to another portal")
        return info

    def _get(self, url: str, query: Mapping[str, str]) -> dict[str, Any]:
        answer = exchange(self._session, "GET", url, params=query, timeout=self._timeout)
        data = answer.json("the authorization server")
        code = data.get("error")
        if code or answer.status >= 400:
            description = str(data.get("error_description") or "")
            raise error_for(str(code or ""), description, answer.status, retry_after=answer.retry_after)
        return data

    def _grant(self, answer: Mapping[str, Any], base: str) -> Grant:
        lifetime = whole_number(answer.get("expires_in"))
        return Grant(
            access_token=_needed(answer, "access_token"),
            refresh_token=_needed(answer, "refresh_token"),
            expires_at=self._clock() + (timedelta(seconds=lifetime) if lifetime else DEFAULT_LIFETIME),
            client_endpoint=_endpoint(answer),
            server_endpoint=f"{base}/rest/",
            member_id=_needed(answer, "member_id"),
            user_id=whole_number(answer.get("user_id")),
            scope=_joined(answer.get("scope")),
            status=str(answer.get("status") or ""),
        )


def _app_info(result: Mapping[str, Any], base: str) -> AppInfo:
    install = _map(result.get("install"))
    expires = whole_number(result.get("expires"))
    return AppInfo(
        client_id=_needed(result, "client_id"),
        member_id=_needed(install, "member_id"),
        client_endpoint=_endpoint(install),
        server_endpoint=f"{base}/rest/",
        domain=str(install.get("domain") or ""),
        user_id=whole_number(result.get("user_id")),
        scope=_joined(result.get("scope") or install.get("scope")),
        status=str(install.get("status") or ""),
        installed=str(install.get("installed")).lower() in _YES,
        expires=datetime.fromtimestamp(expires, UTC) if expires else None,
    )


def _needed(answer: Mapping[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise Unavailable("unexpected_answer", f"the authorization server sent no {key}")
    return value


def _endpoint(answer: Mapping[str, Any]) -> str:
    endpoint = _needed(answer, "client_endpoint")
    return endpoint if endpoint.endswith("/") else f"{endpoint}/"


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _joined(scope: object) -> str:
    return ",".join(str(part) for part in scope) if isinstance(scope, list) else str(scope or "")


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host, port; ("", "", 0) for what is no address."""
    try:
        parts = urlsplit(url.strip())
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        return (scheme, host, parts.port or _PORTS.get(scheme, 0)) if host else ("", "", 0)
    except ValueError:
        return "", "", 0
