"""What a campaign may cost the others: how long a transaction is, what is held in memory, what is kept for ever."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from messaging.campaigns import changes, judging, messages, open_files, preparing, recipients, sources
from messaging.campaigns.open_files import OpenFiles
from messaging.campaigns.preparing import Preparing
from messaging.lines import lines
from messaging.policy import sending, tier
from messaging.store.campaigns import Campaign, Recipient, RefusedRow
from messaging.worker import campaign_retention
from tests.flows.mailing import Mailing, slow
from tests.flows.scenes import ONE_DATABASE, PHONES, add_template
from tests.flows.test_campaign_audiences import file_of
from tests.support.world import World


def _locks_nothing(world: World, campaign_id: int) -> None:
    """Raises if a transaction of this thread holds SQLite's write lock, or the campaign's row."""
    with world.runtime.db.write() as session:
        session.get(Campaign, campaign_id, with_for_update={"nowait": True})


def test_phones_are_read_and_judged_while_nobody_waits(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    mailing = Mailing(shop, None, audience=file_of(shop, "Телефон\n" + "\n".join(PHONES)))
    campaign_id = mailing.row.id
    digits, judge = recipients.phones.digits, judging.Judge.judge

    def read(*given: Any) -> Any:
        seen["read"] += 1
        _locks_nothing(shop, campaign_id)
        return digits(*given)

    def judged(self: Any, *given: Any) -> Any:
        if mailing.row.state == "draft":
            seen["judged"] += 1
            _locks_nothing(shop, campaign_id)
        return judge(self, *given)

    monkeypatch.setattr(recipients.phones, "digits", read)
    monkeypatch.setattr(judging.Judge, "judge", judged)
    mailing.do(changes.check)
    shop.advance_clock(2)
    changes.add(shop.runtime, mailing.portal_id, mailing.key, [recipients.Entry(1, f"+{PHONES[0]}")])
    assert mailing.counted() == {"pending": 1}
    assert seen["read"] > len(PHONES)
    assert seen["judged"] >= 1


@ONE_DATABASE
@pytest.mark.parametrize("what", ["cleared", "removed", "replaced"])
def test_an_audience_is_deleted_in_portions(shop: World, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    mailing = Mailing(shop, None, audience=file_of(shop, "Телефон\n" + "\n".join([*PHONES, "нет", "тоже нет"])))
    mailing.do(changes.check)
    shop.advance_clock(2)
    monkeypatch.setattr(recipients, "FORGOTTEN", 3)
    portions: list[int] = []
    whole = recipients.forget_some

    def counted(*given: Any) -> int:
        portions.append(whole(*given))
        return portions[-1]

    monkeypatch.setattr(recipients, "forget_some", counted)
    if what == "replaced":
        changes.add(shop.runtime, mailing.portal_id, mailing.key, [recipients.Entry(1, f"+{PHONES[0]}")])
        assert mailing.counted() == {"pending": 1}
    else:
        mailing.do(changes.clear if what == "cleared" else changes.remove)
    assert portions == [3, 3, 3, 1, 0]
    left = len(shop.stored_rows(Recipient)), len(shop.stored_rows(RefusedRow))
    assert left == (1 if what == "replaced" else 0, 0)


@ONE_DATABASE
def test_a_copy_of_nothing_leaves_nothing(shop: World) -> None:
    with pytest.raises(LookupError):
        changes.copy(shop.runtime, shop.line.portal_id, "unknown", 1, "Копия")
    assert not shop.stored_rows(Campaign)


@ONE_DATABASE
def test_rows_without_a_phone_are_stored_as_they_come(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of nothing but long texts would fill the worker's memory."""
    monkeypatch.setattr(sources, "ROWS", 2)
    audience = file_of(shop, "Телефон\n" + "\n".join([*["нет телефона " * 90] * 5, PHONES[0]]))
    mailing = Mailing(shop, None, audience=audience)
    parts = list(sources.Sources(shop.runtime, mailing.row, "RU", "ru").parts(None))
    assert [(len(part.entries), len(part.refusals)) for part in parts] == [(0, 2), (0, 2), (1, 1), (0, 0)]
    assert {len(one.text) for part in parts for one in part.refusals} == {sources.REFUSED_TEXT}


@ONE_DATABASE
def test_a_file_is_read_once_though_its_campaign_rests(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", 2)
    monkeypatch.setattr(preparing, "SLICE", timedelta(0))
    begun: list[int] = []
    rows = sources.Sources._rows

    def counted(self: Any, path: Any, behind: int) -> Any:
        begun.append(behind)
        return rows(self, path, behind)

    monkeypatch.setattr(sources.Sources, "_rows", counted)
    mailing = Mailing(shop, None, audience=file_of(shop, "Телефон\n" + "\n".join(PHONES)))
    opened = OpenFiles()
    mailing.do(changes.check)
    assert Preparing(shop.runtime, mailing.row.id, opened).run() > 0
    assert mailing.counted() == {"pending": 2}
    assert Preparing(shop.runtime, mailing.row.id, opened).run() > 0
    assert (mailing.counted(), begun) == ({"pending": 4}, [0])
    assert Preparing(shop.runtime, mailing.row.id, OpenFiles()).run() > 0
    assert (mailing.counted(), begun) == ({"pending": 6}, [0, 5]), "another process begins anew, behind what is stored"
    opened.close_left(shop.now)
    Preparing(shop.runtime, mailing.row.id, opened).run()
    assert begun == [0, 5, 7], "what was left open before another process went on is not gone on with"
    mailing.start(seconds=20)
    assert mailing.reached() == Counter(PHONES)


@ONE_DATABASE
def test_few_files_stay_open_and_none_for_long(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", 2)
    monkeypatch.setattr(preparing, "SLICE", timedelta(0))
    monkeypatch.setattr(open_files, "MOST", 1)
    text = "Телефон\n" + "\n".join(PHONES)
    first, second = (Mailing(shop, None, audience=file_of(shop, text), template="") for _ in range(2))
    opened = OpenFiles()
    assert Preparing(shop.runtime, first.row.id, opened).run() > 0
    assert Preparing(shop.runtime, second.row.id, opened).run() == 0.0, "there is no place: it reads on"
    assert second.counted() == {"pending": 8}
    parts = opened._opened[first.row.id].parts
    opened.close_left(shop.now + timedelta(seconds=59))
    assert opened._opened
    opened.close_left(shop.now + timedelta(seconds=61))
    assert not opened._opened
    assert list(parts) == []


def _retention(shop: World) -> None:
    done = 1
    while done:
        done = 0
        for duty in campaign_retention.DUTIES:
            with shop.runtime.db.write() as session:
                done += duty(session, shop.runtime, 3)


def test_a_campaign_that_nobody_resumes_is_cancelled(shop: World) -> None:
    left = Mailing(shop, PHONES, per_minute=1)
    left.start(seconds=1)
    left.do(changes.pause)
    planned = Mailing(shop, PHONES[:1], start_at=shop.now + timedelta(hours=1))
    planned.do(changes.start)
    shop.now += timedelta(hours=9)
    shop.advance_clock(2)
    assert planned.state == ("paused", "stale")
    shop.now += timedelta(days=89)
    _retention(shop)
    assert (left.row.state, planned.row.state) == ("paused", "paused")
    shop.now += timedelta(days=1)
    _retention(shop)
    shop.advance_clock(2)
    assert (left.state, planned.state) == (("cancelled", ""), ("cancelled", ""))
    assert left.counted()["skipped"] == {"cancelled": 7}


@ONE_DATABASE
def test_one_that_goes_on_by_itself_is_not(shop: World) -> None:
    mailing = Mailing(shop, PHONES, per_minute=1)
    mailing.start(seconds=1)
    lines.pause(shop.runtime, shop.line.id, 1)
    shop.advance_clock(61)
    assert mailing.state == ("paused", "line_stopped")
    shop.now += timedelta(days=91)
    _retention(shop)
    assert mailing.state == ("paused", "line_stopped")


@ONE_DATABASE
def test_a_campaign_is_deleted_with_the_report_on_its_file(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """KEEP_DAYS may be shorter than the report is kept."""
    monkeypatch.setattr(campaign_retention, "REPORT_KEPT", timedelta(days=9999))
    mailing = Mailing(shop, None, audience=file_of(shop, f"Телефон\n{PHONES[0]}\nнет\n"))
    mailing.start()
    mailing_id = mailing.row.id
    with shop.runtime.db.write() as session:
        for message in shop.stored_rows(campaign_retention.Message):
            session.delete(session.get_one(campaign_retention.Message, message.id))
    shop.now += timedelta(days=shop.runtime.config.keep_days + 1)
    _retention(shop)
    assert mailing_id not in [row.id for row in shop.stored_rows(Campaign)]
    assert not shop.stored_rows(RefusedRow)


@ONE_DATABASE
@pytest.mark.parametrize("per_minute", [30, 39, 7])
def test_as_many_leave_in_a_minute_as_was_said(shop: World, per_minute: int) -> None:
    phones = [f"7916{2000000 + number * 7}" for number in range(2 * per_minute)]
    mailing = Mailing(shop, phones, per_minute=per_minute)
    mailing.start(seconds=120)
    sent = sorted(row.claimed_at for row in shop.stored_rows(campaign_retention.Message))
    in_a_minute = [sum(begin <= at < begin + timedelta(minutes=1) for at in sent) for begin in sent]
    assert per_minute * 0.85 <= max(in_a_minute) <= per_minute


@ONE_DATABASE
def test_who_sleeps_keeps_nobody_waiting(shop: World) -> None:
    """Noon in UTC: ten at night in Vladivostok, three in the afternoon in Moscow."""
    shop.now = datetime(shop.now.year, shop.now.month, shop.now.day, 12, tzinfo=UTC)
    slow(shop, 1)
    asleep = [f"742322{number}1234" for number in range(10, 30)]
    mailing = Mailing(shop, [*asleep, "74951234567"], hours="09:00-21:00")
    mailing.start(seconds=3)
    assert mailing.reached() == {"74951234567": 1}


@ONE_DATABASE
@pytest.mark.parametrize("pace", [1, 10])
def test_what_the_limit_allows_is_queued_once_and_not_taken_back(shop: World, pace: float) -> None:
    """Three are queued, as many as the limit allows, and the line lets them wait."""
    tier.set_by_admin(shop.runtime, shop.line.id, 4)
    slow(shop, pace)
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 20}])
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=10)
    assert mailing.state == ("running", "")
    shop.advance_clock(60)
    assert mailing.state == ("paused", "limit")
    assert mailing.reached().total() == 3


@ONE_DATABASE
def test_who_opts_out_is_not_even_queued(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question is asked again when a message leaves; a portion asks it, too."""
    monkeypatch.setattr(sending, "held_back", lambda *_: {})
    slow(shop, 1)
    add_template(shop, "sale", "MARKETING")
    mailing = Mailing(shop, PHONES, template="sale")
    mailing.start(seconds=1)
    shop.client_replies(PHONES[7], "СТОП")
    shop.advance_clock(30)
    assert mailing.reached() == Counter(PHONES[:7])
    assert mailing.counted()["skipped"] == {"opted_out": 1}


def test_who_is_pausing_is_waited_for(shop: World) -> None:
    """A message comes back unsent while somebody pauses the campaign and has not committed yet: it must not be queued again."""
    mailing = Mailing(shop, PHONES, per_minute=1)
    mailing.start(seconds=1)
    campaign_id, answers = mailing.row.id, list[bool]()

    def ask() -> None:
        with shop.runtime.db.write() as session:
            answers.append(messages.is_running(session, campaign_id))

    with shop.runtime.db.write() as session:
        campaign = session.scalars(select(Campaign).with_for_update()).one()
        campaign.state = "paused"
        session.flush()
        asking = Thread(target=ask)
        asking.start()
        asking.join(0.5)
        assert not answers
    asking.join(10)
    assert answers == [False]
