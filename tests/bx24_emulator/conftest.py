"""A portal without sockets. Its clock moves only by `advance_clock`; an inbox receives what it sends to the app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from bx24.emulator import Emulator, Portal, create_emulator
from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state.workflow import PlacedRobot, Workflow
from tests.bx24_emulator.app_page import served_app
from tests.support import shared

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
class ReceivedPost:
    """One POST the portal made."""

    url: str
    headers: dict[str, str]
    pairs: list[tuple[str, str]]

    @property
    def form(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass
class Inbox:
    """What the app receives. It answers 200, or with the next of `answers`; an exception there is raised."""

    received: list[ReceivedPost] = field(default_factory=list)
    answers: list[int | Exception] = field(default_factory=list)

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        self.received.append(
            ReceivedPost(url, headers, parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        )
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer, ""

    @property
    def last(self) -> ReceivedPost:
        return self.received[-1]


@dataclass
class Web:
    """What the portal can download, by address: (status, content type, body). Other addresses do not answer."""

    files: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        self.asked.append((url, headers))
        if url not in self.files:
            raise ConnectionError(url)
        return self.files[url]


class PortalDriver:
    """Drives a portal and its auth server over WSGI, as the app, a browser and the control API would."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_790_000_000.0
        self.inbox = Inbox()
        self.web = Web()
        self.pauses: list[float] = []
        self.emulator: Emulator = create_emulator(
            lambda: self.now,
            self.inbox,
            fetch=self.web,
            pause=self.pauses.append,
            portal_url=PORTAL,
            auth_url=AUTH,
            client_id="local.test",
            client_secret="secret",
            **options,
        )

    @property
    def portal(self) -> Portal:
        return self.emulator.portal

    def advance_clock(self, seconds: float = 0.1) -> int:
        """Let time pass and deliver what is due; the number of calls and time limits."""
        self.now += seconds
        return self.emulator.deliver_due()

    def token_pair(self, user: int = 1) -> dict[str, Any]:
        """New tokens of a user."""
        answer = self.http("GET", f"/emulator/token?user_id={user}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json or {})

    def access_token(self, user: int = 1) -> str:
        return str(self.token_pair(user)["access_token"])

    def http(self, method: str, path: str, *, portal: Portal | None = None, **kwargs: Any) -> TestResponse:
        """A request to the portal, or to another one of the same emulator."""
        target = portal or self.portal
        return Client(self.emulator.app_of(target)).open(path, method=method, **{"base_url": target.base_url, **kwargs})

    def auth_server(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a request to the auth server."""
        answer = Client(self.emulator.auth_app).get(path, query_string=query, base_url=AUTH)
        return answer.status_code, dict(answer.json or {})

    def rest(self, name: str, params: Any = None, *, user: int = 1, token: str | None = None) -> TestResponse:
        """Call a REST method with a new token of the user, or with this token."""
        body = {**(params or {}), "auth": self.access_token(user) if token is None else token}
        return self.http("POST", f"/rest/{name}", json=body)

    def result(self, name: str, params: Any = None, **kwargs: Any) -> Any:
        """The result of a REST call that must succeed."""
        answer = self.rest(name, params, **kwargs)
        assert answer.status_code == 200, answer.text
        return (answer.json or {})["result"]

    def error(self, name: str, params: Any = None, **kwargs: Any) -> tuple[int, str]:
        """Status and error code of a REST call that must fail."""
        answer = self.rest(name, params, **kwargs)
        body = answer.json or {}
        assert "result" not in body, body
        return answer.status_code, body["error"]

    def control(self, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        """A call of the control API: POST with a body, else GET. It must be answered with this status."""
        method = "GET" if body is None else "POST"
        answer = self.http(method, f"/emulator/{path}", json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json or {})

    def start_workflow(self, *robots: PlacedRobot, deal: int = 1) -> Workflow:
        """Run robots on a deal."""
        triple = ("crm", "CCrmDocumentDeal", "DEAL")
        return Engine(self.portal).start((*triple[:2], f"DEAL_{deal}"), triple, list(robots), user_id=1)

    def answer_workflow(self, flow: Workflow, token: str = "", log: str = "", **values: Any) -> None:
        """The app answers the waiting step, or the step of this token."""
        params = {"EVENT_TOKEN": token or flow.event_token, "RETURN_VALUES": values, "LOG_MESSAGE": log}
        assert self.result("bizproc.event.send", params) is True

    def install(self, **extra: Any) -> dict[str, Any]:
        """Install the app and finish the installation."""
        body = {"install_url": f"{APP}/install", "app_url": f"{APP}/app", "finish": True, **extra}
        return self.control("install", body)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def log_kinds(flow: Workflow) -> list[str]:
    """The kinds of the lines in a workflow's log."""
    return [line.kind for line in flow.log]


@pytest.fixture
def driver() -> PortalDriver:
    return PortalDriver(make_app=shared.PortalApps())


@pytest.fixture
def robot(driver: PortalDriver) -> str:
    """The code of a registered robot that waits."""
    assert driver.result("bizproc.robot.add", ROBOT) is True
    return str(ROBOT["CODE"])


@pytest.fixture(scope="module")
def app_url() -> Iterator[str]:
    """The address of a page of the app."""
    with served_app() as url:
        yield url
