"""The emulator itself: portals, the auth server, one queue, one lock, one clock."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import requests
from flask import Flask

from bx24.emulator.auth_server import create_auth_app
from bx24.emulator.portal_app import create_portal_app
from bx24.emulator.state.call_queue import Item, Queue
from bx24.emulator.state.portal import Portal, host_of
from bx24.emulator.state.records import Clock, Post
from bx24.emulator.state.tokens import Tokens

HANDLER_TIMEOUT_S = 30.0


_local = threading.local()


def http_post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """The queue's real POST: no redirects, no proxy of the environment. Raises OSError when nobody answers."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    session: requests.Session = _local.session
    answer = session.post(url, data=body, headers=headers, timeout=HANDLER_TIMEOUT_S, allow_redirects=False)
    return answer.status_code, answer.text


class Emulator:
    """All state of the process. Everything that changes it holds `lock`; POSTs to the app never do."""

    def __init__(
        self,
        *,
        clock: Clock = time.time,
        post: Post = http_post,
        client_id: str = "",
        client_secret: str = "",
        portal_url: str = "http://portal.example",
        auth_url: str = "http://auth.example",
        lang: str = "ru",
    ) -> None:
        self.clock = clock
        self.post = post
        self.client_id = client_id or f"local.{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}"
        self.client_secret = client_secret or secrets.token_urlsafe(36)
        self.lock = threading.RLock()
        self.changed = threading.Event()
        self.queue = Queue(clock, post, wake=self.changed.set)
        self.tokens = Tokens(clock)
        self.auth_url = auth_url.rstrip("/")
        self.auth_app = create_auth_app(self)
        self.serve: Callable[[Portal], str] | None = None
        self.portals: list[Portal] = []
        self.add_portal(portal_url, lang=lang)

    @property
    def portal(self) -> Portal:
        return self.portals[0]

    @property
    def portal_app(self) -> Flask:
        return self.portal.app

    @property
    def server_endpoint(self) -> str:
        return f"{self.auth_url}/rest/"

    @property
    def auth_domain(self) -> str:
        return host_of(self.auth_url)

    def add_portal(self, base_url: str = "", *, lang: str = "ru") -> Portal:
        """One more portal. Without an address it is served on a new port of this process.

        Raises ValueError when nobody serves and no address was given.
        """
        if not base_url and self.serve is None:
            raise ValueError("base_url is required when the emulator runs in-process")
        with self.lock:
            portal = Portal(self, len(self.portals) + 1, base_url or "http://portal.example", lang)
            portal.app = create_portal_app(portal)
            self.portals.append(portal)
        if not base_url and self.serve:
            portal.base_url = self.serve(portal)
        return portal

    def rename(self, portal: Portal, base_url: str = "") -> str:
        """Move a portal to another address; the old one answers REST with 302 from now on. Returns the new one."""
        if not base_url and self.serve is None:
            raise ValueError("url is required when the emulator runs in-process")
        new = base_url or (self.serve(portal) if self.serve else "")
        with self.lock:
            portal.old_hosts.add(portal.domain)
            portal.base_url = new.rstrip("/")
            portal.old_hosts.discard(portal.domain)
        return portal.base_url

    def by_member(self, member_id: str) -> Portal | None:
        return next((portal for portal in self.portals if portal.member_id == member_id), None)

    def next_due(self) -> float | None:
        """Unix time of the next outgoing call or time limit, None when nothing is pending."""
        with self.lock:
            return self.queue.next_due()

    def deliver_due(self, executor: Executor | None = None) -> int:
        """Do everything whose time has come, including what that brings about at once. Returns how many things."""
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

    def _deliver(self, item: Item) -> None:
        status, detail = self.queue.call(item)
        with self.lock:
            self.queue.settle(item, status, detail)
        self.changed.set()


def create_emulator(clock: Clock = time.time, post: Post = http_post, **options: Any) -> Emulator:
    """An emulator without sockets: `.portal_app` and `.auth_app` are WSGI applications.

    options: client_id, client_secret, portal_url, auth_url, lang.
    """
    return Emulator(clock=clock, post=post, **options)
