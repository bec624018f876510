"""Open Channels: a client and an operator talk to each other, each message once and in its order, whatever fails."""

from __future__ import annotations

import base64
import os
from datetime import timedelta

import pytest
from sqlalchemy import update

from messaging.conversations import chat_tasks
from messaging.lines import lines
from messaging.portals import open_lines
from messaging.store.models import Line, Message
from messaging.store.portal_tasks import PortalTask
from tests.flows.chats import Chats, record_posts
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, ending, jump_clock, template_robot, text_robot
from tests.support.samples import png
from tests.support.world import APP, World, returned

PNG = png()
#: How often everything comes again: `make crash` plays all twenty.
REPEATS = 20 if "CRASH_CALLS" in os.environ else 4


@pytest.fixture
def chats(shop: World) -> Chats:
    return Chats(shop)


def test_what_a_client_writes_is_in_his_chat_once_and_in_order(chats: Chats) -> None:
    world = chats.world
    for words in ("Здравствуйте", "1", "[DISK=601] [b]важно[/b]", "0 рублей?"):
        world.client_replies(OLGA, words)
    world.advance_clock(3)
    chat = chats.chat()
    assert [text.replace("\u2060", "") for text in chats.lines("client")] == [
        *("Здравствуйте", "1", "[DISK=601] [b]важно[/b]", "0 рублей?")
    ]
    assert not any(message["files"] for message in chat["messages"])
    assert chat["client"]["phone"] == f"+{OLGA}"
    assert len(chat["sessions"]) == 1


def test_a_robots_wait_and_the_chat_both_get_the_reply(chats: Chats) -> None:
    world = chats.world
    flow = world.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA, until="replied")
    world.client_replies(OLGA, "Да, жду")
    world.advance_clock(2)
    assert ending(flow) == ("replied", "")
    assert chats.lines("client") == ["Да, жду"]
    [note] = chats.notes()  # the chat begins with what the client answers to
    assert note == "Отправлено автоматически (робот):\nЗдравствуйте! Спасибо за заявку."


def test_what_robots_send_is_shown_as_automatic_and_makes_no_chat(chats: Chats) -> None:
    world = chats.world
    world.robots_start(template_robot(PHONES[0]))
    world.client_replies(OLGA, "Привет")
    world.advance_clock(2)
    world.robots_start(text_robot(OLGA, words="Ваш заказ [b]готов[/b]"))
    world.advance_clock(2)
    assert [chat["external_id"] for chat in chats.all()] == [OLGA]
    assert [note.replace("\u2060", "") for note in chats.notes()] == [
        "Отправлено автоматически (робот):\nВаш заказ [b]готов[/b]"
    ]
    assert chats.lines("client") == ["Привет"]
    assert chats.chat()["sessions"][0]["triggers"].count("OPENLINE_MSG") <= 1


def test_an_automatic_message_that_fails_later_is_told_behind_it(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Привет")
    world.advance_clock(2)
    world.set_gupshup_faults(not_on_whatsapp=[OLGA], failed_shape="async")
    world.robots_start(text_robot(OLGA, words="Заказ готов"))
    world.advance_clock(10)
    shown, failed = chats.notes()
    assert shown == "Отправлено автоматически (робот):\nЗаказ готов"
    assert failed.startswith("Клиент не получил сообщение «Заказ готов».")


def test_an_operator_answers_with_text_and_files(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Пришлите договор")
    world.advance_clock(2)
    message = chats.write("[b]Готово[/b], смотрите", ("a.png", "image/png", PNG), ("b.png", "image/png", PNG))
    chats.write("Вопросы?")
    world.advance_clock(5)
    bodies = [sent.message for sent in world.sent]
    assert [body["type"] for body in bodies] == ["image", "image", "text"]
    assert [body.get("caption") or body.get("text") or "" for body in bodies] == [
        *("*Анна Соколова:*\n*Готово*, смотрите", "", "*Анна Соколова:*\nВопросы?")
    ]
    assert all(body["originalUrl"].startswith(f"{APP}/files/") for body in bodies[:2])
    shown = {one["id"]: one for one in chats.chat()["messages"]}
    assert not shown[message]["sending"]
    assert len(shown[message]["connector_ids"]) == 2
    assert chats.notes() == []


@ONE_DATABASE
@pytest.mark.parametrize(
    ("why", "note"),
    [
        ("window", "Не отправлено клиенту. Окно 24 часа закрыто"),
        ("long", "Не отправлено клиенту."),
        ("stopped", "Не отправлено клиенту."),
        ("refused", "Клиент не получил сообщение «*Анна Соколова:* Добрый день»."),
        (
            "opted out",
            "Ничего не отправлено: клиент отказался от сообщений 23.11.2026 (клиент написал «стоп»). Писать снова",
        ),
        (
            "opts out",
            "Ничего не отправлено: клиент отказался от сообщений 23.11.2026 (клиент написал «стоп»). Писать снова",
        ),
    ],
)
def test_what_cannot_be_sent_is_told_in_the_chat(chats: Chats, why: str, note: str) -> None:
    world = chats.world
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    text = "Добрый день"
    if why == "window":
        world.now += timedelta(hours=25)
    elif why == "long":
        text = "а" * 5000
    elif why == "stopped":
        with world.runtime.db.write() as session:
            line = session.get_one(Line, world.line.id)
            line.stopped_at, line.stop_code = world.now, "gupshup_401"
    elif why == "opted out":
        world.client_replies(OLGA, "стоп")
        world.advance_clock(2)
    elif why == "opts out":
        lines.pause(world.runtime, world.line.id)
    else:
        world.set_gupshup_faults(not_on_whatsapp=[OLGA])
    before = len(world.sent)
    chats.write(text)
    world.advance_clock(10)
    if why == "opts out":  # while the operator's message waits
        assert len(world.stored_rows(Message)) == 1
        world.client_replies(OLGA, "стоп")
        world.advance_clock(2)
        lines.unpause(world.runtime, world.line.id)
        world.advance_clock(10)
    elif why == "opted out":
        assert world.stored_rows(Message) == []
    if why != "refused":
        assert len(world.sent) == before
    assert [shown for shown in chats.notes() if shown.startswith(note)], chats.notes()


def test_a_message_of_which_nobody_knows_is_told_once_and_not_repeated(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    world.set_gupshup_faults(next=["drop_after_accept"], drop_statuses=["enqueued", "sent", "delivered", "read"])
    number = chats.write("Добрый день")
    world.advance_clock(world.runtime.config.unknown_after_s + 60)
    assert len(world.sent) == 1
    [note] = chats.notes()
    assert note.startswith("Неизвестно, ушло ли сообщение")
    assert {one["id"]: one for one in chats.chat()["messages"]}[number]["sending"]


def test_a_note_stands_in_for_a_chat_that_was_switched_off(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    from messaging.store.open_channels import OpenLine

    with world.runtime.db.write() as session:
        session.delete(session.get_one(OpenLine, world.line.id))
    chats.write("Добрый день")
    world.advance_clock(3)
    assert world.sent == []
    [note] = chats.notes()
    assert note.startswith("Не отправлено клиенту. Эта открытая линия больше не связана с WhatsApp.")


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html_502", "query_limit", "internal_error"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_call_that_breaks_off_makes_no_second_message(chats: Chats, fault: str, is_first: bool) -> None:
    world = chats.world
    if not is_first:
        world.client_replies(OLGA, "Раз")
        world.advance_clock(2)
    chats.spoil("imconnector.send.messages", fault)
    world.client_replies(OLGA, "Два")
    world.client_replies(OLGA, "Три")
    jump_clock(world, 1, 20, 100, 1)
    assert chats.lines("client") == ([] if is_first else ["Раз"]) + ["Два", "Три"]


@pytest.mark.parametrize("second", ["drop_after", "drop_before"])
@pytest.mark.parametrize("names", ["client", "operator"])
def test_what_breaks_off_while_the_chats_number_is_unknown(chats: Chats, second: str, names: str) -> None:
    """The first message is found by the chat's existence, the second only when the chat's number is known."""
    world = chats.world
    chats.spoil("imconnector.send.messages", "drop_after", second)
    written = ["Раз", "Два", "Три", "Четыре"] if names == "client" else ["Раз", "Два"]
    for words in written:
        world.client_replies(OLGA, words)
    jump_clock(world, 1, 20, 100, 20, 100, 20, 20, 20, 1)
    if names == "operator":
        chats.write("Слушаю")
        jump_clock(world, 2, 20, 1)
    shown = [text.split("\n")[-1] for text in chats.lines("client")]
    assert sorted(shown) == sorted(written)
    assert shown == written or second == "drop_before"


def test_a_worker_that_dies_at_the_first_messages_loses_none(chats: Chats) -> None:
    world = chats.world
    chats.spoil("imconnector.send.messages", "drop_after")
    for words in ("Раз", "Два", "Три"):
        world.client_replies(OLGA, words)
    world.do_due_work()
    with world.runtime.db.write() as session:  # it had all of them in its hands
        session.execute(update(PortalTask).where(PortalTask.kind == "chat").values(state="unclear"))
    jump_clock(world, 60, 100, 1)
    assert chats.lines("client") == ["Раз", "Два", "Три"]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html_502"])
def test_a_line_of_ours_that_breaks_off_is_not_shown_twice(chats: Chats, fault: str) -> None:
    world = chats.world
    world.client_replies(OLGA, "Раз")
    world.advance_clock(2)
    chats.spoil("im.message.add", fault, "drop_after")
    for _ in range(3):
        world.robots_start(text_robot(OLGA, words="Одно и то же"))
    jump_clock(world, 1, 100, 100, 60, 60, 60, 1)
    assert chats.notes() == ["Отправлено автоматически (робот):\nОдно и то же"] * 3


def test_a_line_that_is_switched_on_again_stays_on_whatever_waited(chats: Chats) -> None:
    world = chats.world
    with world.runtime.db.write() as session:
        chat_tasks.line_removed(session, world.runtime, session.get_one(Line, world.line.id))
    open_lines.switch_on(world.runtime, world.line.id, 1)
    world.advance_clock(5)
    world.client_replies(OLGA, "Раз")
    world.advance_clock(2)
    assert chats.lines("client") == ["Раз"]


def test_repeats_of_every_event_with_the_worker_dying_between(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    webhooks, events = record_posts(world)
    world.client_replies(OLGA, "Сколько стоит?")
    world.advance_clock(1)
    number = chats.write("Сто рублей", ("a.png", "image/png", PNG))
    world.advance_clock(5)
    for _ in range(REPEATS):
        for path, headers, body in [*reversed(webhooks), *events]:
            world.app.post(path, data=body, headers=headers, base_url=APP)
        world.replace_worker()
        world.advance_clock(90)
    assert chats.lines("client") == ["Здравствуйте", "Сколько стоит?"]
    assert len(world.sent) == 1
    assert not {one["id"]: one for one in chats.chat()["messages"]}[number]["sending"]


def test_events_that_overtake_each_other_are_put_in_order(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    _, events = record_posts(world, is_cut=True)
    for text in ("раз", "два", "три"):
        chats.write(text)
    world.bx.deliver_due()
    world.now += timedelta(milliseconds=100)
    world.bx.deliver_due()
    world.net.broken.clear()
    assert len(events) == 3
    for path, headers, body in reversed(events):
        assert world.app.post(path, data=body, headers=headers, base_url=APP).status_code == 200
    world.advance_clock(8)
    assert [sent.message["text"].split("\n")[1] for sent in world.sent] == ["раз", "два", "три"]


@ONE_DATABASE
def test_a_clients_file_is_in_the_chat_behind_what_he_wrote_before(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Вот фото")
    picture = base64.b64encode(PNG).decode()
    world.client_replies(OLGA, "", type="image", caption="подпись", content_base64=picture, content_type="image/png")
    world.client_replies(OLGA, "Видно?")
    world.advance_clock(10)
    shown = [one for one in chats.chat()["messages"] if one["kind"] == "client"]
    assert [one["text"] for one in shown] == ["Вот фото", "подпись", "Видно?"]
    assert [len(one["files"]) for one in shown] == [0, 1, 0]


@ONE_DATABASE
def test_a_portal_without_the_scope_loses_nothing_else(shop: World) -> None:
    flow = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA, until="replied")
    shop.client_replies(OLGA, "Да")
    shop.advance_clock(2)
    assert ending(flow) == ("replied", "")
    assert not any("imconnector" in str(request.url) for request in shop.net.seen)


@ONE_DATABASE
def test_a_file_that_cannot_be_had_becomes_words(chats: Chats) -> None:
    world = chats.world
    gone = "https://filemanager.gupshup.io/wa/media/gone/a.png"
    world.client_replies(OLGA, "", type="image", caption="", url=gone)
    world.client_replies(OLGA, "Видно?")
    world.advance_clock(400)
    first, second = chats.lines("client")
    assert "не удалось получить из WhatsApp" in first
    assert second.endswith("Видно?")


@ONE_DATABASE
@pytest.mark.parametrize("caption", ["", "подпись"])
def test_a_file_that_the_portal_cannot_load_is_there_as_a_link(chats: Chats, caption: str) -> None:
    world = chats.world
    picture = base64.b64encode(PNG).decode()
    world.client_replies(OLGA, "", type="image", caption=caption, content_base64=picture, content_type="image/png")
    world.bx.cloud.fetch = lambda url, headers: (404, "text/plain", b"")
    world.advance_clock(10)
    link = f"{APP}/files/"
    assert len(chats.lines("client")) == 1
    assert link in (chats.notes()[0] if caption else chats.lines("client")[0])


@ONE_DATABASE
@pytest.mark.parametrize("fault", ["query_limit", "drop_before", "drop_after"])
def test_a_link_that_does_not_come_through_repeats_no_other_message(chats: Chats, fault: str) -> None:
    world = chats.world
    world.client_replies(OLGA, "Раз")
    world.advance_clock(2)
    world.bx.cloud.fetch = lambda url, headers: (404, "text/plain", b"")
    chats.spoil("imconnector.send.messages", "query_limit", "", fault)
    world.client_replies(OLGA, "Два")
    picture = base64.b64encode(PNG).decode()
    world.client_replies(OLGA, "", type="image", caption="", content_base64=picture, content_type="image/png")
    jump_clock(world, 1, 20, 20, 100, 100, 1)
    *texts, file = chats.lines("client")
    assert texts == ["Раз", "Два"]
    assert f"{APP}/files/" in file


def test_a_robot_closes_the_chats_of_its_item(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    with world.bx.lock:
        next(iter(world.portal.chats.by_id.values())).crm["DEAL"] = 1
    assert returned(world.robot_runs("robot.close_chats"))["closed"] == "1"
    assert not chats.chat()["sessions"][0]["open"]
    assert returned(world.robot_runs("robot.close_chats"))["closed"] == "0"
    world.client_replies(OLGA, "Ещё вопрос")
    world.advance_clock(2)
    assert len(chats.chat()["sessions"]) == 2


def test_a_line_moves_to_another_open_line_and_is_switched_off(chats: Chats) -> None:
    world = chats.world
    world.client_replies(OLGA, "Раз")
    world.advance_clock(2)
    on = open_lines.switch_on(world.runtime, world.line.id, None)
    world.advance_clock(5)  # the portal tells that the former one was switched off
    world.client_replies(OLGA, "Два")
    world.advance_clock(2)
    assert [(chat["line"], len(chat["messages"]) > 0) for chat in chats.all()] == [(1, True), (on.open_line_id, True)]
    chats.post(f"open-lines/{on.open_line_id}/delete")
    world.advance_clock(5)
    world.client_replies(OLGA, "Три")
    world.advance_clock(2)
    with world.runtime.db.read() as session:
        assert open_lines.of_line(session, world.line.id) is None
    assert sum(len([m for m in chat["messages"] if m["kind"] == "client"]) for chat in chats.all()) == 2
