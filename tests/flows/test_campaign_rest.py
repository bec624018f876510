"""Campaigns that must not go on by themselves: after the app was removed, after an older dump was restored."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from messaging.campaigns import changes
from messaging.portals import uninstalling
from messaging.store.callbacks import Event
from messaging.store.models import Message, Portal
from tests.flows.hooks import Receiver, everybody_is_public
from tests.flows.mailing import Mailing, slow
from tests.flows.scenes import PHONES, jump_clock
from tests.support.world import World


def _uninstall(shop: World) -> str:
    uninstalling.uninstall(shop.runtime, shop.line.portal_id, clean=False)
    return "uninstalled"


def _restore(shop: World) -> str:
    result = shop.flask.test_cli_runner().invoke(args=["unsent", "end", "--all"])
    assert "2 campaigns paused" in result.output
    assert "0 would still be sent" in result.output
    return "restored"


def _install_again(shop: World) -> None:
    with shop.runtime.db.write() as session:
        session.get_one(Portal, shop.line.portal_id).status = "active"


@pytest.mark.parametrize("happens", [_uninstall, _restore])
def test_nothing_goes_on_by_itself(shop: World, happens: Any) -> None:
    slow(shop, 1)
    running = Mailing(shop, PHONES[:6])
    planned = Mailing(shop, PHONES[6:], start_at=shop.now + timedelta(minutes=2))
    planned.do(changes.start)
    by_hand = Mailing(shop, PHONES[6:])
    by_hand.start(seconds=0)
    by_hand.do(changes.pause)
    running.start(seconds=2)
    out = shop.sent and running.reached().total()
    reason = happens(shop)
    assert not [one for one in shop.stored_rows(Message) if one.status == "queued"]
    _install_again(shop)
    jump_clock(shop, 200)
    shop.advance_clock(30)
    assert running.reached().total() == out
    assert running.state == planned.state == ("paused", reason)
    assert by_hand.state == ("paused", "by_hand"), "who waits for a person keeps the reason"


def test_resumed_it_goes_on_and_a_planned_one_waits_for_its_moment(shop: World) -> None:
    running = Mailing(shop, PHONES[:3])
    planned = Mailing(shop, PHONES[3:5], start_at=shop.now + timedelta(minutes=10))
    slow(shop, 1)
    planned.do(changes.start)
    running.start(seconds=1)
    _uninstall(shop)
    _install_again(shop)
    running.do(changes.resume)
    planned.do(changes.resume)
    shop.advance_clock(30)
    assert running.reached() == Counter(PHONES[:3])
    assert planned.state == ("scheduled", "")
    jump_clock(shop, 600)
    shop.advance_clock(10)
    assert planned.reached() == Counter(PHONES[:5])


def test_what_was_given_up_after_a_restore_is_not_queued_again(shop: World) -> None:
    """Some messages stand in the dump as queued. They are given up; the others wait until somebody resumes."""
    slow(shop, 1)
    mailing = Mailing(shop, PHONES[:5])
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 30}])
    mailing.start(seconds=1)
    queued = mailing.counted()["queued"]
    out = mailing.reached().total()
    assert queued
    assert mailing.counted()["pending"]
    shop.flask.test_cli_runner().invoke(args=["unsent", "end", "--all"])
    assert mailing.counted()["unknown"] == queued
    mailing.do(changes.resume)
    shop.advance_clock(60)
    assert mailing.reached().total() == len(PHONES[:5]) - queued
    assert mailing.reached().total() > out
    assert mailing.state == ("finished", "")


@pytest.mark.parametrize("happens", [_uninstall, _restore])
def test_a_customers_system_is_told_of_the_pause(shop: World, happens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that is not installed tells nothing; it tells when it is installed again, before anybody resumes."""
    everybody_is_public(monkeypatch)
    receiver = Receiver(shop, monkeypatch)
    receiver.register([Event.CAMPAIGN_STATE])
    slow(shop, 1)
    for phones in (PHONES[:6], PHONES[6:]):
        Mailing(shop, phones).start(seconds=2)
    reason = happens(shop)
    _install_again(shop)
    shop.advance_clock(5)
    paused = [one for one in receiver.told(Event.CAMPAIGN_STATE) if one["state"] == "paused"]
    assert [one["paused_reason"] for one in paused] == [reason] * 2
    shop.advance_clock(120)
    assert receiver.told(Event.CAMPAIGN_STATE)[-1] == paused[-1], "once"


@pytest.mark.parametrize("ends", ["finished", "cancelled"])
def test_what_clients_do_after_the_end_is_told(shop: World, ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_is_public(monkeypatch)
    receiver = Receiver(shop, monkeypatch)
    receiver.register([Event.CAMPAIGN_STATE])
    mailing = Mailing(shop, PHONES[:2])
    if ends == "cancelled":
        slow(shop, 0.1)
    mailing.start(seconds=4)
    if ends == "cancelled":
        mailing.do(changes.cancel)
        shop.advance_clock(2)
    assert mailing.state == (ends, "")
    first = shop.sent[0].destination
    before = len(receiver.told(Event.CAMPAIGN_STATE))
    assert receiver.told(Event.CAMPAIGN_STATE)[-1]["counts"]["replied"] == 0
    shop.client_replies(first, "Спасибо")
    jump_clock(shop, 600, 5)
    told = receiver.told(Event.CAMPAIGN_STATE)
    assert told[-1]["counts"]["replied"] == 1, told[-1]
    for hours in (1, 6, 24, 73):
        jump_clock(shop, hours * 3600, 5)
    states = [one["state"] for one in receiver.told(Event.CAMPAIGN_STATE)[before:]]
    assert states == [ends] * 5
    assert mailing.row.due_at is None
