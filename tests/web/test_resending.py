"""Failed messages are sent again from our pages: once, after a question, by whom may send."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from demo_past import Past
from messaging.lines import lines
from messaging.policy import resending, settings
from messaging.store.models import Message, Portal
from messaging.store.states import Origin
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_robot,
)
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, second_portal, seen

FAILED = {"status": "failed"}


def fail(world: World, *phones: str, until: str = "accepted") -> None:
    """A template to each of these phones, taken by Gupshup and not delivered."""
    world.set_gupshup_faults(drop_statuses=["delivered"])
    start_each(world, *(template_robot(phone, until=until) for phone in phones))
    jump_clock(world, 1)
    for message in list(world.sent):
        post_webhook(
            world, status_payload("failed", message.id, message.destination, code=131026, reason="Undeliverable")
        )
    jump_clock(world, 6)
    world.set_gupshup_faults(drop_statuses=[])


def offered(page: str) -> str:
    """The ids in the last button of a page."""
    return re.findall(r"\"ids\": \"([0-9 ]+)\"", page)[0]


def test_what_is_shown_as_failed_is_sent_again_once(shop: World) -> None:
    fail(shop, *PHONES[:3])
    frame = Frame(shop)
    page = frame.post("/app/messages", FAILED, target="found").text
    assert "Отправить ещё раз 3 сообщения" in seen(page)
    asked = frame.change("messages/again", ids=offered(page))
    assert "Отправить ещё раз 3 сообщения?" in seen(asked)
    assert len(shop.sent) == 3, "asking sends nothing"
    for words in ("В очередь поставлены 3 сообщения", "Ни одно из них нельзя отправить ещё раз"):
        assert words in seen(frame.change("messages/again/send", ids=offered(asked)))
        jump_clock(shop, 1, 6)
        assert len(shop.sent) == 6
    assert [message.origin for message in shop.stored_rows(Message)] == ["robot"] * 3 + ["manual"] * 3
    assert sorted(message.destination for message in shop.sent[3:]) == sorted(PHONES[:3])
    page = frame.post("/app/messages", FAILED, target="found").text
    assert page.count("<tr>") == 4, "the failures stay in the list, under its head"
    assert "messages/again" not in page


def test_who_is_overtaken_by_another_sends_nothing(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(shop, OLGA)
    ids, portal_id = [message.id for message in shop.stored_rows(Message)], shop.stored_rows(Portal)[0].id
    resending.send_again(shop.runtime, portal_id, ids, 1)
    # As the other one has judged it, a moment before the first was done.
    monkeypatch.setattr(resending, "judge", lambda *_: resending.Judged(list(ids)))
    assert resending.send_again(shop.runtime, portal_id, ids, 2).ids == []
    jump_clock(shop, 1, 6)
    assert len(shop.sent) == 2


@ONE_DATABASE
def test_the_page_of_one_message_offers_it_and_its_card_says_it_was_done(shop: World) -> None:
    fail(shop, OLGA)
    frame = Frame(shop)
    run_id = shop.stored_rows(Message)[0].run_id
    story = frame.page(f"messages/{run_id}")
    assert "Отправить ещё раз 1 сообщение" in seen(story)
    frame.change("messages/again/send", ids=offered(story))
    jump_clock(shop, 1, 6, 6)
    assert "messages/again" not in frame.page(f"messages/{run_id}")
    card = next(one for one in shop.portal.timeline.of((2, 1)) if one.origin_id == "waba24-m1")
    assert "resend" not in card.layout["footer"]["buttons"]


@ONE_DATABASE
@pytest.mark.parametrize("why", ["window", "line", "arrived", "wiped", "campaign", "another portal"])
def test_what_cannot_be_sent_again_is_told_and_not_sent(shop: World, why: str) -> None:
    open_windows(shop)
    shop.set_gupshup_faults(drop_statuses=["delivered"])
    start_each(shop, text_robot())
    jump_clock(shop, 1)
    sent = shop.sent[0].id
    post_webhook(shop, status_payload("failed", sent, code=131026, reason="Undeliverable"))
    jump_clock(shop, 6)
    ids = str(shop.stored_rows(Message)[0].id)
    said = {
        "window": "Окно 24 часа закрыто",
        "line": "Линия отключена",
        "arrived": "Уже доставлено",
        "wiped": "удалены",
        "campaign": "сделайте новую рассылку",
    }
    if why == "window":
        shop.now += timedelta(hours=25)
    elif why == "line":
        lines.remove(shop.runtime, shop.line.id)
    elif why == "arrived":
        post_webhook(shop, status_payload("delivered", sent, at=shop.now))
        jump_clock(shop, 1)
    elif why == "wiped":
        with shop.runtime.db.write() as session:
            session.execute(update(Message).values(payload=None))
    elif why == "campaign":
        with shop.runtime.db.write() as session:
            session.execute(update(Message).values(origin="campaign"))
        assert "messages/again" not in Frame(shop).post("/app/messages", FAILED, target="found").text
    else:
        other = second_portal(shop)
        with shop.runtime.db.write() as session:
            session.execute(update(Message).values(portal_id=other))
    frame = Frame(shop)
    for path in ("messages/again", "messages/again/send"):
        page = seen(frame.change(path, ids=ids))
        assert "Ни одно из них нельзя отправить ещё раз" in page
        assert said.get(why, "") in page
    jump_clock(shop, 1, 6)
    with shop.runtime.db.read() as session:
        assert len(session.scalars(select(Message.id)).all()) == 1


@ONE_DATABASE
def test_who_may_not_send_is_not_offered_it(shop: World) -> None:
    fail(shop, OLGA)
    ids = str(shop.stored_rows(Message)[0].id)
    settings.change(shop.runtime, shop.stored_rows(Portal)[0].id, rights={"send": {"who": "admins"}})
    employee = Frame(shop, EMPLOYEE)
    assert "messages/again" not in employee.post("/app/messages", FAILED, target="found").text
    for path in ("messages/again", "messages/again/send"):
        employee.change(path, 403, ids=ids)
    jump_clock(shop, 1, 6)
    assert len(shop.sent) == 1


@ONE_DATABASE
@pytest.mark.parametrize("ids", ["", "x", "-1", "9" * 30, "1 2 3", "1\x002"])
def test_odd_ids_send_nothing(shop: World, ids: str) -> None:
    frame = Frame(shop)
    for path in ("messages/again", "messages/again/send"):
        assert "Ни одно из них" in seen(frame.change(path, ids=ids))
    assert shop.stored_rows(Message) == []


@ONE_DATABASE
def test_cancel_brings_the_button_back(shop: World) -> None:
    fail(shop, OLGA)
    ids = str(shop.stored_rows(Message)[0].id)
    assert "Отправить ещё раз 1 сообщение" in seen(Frame(shop).change("messages/again", ids=ids, cancelled="1"))
    assert len(shop.stored_rows(Message)) == 1


@ONE_DATABASE
def test_what_the_demo_makes_up_can_be_sent_again(shop: World) -> None:
    """The made-up past of `make demo` is the first that people try this on."""
    Past(shop.runtime, shop.line, shop.gupshup_app["templates"][0]["id"], "ru").store()
    frame = Frame(shop)
    ids = offered(frame.post("/app/messages", {**FAILED, "period": "all"}, target="found").text)
    before = len(shop.sent)
    frame.change("messages/again/send", ids=ids)
    shop.advance_clock(30)
    again = [message.status for message in shop.stored_rows(Message) if message.origin == Origin.MANUAL]
    assert again
    assert set(again) == {"delivered"}
    assert len(shop.sent) == before + len(again)
