"""A portal and an authorization server that answer by script, and the tokens of one portal."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3.response import HTTPResponse

from bx24.wire import session

FIXTURES = Path(__file__).parent.parent / "fixtures" / "bx24"


class Script(BaseAdapter):
    """Answers each request with the next of `answers`, the last one again and again; keeps what it was asked.

    An answer: a JSON value (200), (status, JSON value or bytes, headers), an exception to raise, or a function of the
    request that returns one of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer) and not isinstance(answer, type):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = HTTPResponse(BytesIO(content), preload_content=False)
        response.request = request
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""

    def sent(self, index: int = -1) -> dict[str, Any]:
        """The JSON body of a request."""
        sent: dict[str, Any] = json.loads(self.requests[index].body or b"{}")
        return sent


class Tokens:
    """A TokenSource whose memory the test reads."""

    def __init__(self) -> None:
        self.endpoint = "https://acme.bitrix24.com/rest/"
        self.current = "token-1"
        self.renewed: list[str] = []
        self.moved_to: list[str] = []
        self.refuse: Exception | None = None

    def token(self) -> str:
        return self.current

    def renew(self, stale: str) -> str:
        self.renewed.append(stale)
        self.current = f"token-{len(self.renewed) + 1}"
        return self.current

    def moved(self, endpoint: str) -> None:
        self.moved_to.append(endpoint)
        if self.refuse:
            raise self.refuse
        self.endpoint = endpoint


@pytest.fixture
def portal() -> Script:
    return Script()


@pytest.fixture
def http(portal: Script) -> requests.Session:
    made = session(4)
    made.mount("https://", portal)
    made.mount("http://", portal)
    return made


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def body() -> Callable[[str], bytes]:
    """A recorded body by its name: body("run__deal.form")."""
    return lambda name: (FIXTURES / name).read_bytes().strip()
