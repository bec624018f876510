"""Fixtures of the tests of files."""

from __future__ import annotations

import pytest

from gupshup import limits
from tests.messaging.files.shared import Site
from tests.support.world import World


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Limits of a test: images 1,000 bytes, everything else 5,000."""
    for media in limits.MAX_BYTES:
        monkeypatch.setitem(limits.MAX_BYTES, media, 1_000 if media == "image" else 5_000)
    return 1_000


@pytest.fixture
def site(shop: World) -> Site:
    return Site(shop)
