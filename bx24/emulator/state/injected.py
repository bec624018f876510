"""What a test puts in the place of the outside world: the clock, and the way to the app."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Unix seconds. A test passes a clock of its own, so that no test sleeps."""

Post = Callable[[str, dict[str, str], bytes], tuple[int, str]]
"""post(url, headers, body) -> (status, text of the answer). Raises OSError when there was no answer."""

Fetch = Callable[[str, dict[str, str]], tuple[int, str, bytes]]
"""fetch(url, headers) -> (status, content type, body), redirects followed. Raises OSError when there was no answer."""

Pause = Callable[[float], None]
"""Waits so many seconds. A test passes a function that does not."""
