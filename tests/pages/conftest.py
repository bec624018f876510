"""A browser, and everything as `make demo` starts it: both once for each file of tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from demo import Demo
from messaging.system import embedded_redis
from tests.support.browser import launch


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Everything as `make demo` starts it, with nothing installed yet."""
    with tempfile.TemporaryDirectory(prefix="waba24-t-", dir="/tmp") as folder:
        made = Demo(Path(folder))
        try:
            made.supervisor.start()
            made.until("web", made.is_ready)
            yield made
        finally:
            made.close()
            embedded_redis.stop(Path(folder))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()
