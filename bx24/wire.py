"""One HTTP exchange with a server that may be slow, broken, or answer HTML.

No redirect is followed and no cookie kept; the environment's proxies and .netrc are ignored; nothing is repeated here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from bx24.errors import Unavailable

Timeout = tuple[float, float]
"""Seconds to connect, seconds between two bytes of the answer."""

MAX_ANSWER_BYTES = 8 * 1024 * 1024  # a page of 50 items is a megabyte at most; a self-hosted portal may send anything
#: Values in the JSON of an answer: an empty list is two bytes on the wire and 64 in memory.
MAX_ENTRIES = 500_000


@dataclass(frozen=True)
class Answer:
    """data: the JSON object, None if the body is anything else. location: of a redirect, "" otherwise. retry_after: s.

    date: the header, as it came.
    """

    status: int
    data: dict[str, Any] | None = field(repr=False)
    location: str = field(default="", repr=False)
    retry_after: float | None = None
    date: str = ""

    def json(self, server: str) -> dict[str, Any]:
        """The JSON object. Raises Unavailable for anything else and for a redirect. server: its name in the error."""
        if self.data is None or self.location:
            raise Unavailable(f"http_{self.status}", f"{server} did not answer JSON", self.status)
        return self.data


def session(pool: int) -> requests.Session:
    """A session for `pool` threads at once, to any number of portals."""
    made = requests.Session()
    made.trust_env = False
    made.headers.update({"User-Agent": f"waba24/{_version()}", "Accept": "application/json"})
    for scheme in ("https://", "http://"):
        made.mount(scheme, HTTPAdapter(pool_connections=max(pool, 10), pool_maxsize=pool))
    return made


def exchange(
    http: requests.Session,
    verb: str,
    url: str,
    *,
    timeout: Timeout,
    params: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer:
    """Send `body` as JSON (or `params` in the address) and read the answer. Raises Unavailable without one.

    The adapter is called directly: Session.send would keep cookies, use the environment's proxies and read the body of
    a redirect to the end. What requests raises quotes the address, and addresses of the auth server hold our secret:
    only the kind of failure goes up, without a cause.
    """
    try:
        request = http.prepare_request(requests.Request(verb, url, params=params, json=body))
        with http.get_adapter(url).send(request, stream=True, timeout=timeout, verify=http.verify or True) as response:
            return _answer(response, min(max_bytes, MAX_ANSWER_BYTES))
    except (requests.RequestException, OSError, ValueError) as error:
        problem = type(error).__name__
    raise Unavailable("connection", problem)


def _answer(response: requests.Response, max_bytes: int) -> Answer:
    content = bytearray()
    for chunk in response.iter_content(64 * 1024):
        content += chunk
        if len(content) > max_bytes:
            raise Unavailable("answer_too_long", f"more than {max_bytes} bytes", response.status_code)
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_ENTRIES:
        raise Unavailable("answer_too_long", f"more than {MAX_ENTRIES} entries", response.status_code)
    wait = response.headers.get("Retry-After", "")
    return Answer(
        status=response.status_code,
        data=_object(content),
        location=response.headers.get("Location", "") if 300 <= response.status_code < 400 else "",
        retry_after=float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None,
        date=response.headers.get("Date", ""),
    )


def whole_number(value: object) -> int | None:
    """A whole number as JSON or as a string; None for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _object(content: bytearray) -> dict[str, Any] | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _version() -> str:
    try:
        return metadata.version("waba24")
    except metadata.PackageNotFoundError:
        return "dev"
