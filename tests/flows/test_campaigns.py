"""Campaigns: one template to many clients, each of them at most once, behind robots and people."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from messaging.campaigns import changes
from messaging.lines import lines
from messaging.policy import tier
from messaging.store.models import Message, Template
from tests.flows.mailing import Mailing, slow
from tests.flows.scenes import OLGA, PHONES, add_template, jump_clock, template_robot
from tests.support.world import World


def test_everybody_gets_it_once_and_the_counts_add_up(shop: World) -> None:
    mailing = Mailing(shop, [f"+{OLGA}", "8 912 345-67-89", *PHONES[:3], "не телефон", PHONES[0]])
    mailing.start()
    assert mailing.reached() == dict.fromkeys((OLGA, *PHONES[:3]), 1)
    assert mailing.state == ("finished", "")
    assert mailing.counted() == {"delivered": 4, "skipped": {"duplicate": 2, "invalid_phone": 1}}
    shop.client_replies(PHONES[1], "Спасибо")
    shop.advance_clock(2)
    assert mailing.counted()["replied"] == 1


def test_a_campaign_is_paused_resumed_and_cancelled(shop: World) -> None:
    slow(shop, 1)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=2)
    out = mailing.reached().total()
    assert 0 < out < len(PHONES)
    mailing.do(changes.pause)
    assert mailing.state == ("paused", "by_hand")
    assert mailing.counted()["pending"] == len(PHONES) - out, "what was queued is taken back at once"
    shop.advance_clock(60)
    assert mailing.reached().total() == out
    mailing.do(changes.resume)
    shop.advance_clock(0.5)
    assert mailing.counted()["queued"]
    mailing.do(changes.cancel)
    out = mailing.reached().total()
    shop.advance_clock(60)
    assert mailing.reached().total() == out
    assert set(mailing.reached().values()) == {1}
    assert mailing.counted()["skipped"] == {"cancelled": len(PHONES) - out}
    with pytest.raises(changes.WrongState, match="cancelled"):
        mailing.do(changes.resume)


def test_robots_go_first(shop: World) -> None:
    slow(shop, 1)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=1)
    shop.robots_start(template_robot(PHONES[-1]))
    shop.advance_clock(2)
    assert mailing.reached()[PHONES[-1]] == 1, "the robot's, though the campaign wants to write to the same client"
    shop.advance_clock(30)
    assert mailing.reached()[PHONES[-1]] == 2


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 3.0, 4.5])
def test_a_worker_dies_in_the_middle(shop: World, seconds: float) -> None:
    slow(shop, 2)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=seconds)
    shop.replace_worker()
    jump_clock(shop, 5, 20, 40)
    shop.advance_clock(20)
    assert mailing.reached() == Counter(PHONES)
    assert mailing.state == ("finished", "")


def test_who_has_opted_out_is_skipped_whenever_he_does_so(shop: World) -> None:
    slow(shop, 1)
    add_template(shop, "sale", "MARKETING")
    shop.client_replies(PHONES[0], "СТОП")
    shop.advance_clock(2)
    mailing = Mailing(shop, PHONES[:6], template="sale")
    mailing.do(changes.check)
    shop.advance_clock(2)
    assert mailing.counted() == {"pending": 5, "skipped": {"opted_out": 1}}, "the dry run knows it"
    assert mailing.state == ("draft", "")
    mailing.start(seconds=1)
    shop.client_replies(PHONES[5], "СТОП")
    shop.advance_clock(30)
    assert set(mailing.reached()) == set(PHONES[1:5])
    assert mailing.counted()["skipped"] == {"opted_out": 2}


def test_a_stopped_line_pauses_its_campaign_until_it_works_again(shop: World) -> None:
    slow(shop, 1)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=2)
    lines.pause(shop.runtime, shop.line.id, 1)
    shop.advance_clock(5)
    assert mailing.state == ("paused", "line_stopped")
    lines.unpause(shop.runtime, shop.line.id)
    shop.advance_clock(60)
    assert mailing.reached() == Counter(PHONES)


def test_failures_pause_it(shop: World) -> None:
    phones = [f"79162{number:02d}0000" for number in range(10, 50)]
    mailing = Mailing(shop, phones)
    slow(shop, 5)
    mailing.start(seconds=12)
    assert mailing.state == ("paused", "failures")
    failed = mailing.counted()["failed"]
    assert 20 <= failed < 40
    mailing.do(changes.resume)
    shop.advance_clock(4)
    assert mailing.counted()["failed"] > failed, "a person has seen these"


def test_nobody_is_woken_at_night(shop: World) -> None:
    """21:00 UTC is night in Moscow, and noon of the same day in Honolulu."""
    shop.now = shop.now.replace(hour=21, minute=0, second=0)
    mailing = Mailing(shop, [OLGA, "+18085551234"], hours="09:00-21:00")
    mailing.start()
    assert set(mailing.reached()) == {"18085551234"}
    jump_clock(shop, 3600 * 4.5, 3600 * 5)
    shop.advance_clock(40)
    assert set(mailing.reached()) == {"18085551234", OLGA}


def test_what_was_queued_before_the_worker_died_is_judged_again(shop: World) -> None:
    """20:59:58 in Moscow: what is queued then and does not leave, for the worker is away, leaves in the morning."""
    shop.now = shop.now.replace(hour=17, minute=59, second=58)
    slow(shop, 1)
    mailing = Mailing(shop, PHONES, hours="09:00-21:00")
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 30}])
    mailing.start(seconds=0.5)
    out = mailing.reached().total()
    assert mailing.counted()["queued"] > 0
    shop.now += timedelta(hours=4)
    shop.advance_clock(30)
    assert mailing.reached().total() == out
    jump_clock(shop, 3600 * 5, 3600 * 3.1)
    shop.advance_clock(60)
    assert mailing.reached() == Counter(PHONES)


def test_it_begins_at_its_moment_and_not_long_after_it(shop: World) -> None:
    on_time = Mailing(shop, PHONES[:2], start_at=shop.now + timedelta(hours=1))
    too_late = Mailing(shop, PHONES[2:4], start_at=shop.now + timedelta(hours=2))
    on_time.start(seconds=5)
    too_late.do(changes.start)
    assert on_time.state == ("scheduled", "")
    jump_clock(shop, 3600)
    shop.advance_clock(10)
    assert on_time.state == ("finished", "")
    shop.now += timedelta(hours=9)
    shop.advance_clock(5)
    assert too_late.state == ("paused", "stale")
    assert not set(too_late.reached()) & set(PHONES[2:4])


def test_it_is_spread_over_time(shop: World) -> None:
    mailing = Mailing(shop, PHONES, per_minute=4)
    mailing.start(seconds=59)
    assert 3 <= mailing.reached().total() <= 5
    shop.advance_clock(90)
    assert mailing.reached() == Counter(PHONES)


def test_the_limit_of_new_clients_is_not_used_up(shop: World) -> None:
    tier.set_by_admin(shop.runtime, shop.line.id, 6)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=60)
    assert mailing.state == ("paused", "limit")
    assert mailing.reached().total() == 5, "one is left for robots"
    jump_clock(shop, *[3600 * 4.9] * 5)
    shop.advance_clock(60)
    assert mailing.reached() == Counter(PHONES)


def test_marketing_is_capped(shop: World) -> None:
    add_template(shop, "sale", "MARKETING")
    first, second, third = (Mailing(shop, PHONES[:2], template="sale") for _ in range(3))
    first.start()
    second.start()
    third.do(changes.check)
    shop.advance_clock(2)
    assert third.counted() == {"skipped": {"marketing_cap": 2}}


def test_a_template_that_has_changed_pauses_it(shop: World) -> None:
    slow(shop, 1)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=2)
    with shop.runtime.db.write() as session:
        for stored in session.scalars(select(Template).where(Template.name == "welcome")):
            stored.data = {**stored.data, "status": "PAUSED"}
    shop.advance_clock(10)
    assert mailing.state == ("paused", "template")


def test_two_lines_share_the_audience(shop: World) -> None:
    first, other = shop.line, shop.connect_line("secondshop", "79001112244")
    mailing = Mailing(shop, PHONES, line_ids=[first.id, other.id])
    mailing.start(seconds=15)
    assert mailing.reached() == Counter(PHONES)
    with shop.runtime.db.read() as session:
        by_line = Counter(session.scalars(select(Message.line_id)))
    assert by_line == {first.id: 4, other.id: 4}
    again = Mailing(shop, PHONES, line_ids=[other.id, first.id])
    again.start(seconds=15)
    with shop.runtime.db.read() as session:
        pairs = Counter(session.execute(select(Message.conversation_id, Message.line_id)).all())
    assert set(pairs.values()) == {2}, "a client hears from the line that he knows"


def test_only_drafts_can_be_edited(shop: World) -> None:
    mailing = Mailing(shop, PHONES[:1])
    mailing.start()
    for change in (changes.check, changes.start, changes.unschedule, changes.pause, changes.cancel, changes.remove):
        with pytest.raises(changes.WrongState, match="finished"):
            mailing.do(change)
    with pytest.raises(LookupError):
        changes.start(shop.runtime, mailing.portal_id + 1, mailing.key)
    copied = changes.copy(shop.runtime, mailing.portal_id, mailing.key, 1, "Ещё раз")
    changes.remove(shop.runtime, mailing.portal_id, copied)
    with pytest.raises(LookupError):
        changes.check(shop.runtime, mailing.portal_id, copied)
