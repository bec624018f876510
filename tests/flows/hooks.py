"""A customer's system for tests: it receives events, verifies each by the Standard Webhooks library, and can misbehave."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import webhooks as library
from werkzeug.wrappers import Request, Response

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import EVENTS, Wanted
from messaging.store.callbacks import Callback, Endpoint
from tests.support.world import World

HOST = "crm.example"
URL = f"https://{HOST}/hooks"
ANYWHERE = "93.184.216.34"
Answer = Callable[[dict[str, Any]], Response | Exception | None]


def everybody_is_public(patch: pytest.MonkeyPatch, **addresses: str) -> None:
    """Names under .example have an address of the public internet; addresses: other ones, by the first part of the name."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = str(host)
        if name.endswith(".example"):
            address = addresses.get(name.partition(".")[0], ANYWHERE)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 443))]
        return real(host, port, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", resolve)


class Receiver:
    """Lives at `host`. answers: what it does with the next requests, one after another, then with all; None: 204."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch, host: str = HOST) -> None:
        self.world = world
        self.host = host
        self.secret = ""
        self.secrets: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[datetime, str, dict[str, Any]]] = []
        self.answers: list[Answer] = []
        self.always: Answer = lambda _: None
        world.net.apps[host] = self
        patch.setattr(library, "datetime", clock_of(world))

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data()
        for secret in self.secrets or [self.secret]:
            library.Webhook(secret).verify(body, dict(request.headers))
        event = json.loads(body)
        assert len(body) < 20_000
        assert request.headers["Content-Type"] == "application/json"
        self.requests.append((self.world.now, request.headers["webhook-id"], event))
        answer = (self.answers.pop(0) if self.answers else self.always)(event)
        if isinstance(answer, Exception):
            raise answer
        response = answer or Response(status=204)
        if response.status_code < 300:
            self.events.append(event)
        return response(environ, start_response)

    def register(self, events: Sequence[str] = EVENTS, origins: Sequence[str] = (), url: str = "") -> Endpoint:
        """Make an endpoint of the first line's portal; its secret is known from now on."""
        wanted = Wanted(url or f"https://{self.host}/hooks", [str(event) for event in events], origins)
        made = endpoints.make(self.world.runtime, self.world.line.portal_id, wanted, 1)
        self.secret = made.secret
        return made

    def endpoint(self) -> Endpoint:
        return self.world.stored_rows(Endpoint)[0]  # type: ignore[type-var]

    def rows(self) -> list[Callback]:
        return self.world.stored_rows(Callback)  # type: ignore[type-var]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The `data` of the events of this type that were taken, in their order."""
        return [event["data"] for event in self.events if event["type"] == kind]

    def answer(self, *codes: int, then: int = 204, **headers: str) -> None:
        """Answer the next requests with these codes, later ones with `then`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers = [lambda _, code=code: Response(f"answer {code}", code, named) for code in codes]
        self.always = lambda _: Response(f"answer {then}", then, named)


def clock_of(world: World) -> type[datetime]:
    """A datetime whose now is the world's."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return world.now.astimezone(tz or UTC)

    return Now
