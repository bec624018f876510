"""The whole emulator without sockets: the portals and the auth server as WSGI applications, and what they send."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import requests
from flask import Flask

from bx24.emulator.auth_server import create_auth_app
from bx24.emulator.portal_app import create_portal_app
from bx24.emulator.state.call_queue import QueueItem
from bx24.emulator.state.cloud import Cloud
from bx24.emulator.state.injected import Clock, Fetch, Pause, Post
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals

HANDLER_TIMEOUT_S = 30.0

_local = threading.local()


def _session() -> requests.Session:
    """The session of this thread; it uses no proxy of the environment."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    session: requests.Session = _local.session
    return session


def http_post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """A real POST: no redirects, no proxy of the environment. Raises OSError when there was no answer."""
    answer = _session().post(url, data=body, headers=headers, timeout=HANDLER_TIMEOUT_S, allow_redirects=False)
    return answer.status_code, answer.text


def http_fetch(url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    """A real GET that follows redirects and, like the portal, does not verify TLS. Raises OSError."""
    answer = _session().get(url, headers=headers, timeout=HANDLER_TIMEOUT_S, verify=False)
    return answer.status_code, answer.headers.get("Content-Type", ""), answer.content


class Emulator:
    """The portals of one process with the applications that serve them. The first portal is there from the start."""

    def __init__(
        self,
        *,
        clock: Clock = time.time,
        post: Post = http_post,
        fetch: Fetch = http_fetch,
        pause: Pause = time.sleep,
        client_id: str = "",
        client_secret: str = "",
        portal_url: str = "http://portal.example",
        auth_url: str = "http://auth.example",
        lang: str = "ru",
        make_app: Callable[[Portal, Portals], Flask] = create_portal_app,
    ) -> None:
        self.cloud = Cloud(
            clock=clock,
            post=post,
            fetch=fetch,
            pause=pause,
            client_id=client_id,
            client_secret=client_secret,
            auth_url=auth_url,
        )
        self.client_id, self.client_secret = self.cloud.client_id, self.cloud.client_secret
        self.lock, self.queue, self.tokens = self.cloud.lock, self.cloud.queue, self.cloud.tokens
        self.portals = Portals(self.cloud)
        self.auth_app = create_auth_app(self.portals)
        self._apps: dict[int, Flask] = {}
        self._make_app = make_app
        self.add_portal(portal_url, lang=lang)

    @property
    def portal(self) -> Portal:
        """The first portal."""
        return self.portals.all[0]

    @property
    def portal_app(self) -> Flask:
        return self.app_of(self.portal)

    def app_of(self, portal: Portal) -> Flask:
        """The application that serves a portal."""
        with self.lock:
            if portal.number not in self._apps:
                self._apps[portal.number] = self._make_app(portal, self.portals)
            return self._apps[portal.number]

    def add_portal(self, base_url: str = "", *, lang: str = "ru") -> Portal:
        """See `Portals.add`."""
        return self.portals.add(base_url, lang=lang)

    def rename(self, portal: Portal, base_url: str = "") -> str:
        """See `Portals.rename`."""
        return self.portals.rename(portal, base_url)

    def next_due(self) -> float | None:
        """Unix time of the next outgoing call or time limit; None if nothing is pending."""
        with self.lock:
            return self.queue.next_due()

    def deliver_due(self, executor: Executor | None = None) -> int:
        """Do everything that is due, and what becomes due meanwhile. Returns the number of calls and time limits.

        executor: makes the calls to the app; without one they are made here, one after another.
        """
        done = 0
        while True:
            with self.lock:
                item = self.queue.pop_due()
            if item is None:
                return done
            done += 1
            if executor is None or not item.url:
                self._deliver(item)
            else:
                executor.submit(self._deliver, item)

    def _deliver(self, item: QueueItem) -> None:
        status, detail = self.queue.call(item)
        with self.lock:
            self.queue.record(item, status, detail)
        self.cloud.changed.set()


def create_emulator(clock: Clock = time.time, post: Post = http_post, **options: Any) -> Emulator:
    """An emulator without sockets: `.portal_app` and `.auth_app` are WSGI applications.

    options: fetch, pause, client_id, client_secret, portal_url, auth_url, lang, make_app.
    """
    return Emulator(clock=clock, post=post, **options)
