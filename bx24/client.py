"""REST calls to one portal, with a token that is borrowed and handed back.

Bitrix24 docs: settings/how-to-call-rest-api/general-principles, .../batch, limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests

from bx24 import batch
from bx24.batch import MAX_BATCH, METHOD, BatchReply, Command, Operating, Ref
from bx24.errors import Bx24Error, Expired, Unavailable, error_for
from bx24.wire import MAX_ANSWER_BYTES, Answer, Timeout, exchange, session, whole_number

__all__ = ["MAX_BATCH", "BatchReply", "Client", "Command", "Operating", "Ref", "Reply", "TokenSource", "session"]


class TokenSource(Protocol):
    """Lends the tokens of one portal (or of one run) and keeps them up to date. All of it may raise Bx24Error."""

    @property
    def endpoint(self) -> str:
        """The portal's REST address, ends with /rest/."""

    def token(self) -> str:
        """The current access token."""

    def renew(self, stale: str) -> str:
        """A token newer than `stale`: somebody else's renewal if there was one, else by the refresh token."""

    def moved(self, endpoint: str) -> None:
        """The portal seems to live at another address now: verify and store it, or raise. Called before any token is
        sent there."""


@dataclass(frozen=True)
class Reply:
    """One answer. total, next: of lists (next = `start` of the following page)."""

    result: Any = field(repr=False)
    total: int | None = None
    next: int | None = None
    time: Operating = field(default_factory=Operating)

    def mapping(self) -> dict[str, Any]:
        """The result as a map: an empty one arrives as `[]`, as PHP has it."""
        return self.result if isinstance(self.result, dict) else {}


class Client:
    """gate: called before each HTTP request; waits for a free place, or raises Throttled. max_bytes: of one answer.

    within: opened around each exchange; ends it when its time is up.
    """

    def __init__(
        self,
        session: requests.Session,
        tokens: TokenSource,
        gate: Callable[[], None] = lambda: None,
        timeout: Timeout = (5.0, 30.0),
        max_bytes: int = MAX_ANSWER_BYTES,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._gate = gate
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._within = within

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Reply:
        """One method. An expired token is renewed and a renamed portal looked up, once each; nothing else is repeated.

        params: JSON values. Raises any Bx24Error, also what the TokenSource and the gate raise.
        """
        if not METHOD.fullmatch(method):
            raise ValueError(f"not a method: {method!r}")
        data = self._post(method, params or {})
        return Reply(
            result=data.get("result"),
            total=whole_number(data.get("total")),
            next=whole_number(data.get("next")),
            time=Operating.parse(data.get("time")),
        )

    def batch(self, commands: Mapping[str, Command], halt: bool = False) -> BatchReply:
        """Up to 50 commands, key → (method, params), one after another in one request.

        A value may be a Ref to an earlier answer. None, empty lists and maps do not arrive. Errors of single commands
        come in the reply; those of the request as a whole are raised.
        """
        params = batch.params(commands, halt)
        return batch.reply(self.call("batch", params).mapping(), commands) if commands else BatchReply({}, {}, {})

    def _post(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        token = self._tokens.token()
        renewed = moved = False
        while True:
            endpoint = self._tokens.endpoint
            self._gate()
            with self._within():
                answer = exchange(
                    self._session,
                    "POST",
                    f"{endpoint}{method}.json",
                    body={**params, "auth": token},
                    timeout=self._timeout,
                    max_bytes=self._max_bytes,
                )
            if answer.location and not moved:
                # A followed redirect would be a GET without the body, and would show the token to whoever is there.
                token, moved = self._move(_new_endpoint(endpoint, answer), token), True
                continue
            data = answer.json("the portal")
            error = self._error(method, answer, data)
            if isinstance(error, Expired) and not renewed:
                token, renewed = self._tokens.renew(token), True
                continue
            if error is not None:
                raise error
            return data

    def _move(self, endpoint: str, token: str) -> str:
        """Have the new address verified. A redirect says nothing about the token: it may turn out expired only now."""
        try:
            self._tokens.moved(endpoint)
        except Expired:
            self._tokens.renew(token)
            self._tokens.moved(endpoint)
        return self._tokens.token()

    def _error(self, method: str, answer: Answer, data: Mapping[str, Any]) -> Bx24Error | None:
        code = data.get("error")
        if code is None and answer.status < 400:
            return None
        return error_for(
            str(code or ""),
            str(data.get("error_description") or ""),
            answer.status,
            method=method,
            retry_after=answer.retry_after,
            operating_reset_at=Operating.parse(data.get("time")).operating_reset_at,
        )


def _new_endpoint(endpoint: str, answer: Answer) -> str:
    """Where a redirect points, as a REST address: new host, path up to /rest/. Raises Unavailable if unusable."""
    try:
        target = urlsplit(urljoin(endpoint, answer.location))
        host, _ = target.hostname, target.port
    except ValueError:
        host = None
    if not host or target.scheme not in ("http", "https") or "@" in target.netloc:
        raise Unavailable("redirect", "the portal redirects to what is no address", answer.status)
    head, rest, _ = target.path.partition("/rest/")
    path = head + rest if rest else urlsplit(endpoint).path
    moved_to = f"{target.scheme}://{target.netloc}{path}"
    if moved_to == endpoint:
        raise Unavailable("redirect", "the portal redirects to itself", answer.status)
    return moved_to
