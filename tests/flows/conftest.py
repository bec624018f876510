"""A shop whose portal sends its own messages through us."""

from __future__ import annotations

import pytest

from tests.flows.sms import Sms
from tests.support.world import World


@pytest.fixture
def sms(shop: World) -> Sms:
    return Sms(shop)
