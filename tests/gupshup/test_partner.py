"""Gupshup's partner API: tokens, balance, what WhatsApp says about a number; over the strict emulator."""

from __future__ import annotations

from typing import Any

import pytest

from gupshup.emulator.partner_api import CLIENT_SECRET, EMAIL, PARTNER_TOKEN
from gupshup.errors import Misconfigured, Throttled, Unavailable
from gupshup.partner import Balance, Partner, WabaInfo
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import GUPSHUP, World


def partner(shop: World, credentials: str = PARTNER_TOKEN) -> Partner:
    return Partner(shop.runtime.gs_session, GUPSHUP, credentials)


def calls(shop: World, path: str) -> int:
    return sum(path in str(request.url) for request in shop.net.seen)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("wallet", "expected"),
    [
        ({"balance": 12.3456, "overdraft": -20.0}, Balance(12_345_600, -20_000_000, "USD")),
        ({"balance": "7.1", "has_status": False, "currency": "inr"}, Balance(7_100_000, 0, "INR")),
        ({"balance": -4.9, "overdraft": 5}, Balance(-4_900_000, 0, "USD")),
    ],
)
def test_a_balance_is_read_to_the_millionth(shop: World, wallet: dict[str, Any], expected: Balance) -> None:
    shop.set_wallet(**wallet)
    assert partner(shop).balance(shop.line.app_id) == expected


@ONE_DATABASE
def test_an_apps_token_is_fetched_once_and_again_when_it_was_taken_back(shop: World) -> None:
    asking = partner(shop, f"{EMAIL}:{CLIENT_SECRET}")
    for _ in range(3):
        asking.balance(shop.line.app_id)
    assert (calls(shop, "/account/login"), calls(shop, "/token")) == (1, 1)
    app = shop.gs.accounts.of_id(shop.line.app_id)
    assert app is not None
    app.partner_token = ""
    asking.balance(shop.line.app_id)
    assert (calls(shop, "/account/login"), calls(shop, "/token")) == (2, 2)


@ONE_DATABASE
@pytest.mark.parametrize("credentials", ["wrong", f"{EMAIL}:wrong", "somebody@example.com:x"])
def test_a_wrong_partner_is_told_so_without_his_secret(shop: World, credentials: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        partner(shop, credentials).balance(shop.line.app_id)
    assert "wrong" not in refused.value.reason


@ONE_DATABASE
def test_what_whatsapp_says_about_a_number(shop: World) -> None:
    errors = [{"error_code": "141014", "error_description": "No payment method", "possible_solution": "Add a card"}]
    shop.set_wallet(quality="RED", account="BANNED", can_send="BLOCKED", limit="TIER_10K", errors=errors)
    info = partner(shop).info(shop.line.app_id)
    assert (info.quality, info.account, info.can_send, info.limit) == ("RED", "BANNED", "BLOCKED", "TIER_10K")
    assert info.errors == (("No payment method", "Add a card"),)
    assert WabaInfo.from_dict(info.to_dict()) == info


@ONE_DATABASE
def test_ratings_may_never_have_changed(shop: World) -> None:
    assert partner(shop).rating(shop.line.app_id) is None
    shop.set_wallet(rated_at=1_790_000_000_000, quality="YELLOW")
    rating = partner(shop).rating(shop.line.app_id)
    assert rating is not None
    assert (rating.quality, rating.limit) == ("YELLOW", "TIER_1K")


@ONE_DATABASE
def test_the_limits_of_calls_and_outages(shop: World) -> None:
    asking = partner(shop)
    for _ in range(10):
        asking.info(shop.line.app_id)
    with pytest.raises(Throttled) as throttled:
        asking.info(shop.line.app_id)
    assert throttled.value.retry_after == 60
    shop.set_gupshup_faults(next=[{"answer": "502", "on": "partner"}])
    with pytest.raises(Unavailable):
        asking.balance(shop.line.app_id)
    with pytest.raises(Misconfigured):
        asking.balance("")
