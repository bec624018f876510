"""What must not happen to a campaign: what a review found, played."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from messaging.campaigns import changes
from messaging.campaigns.preparing import Preparing
from messaging.campaigns.recipients import Entry
from messaging.store.campaigns import Campaign
from messaging.store.models import Message, Template
from tests.flows.mailing import Mailing, slow
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, jump_clock
from tests.support.world import World


def test_an_old_audience_of_the_crm_is_read_anew_and_counts_nobody_twice(shop: World) -> None:
    mailing = Mailing(shop, None, audience={"kind": "crm", "type": 3, "filter": {"@id": [1]}})
    mailing.do(changes.check)
    shop.advance_clock(2)
    assert mailing.counted() == {"pending": 1}
    jump_clock(shop, 3600)
    mailing.start()
    assert mailing.counted() == {"delivered": 1}
    assert mailing.reached() == {OLGA: 1}


@ONE_DATABASE
@pytest.mark.parametrize("change", ["edited", "removed", "started"])
def test_whoever_is_overtaken_stores_nothing_more(shop: World, change: str) -> None:
    """A thread was frozen in the middle of judging, and somebody has gone on meanwhile."""
    mailing = Mailing(shop, PHONES[:3])
    mailing.do(changes.check)
    frozen = Preparing(shop.runtime, mailing.row.id)
    if change == "edited":
        mailing.do(changes.clear)
        changes.add(shop.runtime, mailing.portal_id, mailing.key, [Entry(1, f"+{OLGA}")])
    elif change == "removed":
        mailing.do(changes.remove)
        mailing = Mailing(shop, [f"+{OLGA}"])
        mailing.do(changes.check)
    else:
        shop.advance_clock(2)
        mailing.start()
        assert mailing.reached() == Counter(PHONES[:3])
        return
    frozen.run()
    assert mailing.row.checked_id == 0
    mailing.start()
    assert mailing.reached() == {OLGA: 1}


@ONE_DATABASE
def test_what_comes_back_unsent_after_a_pause_leaves_no_more(shop: World) -> None:
    slow(shop, 1)
    mailing = Mailing(shop, PHONES[:3])
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 1}] * 3)
    send, pressed = shop.runtime.gupshup.send, []

    def while_it_is_handed_over(*given: object) -> str:
        if not pressed:
            pressed.append(mailing.do(changes.pause))
        return str(send(*given))  # type: ignore[arg-type]

    shop.runtime.gupshup.send = while_it_is_handed_over  # type: ignore[method-assign, assignment]
    mailing.start(seconds=30)
    assert mailing.state == ("paused", "by_hand")
    assert mailing.reached().total() == 0
    mailing.do(changes.cancel)
    shop.advance_clock(5)
    assert mailing.counted() == {"skipped": {"cancelled": 3}}


@ONE_DATABASE
def test_a_campaign_that_was_too_late_to_begin_is_prepared_when_it_is_resumed(shop: World) -> None:
    mailing = Mailing(shop, PHONES[:2], start_at=shop.now + timedelta(hours=1))
    mailing.do(changes.start)
    shop.now += timedelta(hours=9)
    shop.advance_clock(5)
    assert mailing.state == ("paused", "stale")
    mailing.do(changes.resume)
    shop.advance_clock(10)
    assert mailing.reached() == Counter(PHONES[:2])
    assert mailing.state == ("finished", "")


@ONE_DATABASE
@pytest.mark.parametrize("damage", ["UPDATE campaign SET mapping = 'x', hours = 'never' WHERE id = :id"])
def test_a_damaged_campaign_holds_up_no_other(shop: World, damage: str) -> None:
    broken = Mailing(shop, PHONES[:4], per_minute=20)
    broken.start(seconds=1)
    with shop.runtime.db.write() as session:
        session.execute(text(damage), {"id": broken.row.id})
    other = Mailing(shop, PHONES[4:])
    other.start()
    assert other.state == ("finished", "")
    robot = shop.robots_start(("robot.check_window", {"phone": OLGA}))
    shop.advance_clock(1)
    assert robot.answers


@ONE_DATABASE
def test_a_mapping_that_does_not_fit_asks_before_anybody_is_skipped(shop: World) -> None:
    mailing = Mailing(shop, PHONES[:2], mapping={"params": ["one too many"]})
    mailing.start()
    assert mailing.state == ("draft", "")
    assert mailing.row.problem["code"] == "template_params"
    assert mailing.counted() == {"pending": 2}


@ONE_DATABASE
def test_a_template_with_another_text_asks_before_it_is_sent(shop: World) -> None:
    slow(shop, 1)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=2)
    with shop.runtime.db.write() as session:
        for stored in session.scalars(select(Template).where(Template.name == "welcome")):
            stored.data = {**stored.data, "body": "Совсем другой текст"}
    shop.advance_clock(5)
    assert mailing.state == ("paused", "template")
    out = mailing.reached().total()
    mailing.do(changes.resume)
    shop.advance_clock(30)
    assert out < mailing.reached().total() == len(PHONES)


@ONE_DATABASE
def test_what_nobody_has_fed_for_hours_asks_before_it_goes_on(shop: World) -> None:
    mailing = Mailing(shop, PHONES, per_minute=1)
    mailing.start(seconds=1)
    out = mailing.reached().total()
    shop.now += timedelta(hours=7)
    shop.advance_clock(2)
    assert mailing.state == ("paused", "stale")
    assert mailing.reached().total() == out


@ONE_DATABASE
def test_it_is_not_over_while_a_message_is_being_handed_over(shop: World) -> None:
    """It may come back unsent, and its recipient is pending again."""
    slow(shop, 1)
    mailing = Mailing(shop, PHONES[:1])
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 60}])
    mailing.start(seconds=1)
    in_hand = update(Message).values(status="sending", claimed_at=shop.now)
    with shop.runtime.db.write() as session:
        session.execute(in_hand)
        session.execute(update(Campaign).values(due_at=shop.now))
    shop.advance_clock(4)
    assert mailing.counted() == {"sending": 1}
    assert mailing.state == ("running", "")
