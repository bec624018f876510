"""A portal without sockets: the clock stands still until told, and what the portal sends is caught in an inbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from bx24.emulator import Emulator, Portal, create_emulator
from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state.workflow import PlacedRobot, Workflow

PORTAL, AUTH, APP = "https://acme.example", "https://auth.example", "https://app.example"
ROBOT: dict[str, Any] = {
    "CODE": "robot.say",
    "HANDLER": f"{APP}/robots/say",
    "AUTH_USER_ID": 1,
    "USE_SUBSCRIPTION": "Y",
    "NAME": {"ru": "Сказать", "en": "Say"},
    "PROPERTIES": {
        "text": {"Name": {"ru": "Текст", "en": "Text"}, "Type": "text", "Required": "Y"},
        "params": {"Name": "Params", "Type": "string", "Multiple": "Y"},
        "once": {"Name": "Once", "Type": "bool", "Default": "N"},
    },
    "RETURN_PROPERTIES": {
        "status": {"Name": "Status", "Type": "string"},
        "minutes_left": {"Name": "Minutes", "Type": "int"},
        "text": {"Name": "Clashes with the input", "Type": "string"},
    },
}


@dataclass
class Sent:
    """One POST the portal made."""

    url: str
    headers: dict[str, str]
    pairs: list[tuple[str, str]]

    @property
    def form(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass
class Inbox:
    """The app's side: answers 200, or the statuses lined up; an exception in the line is raised."""

    sent: list[Sent] = field(default_factory=list)
    answers: list[int | Exception] = field(default_factory=list)

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        self.sent.append(Sent(url, headers, parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer, ""

    @property
    def last(self) -> Sent:
        return self.sent[-1]


class Bench:
    """A portal with its auth server, driven over WSGI."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_790_000_000.0
        self.inbox = Inbox()
        self.emulator: Emulator = create_emulator(
            lambda: self.now,
            self.inbox,
            portal_url=PORTAL,
            auth_url=AUTH,
            client_id="local.test",
            client_secret="secret",
            **options,
        )

    @property
    def portal(self) -> Portal:
        return self.emulator.portal

    def pass_time(self, seconds: float = 0.1) -> int:
        self.now += seconds
        return self.emulator.deliver_due()

    def grant(self, user: int = 1) -> dict[str, Any]:
        answer = self.http("GET", f"/emulator/token?user_id={user}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json or {})

    def token(self, user: int = 1) -> str:
        return str(self.grant(user)["access_token"])

    def http(self, method: str, path: str, *, portal: Portal | None = None, **kwargs: Any) -> TestResponse:
        target = portal or self.portal
        return Client(self.emulator.app_of(target)).open(path, method=method, **{"base_url": target.base_url, **kwargs})

    def auth(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        answer = Client(self.emulator.auth_app).get(path, query_string=query, base_url=AUTH)
        return answer.status_code, dict(answer.json or {})

    def rest(self, name: str, params: Any = None, *, user: int = 1, token: str | None = None) -> TestResponse:
        body = {**(params or {}), "auth": self.token(user) if token is None else token}
        return self.http("POST", f"/rest/{name}", json=body)

    def ok(self, name: str, params: Any = None, **kwargs: Any) -> Any:
        answer = self.rest(name, params, **kwargs)
        assert answer.status_code == 200, answer.text
        return (answer.json or {})["result"]

    def error(self, name: str, params: Any = None, **kwargs: Any) -> tuple[int, str]:
        answer = self.rest(name, params, **kwargs)
        body = answer.json or {}
        assert "result" not in body, body
        return answer.status_code, body["error"]

    def control(self, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        method = "GET" if body is None else "POST"
        answer = self.http(method, f"/emulator/{path}", json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json or {})

    def start(self, *robots: PlacedRobot, deal: int = 1) -> Workflow:
        triple = ("crm", "CCrmDocumentDeal", "DEAL")
        return Engine(self.portal).start((*triple[:2], f"DEAL_{deal}"), triple, list(robots), user_id=1)

    def answer(self, flow: Workflow, token: str = "", log: str = "", **values: Any) -> None:
        params = {"EVENT_TOKEN": token or flow.event_token, "RETURN_VALUES": values, "LOG_MESSAGE": log}
        assert self.ok("bizproc.event.send", params) is True

    def install(self, **extra: Any) -> dict[str, Any]:
        body = {"install_url": f"{APP}/install", "app_url": f"{APP}/app", "finish": True, **extra}
        return self.control("install", body)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def kinds(flow: Workflow) -> list[str]:
    return [line.kind for line in flow.log]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def robot(bench: Bench) -> str:
    """The code of a registered robot that waits."""
    assert bench.ok("bizproc.robot.add", ROBOT) is True
    return str(ROBOT["CODE"])
