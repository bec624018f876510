"""A new campaign of those whom another one has missed: who has not read it, not answered, or did not get it at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from messaging.campaigns import repeats, sources
from messaging.campaigns.repeats import Missed
from messaging.lines import lines
from messaging.store.campaigns import Campaign, Recipient
from messaging.store.models import Message, Portal
from tests.flows.scenes import OLGA, PHONES
from tests.support.world import World
from tests.web.inside import seen
from tests.web.test_campaigns_page import Draft, only, ready


def phones_of(world: World, campaign: Campaign) -> list[str]:
    with world.runtime.db.read() as session:
        return list(session.scalars(select(Recipient.phone).where(Recipient.campaign_id == campaign.id)))


def sent(world: World) -> Draft:
    """A campaign that is over: two clients have read it, one of them and one more have answered, one could not get it."""
    read, read_and_answered, answered, *silent, failed = [OLGA, *PHONES]
    draft = ready(world, [OLGA, *PHONES])
    draft.post("start")
    world.advance_clock(10)
    with world.runtime.db.write() as session:
        ids = {one.phone: one.id for one in session.scalars(select(Recipient))}
        for status, phones in (
            ("delivered", [answered, *silent]),
            ("read", [read, read_and_answered]),
            ("failed", [failed]),
        ):
            chosen = Message.origin_id.in_([ids[phone] for phone in phones]) & (Message.origin == "campaign")
            code = "131049" if status == "failed" else ""
            session.execute(update(Message).where(chosen).values(status=status, error_code=code))
        for one in session.scalars(select(Recipient)):
            one.replied_at = world.now if one.phone in (read_and_answered, answered) else None
    world.now += timedelta(seconds=11)
    return draft


def silent_phones() -> list[str]:
    return [OLGA, *PHONES][3:-1]


def test_those_who_have_not_read_it_are_written_to_again(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", 1)
    draft = sent(shop)
    number = len(silent_phones())
    assert number > 1
    assert f"{number} Не прочитано." in draft.get("/live")
    listed = draft.frame.post(f"/app/campaigns/{draft.key}/recipients", state="unread").text
    assert listed.count('class="nowrap"><span dir="auto">') == number
    old = draft.key
    page = draft.post("again", missed="unread")
    assert f"не прочитали прежнюю: {number}" in page
    assert "не прочитал рассылку «Рассылка" in page
    assert draft.key != old
    shop.advance_clock(30)
    made = only(shop)
    assert sorted(phones_of(shop, made)) == sorted(silent_phones())
    assert made.start_at > shop.now + timedelta(hours=23), "nobody gets two messages on one day"


def test_those_who_have_not_answered_are_those_who_have_read_it_too(shop: World) -> None:
    draft = sent(shop)
    number = len(silent_phones()) + 1
    assert f"{number} Нет ответа" in draft.get("/live")
    assert f"доставлено {number + 2} · ответили 2" in seen(draft.frame.page("campaigns"))
    book = draft.frame.post(f"/app/campaigns/{draft.key}/recipients.xlsx", state="unanswered")
    assert book.status_code == 200
    assert f"не ответили на прежнюю: {number}" in draft.post("again", missed="unanswered")
    shop.advance_clock(30)
    assert sorted(phones_of(shop, only(shop))) == sorted([OLGA, *silent_phones()])


def test_whoever_did_not_get_a_cancelled_campaign_gets_a_new_one_at_once(shop: World) -> None:
    lines.set_pace(shop.runtime, shop.line.id, 1)
    draft = ready(shop, PHONES)
    draft.post("start")
    shop.advance_clock(2)
    draft.post("cancel")
    shop.advance_clock(15)
    out = {message.destination for message in shop.sent}
    left = sorted(set(PHONES) - out)
    assert out
    assert left
    told = f"{len(out)} из {len(PHONES)}"
    assert told in draft.get("/live"), "not all of them, though nobody is left"
    assert told in seen(draft.frame.page("campaigns"))
    assert f"{len(left)} Не отправлено: рассылку отменили" in draft.get("/live")
    assert f"отменённая не ушла: {len(left)}" in draft.post("again", missed="cancelled")
    shop.advance_clock(2)
    made = only(shop)
    assert sorted(phones_of(shop, made)) == left
    assert made.start_at is None
    draft.post("template", lines=str(shop.line.id), template="ru welcome", next="1")
    draft.checked()
    draft.post("start")
    shop.advance_clock(30)
    assert sorted(message.destination for message in shop.sent) == sorted(PHONES), "each of them once"


def test_nobody_of_another_portal_is_read(shop: World) -> None:
    sent(shop)
    campaign = only(shop)
    with shop.runtime.db.write() as session:
        other = Portal(member_id="f" * 32, client_endpoint="https://other.example/rest/", installed_at=shop.now)
        session.add(other)
        session.flush()
        for whom in (Missed.UNREAD, Missed.UNANSWERED, Missed.CANCELLED):
            assert repeats.missed(session, other.id, campaign.id, whom, 0, 10) == []
    with shop.runtime.db.read() as session:
        assert repeats.missed(session, campaign.portal_id, campaign.id, Missed.UNREAD, 0, 10)


def test_a_draft_of_an_earlier_version_is_still_filled_with_those_whose_messages_failed(shop: World) -> None:
    draft = sent(shop)
    draft.post("again", code="131049")
    with shop.runtime.db.write() as session:
        made = session.scalars(select(Campaign).order_by(Campaign.id.desc())).first()
        assert made is not None
        made.audience = {name: value for name, value in made.audience.items() if name != "missed"}
    assert "не получил рассылку" in draft.get("/audience")
    shop.advance_clock(30)
    assert phones_of(shop, only(shop)) == [PHONES[-1]]
