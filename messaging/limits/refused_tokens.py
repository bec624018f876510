"""What the authorization server refused a moment ago is refused again without asking it: its patience with us is limited."""

import time
from collections.abc import Callable
from threading import Lock

from messaging.limits.bounds import REFUSED_TOKEN_S, REFUSED_TOKENS


class RefusedTokens:
    """Digests of tokens of this process that were refused lately, with the reason. now: seconds, from anywhere."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._known: dict[str, tuple[float, str]] = {}

    def add(self, token: str, reason: str) -> None:
        """Remember it for REFUSED_TOKEN_S."""
        with self._lock:
            while len(self._known) >= REFUSED_TOKENS:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[token] = (self._now() + REFUSED_TOKEN_S, reason)

    def reason(self, token: str) -> str | None:
        """Why it was refused; None: it was not, or not lately."""
        until, reason = self._known.get(token, (0.0, ""))
        return reason if until > self._now() else None
