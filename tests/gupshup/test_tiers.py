"""WhatsApp's limit of clients written to first, as account events tell it (reference gupshup.md 6 and 7.5)."""

from typing import Any

import pytest

from gupshup.events import AccountEvent
from gupshup.tiers import UNLIMITED, clients_a_day


@pytest.mark.parametrize(
    ("kind", "data", "clients"),
    [
        ("tier-event", {"event": "UPGRADE", "oldLimit": "TIER_250", "currentLimit": "TIER_10K"}, 10_000),
        ("tier-event", {"currentLimit": "TIER_1K"}, 2_000),
        ("tier-event", {"currentLimit": "TIER_2K"}, 2_000),
        ("tier-event", {"currentTier": "TIER_250", "newTier": "TIER_100K"}, 100_000),
        ("tier-event", {"payload": {"currentLimit": "tier_50"}}, 50),
        ("tier-event", {"currentLimit": "TIER_UNLIMITED"}, UNLIMITED),
        ("tier-event", {"currentLimit": "TIER_NOT_SET"}, None),
        ("tier-event", {"currentLimit": "TIER_9999999K"}, None),
        ("tier-event", {"currentLimit": ["TIER_1K"]}, None),
        ("tier-event", {}, None),
        ("capability-event", {"maxDailyConversationPerPhone": 2000, "maxPhoneNumbersPerBusiness": 2}, 2_000),
        ("capability-event", {"maxDailyConversationPerPhone": -1}, UNLIMITED),
        ("capability-event", {"maxDailyConversationPerPhone": "9" * 400}, None),
        ("capability-event", {"maxPhoneNumbersPerBusiness": 2}, None),
        ("pndn-event", {"currentLimit": "TIER_10K"}, None),
    ],
)
def test_what_an_event_says_about_the_limit(kind: str, data: dict[str, Any], clients: int | None) -> None:
    assert clients_a_day(AccountEvent(kind=kind, data=data)) == clients
