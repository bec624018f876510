"""What all portals of a process share: clock, lock, tokens, outgoing calls, and the app's credentials."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bx24.emulator.formats.addresses import host_of
from bx24.emulator.state.call_queue import CallQueue
from bx24.emulator.state.injected import Clock, Fetch, Pause, Post
from bx24.emulator.state.tokens import Tokens


class Cloud:
    """Whoever changes anything, here or in a portal, holds `lock`. Calls to the app are made without it."""

    def __init__(
        self,
        *,
        clock: Clock,
        post: Post,
        fetch: Fetch,
        pause: Pause,
        client_id: str,
        client_secret: str,
        auth_url: str,
    ) -> None:
        """client_id, client_secret: of the app; generated when empty. auth_url: address of the auth server."""
        self.clock = clock
        self.post = post
        self.fetch = fetch
        self.wait = pause
        self.client_id = client_id or f"local.{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}"
        self.client_secret = client_secret or secrets.token_urlsafe(36)
        self.auth_url = auth_url.rstrip("/")
        self.lock = threading.RLock()
        self.changed = threading.Event()
        """Set when an outgoing call was queued or answered."""
        self.queue = CallQueue(clock, post, wake=self.changed.set)
        self.tokens = Tokens(clock)

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Give the lock away for a while: for waiting, and for calls that the app may answer by calling back."""
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    def pause(self, seconds: float) -> None:
        """Wait without the lock, which the caller holds."""
        if seconds > 0:
            with self.unlocked():
                self.wait(seconds)

    @property
    def server_endpoint(self) -> str:
        return f"{self.auth_url}/rest/"

    @property
    def auth_domain(self) -> str:
        return host_of(self.auth_url)
