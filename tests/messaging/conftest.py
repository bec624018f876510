"""A clinic for the tests of the doctor."""

from __future__ import annotations

import pytest

from tests.flows.sms import Sms
from tests.messaging.clinic import Clinic
from tests.support.world import World


@pytest.fixture
def clinic(shop: World) -> Clinic:
    Sms(shop)  # with the permission to send the portal's own messages
    return Clinic(shop)
