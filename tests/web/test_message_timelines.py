"""A message's page: what its timeline shows (ui.md 3.9)."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from messaging.store.models import Message, Run
from messaging.store.types import WIPED
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
from tests.web.inside import Frame, seen


def _timeline(frame: Frame, run_id: int) -> str:
    answer = frame.get(f"/app/messages/{run_id}")
    assert answer.status_code == 200
    return seen(answer.text)


@pytest.fixture
def frame(shop: World) -> Frame:
    return Frame(shop)


@ONE_DATABASE
def test_the_timeline_of_a_message_that_was_read_and_answered(shop: World, frame: Frame) -> None:
    open_windows(shop)
    start_each(
        shop, ("robot.send_buttons", {"text": "Придёте?", "phone": OLGA, "buttons": ["Да|yes"], "until": "replied"})
    )
    shop.advance_clock(3)
    post_webhook(shop, status_payload("read", shop.sent[0].id, at=shop.now))
    shop.advance_clock(1)
    jump_clock(shop, 600)
    shop.client_replies(OLGA, "Да")
    shop.advance_clock(40)
    page = _timeline(frame, shop.stored_rows(Run)[0].id)
    steps = (
        *("Битрикс24 запустил робота «WhatsApp: кнопки клиенту»", "В очереди линии", "Передано в Gupshup"),
        *("Gupshup принял", "Отправлено в WhatsApp", "Доставлено на телефон", "Прочитано", "Клиент ответил"),
        "Битрикс24 получил результат: ответил",
    )
    places = [page.rindex(step) for step in steps]
    assert places == sorted(places), page
    assert "10 мин: клиент не открывал чат" in page
    assert "Придёте?" in page, "as the client sees it"
    assert "Ответил: Да" in page, "what was answered stands beside the status"
    assert "message-event" in page, "what the provider said"
    assert OLGA not in page
    drawn = frame.get(f"/app/messages/{shop.stored_rows(Run)[0].id}").text
    assert 'data-open-path="/crm/deal/details/1/"' in drawn
    assert "Да" in seen(drawn.split('class="bubble reply"')[1]), "the answer stands on the phone, too"


@ONE_DATABASE
def test_the_timelines_of_what_did_not_arrive(shop: World, frame: Frame) -> None:
    start_each(
        shop, text_robot(PHONES[0], "закрыто"), template_robot(PHONES[1], template="nothing"), template_robot(PHONES[2])
    )
    jump_clock(shop, 0.1)
    post_webhook(shop, status_payload("failed", shop.sent[0].id, PHONES[2], code=131049, reason="healthy ecosystem"))
    shop.set_gupshup_faults(next=["502"])
    shop.robots_start(template_robot(PHONES[3]))
    shop.robots_start(template_robot(PHONES[4], until="read", wait_minutes=5))
    jump_clock(shop, 1, 40, 700)
    closed, missing, failed, unknown, late = (_timeline(frame, run.id) for run in shop.stored_rows(Run))
    assert "Окно 24 часа закрыто: клиент не писал больше суток" in closed
    assert "window_closed" in closed
    assert "Шаблона «nothing (ru)» на этой линии нет" in missing, "with the value that was typed"
    assert "клиент получил много рекламы" in failed
    assert "healthy ecosystem" in failed, "the provider's own words, folded away"
    assert "131049" in failed
    assert "Обновить" in unknown
    assert "Связь оборвалась после отправки" in unknown
    assert "ждали вестей от Gupshup" in unknown
    assert "за 5 мин не наступило «сообщение прочитано»" in late
    assert "Доставлено на телефон" in late, "it did arrive"
    english = Frame(shop, lang="en")
    assert "There is no template “nothing (ru)” on this line" in _timeline(english, shop.stored_rows(Run)[1].id), (
        "the same values"
    )
    assert "Not delivered: the client has received a lot of advertising" in _timeline(
        english, shop.stored_rows(Run)[2].id
    )


@ONE_DATABASE
def test_a_message_that_was_tried_again_left_once_and_its_timeline_says_why_it_waited(
    shop: World, frame: Frame
) -> None:
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 90}])
    start_each(shop, template_robot(PHONES[0]))
    shop.advance_clock(1)
    run_id = shop.stored_rows(Run)[0].id
    assert "Ждёт своей очереди, перед ним 0" in _timeline(frame, run_id)
    shop.advance_clock(120)
    page = _timeline(frame, run_id)
    assert len(shop.sent) == 1
    assert "Передано в Gupshup, попытка 2" in page
    assert "просил подождать, попыток 2" in page
    assert page.count("Gupshup принял") == 1


@ONE_DATABASE
def test_what_is_wiped_is_said_to_be_wiped(shop: World, frame: Frame) -> None:
    open_windows(shop)
    start_each(shop, text_robot(OLGA, "Секрет"))
    shop.advance_clock(60)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(payload=None, choices=None))
        session.execute(update(Run).values(answer=None, properties=WIPED, log_line=WIPED))
    page = _timeline(frame, shop.stored_rows(Run)[0].id)
    assert "Текст уже не хранится" in page
    assert "Секрет" not in page
    found = frame.post("/app/messages", {"words": OLGA}, target="found").text
    assert len(re.findall(r"<tr>\s*<td", found)) == 1
