"""A world whose web process has recognised its callers."""

from __future__ import annotations

import pytest

from tests.messaging.intake.outage import (
    call,
    notify,
)
from tests.support.world import World


@pytest.fixture
def known(shop: World) -> World:
    """A web process that has recognised its portal and its line before, and whose clock the test sees."""
    assert (call(shop, "known"), notify(shop, "known")) == (200, 200)
    waited = [0.0]
    intake = shop.runtime.intake
    intake.now, intake.pause = lambda: waited[0], lambda seconds: waited.__setitem__(0, waited[0] + seconds)
    return shop
