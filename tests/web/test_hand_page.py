"""Sending by hand from a card of the CRM: who may, what is read of the card, what is sent once, and what is refused at once."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from activities.base import Shared
from bx24.emulator.state import crm
from messaging.files import hand_files
from messaging.lines import lines
from messaging.policy import settings
from messaging.policy.rights import Grant, Right, Who
from messaging.store.models import Line, Portal
from tests.flows.scenes import OLGA, ONE_DATABASE, jump_clock, open_windows, start_each, text_robot
from tests.support.samples import png
from tests.support.world import World
from tests.web.hand_page import chosen, hidden, manual, opened, who
from tests.web.inside import ADMINISTRATOR, EMPLOYEE, Frame, hide_phones, seen


def test_a_text_is_sent_once_and_its_status_grows(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    assert "+7 912 345-67-89" in seen(page)
    assert "Здравствуйте" in seen(page)
    assert "Окно открыто" in seen(page)
    form = who(page, text="Заказ готов", nonce=hidden(page, "nonce"))
    for _ in range(3):
        assert "Сообщение отправляется" in seen(frame.change("hand/write", **form))
    cursors = {name: hidden(page, name) for name in ("message_id", "reply_id", "mark")}
    waiting = frame.change("hand/talk", **form, **cursors)
    assert "В очереди".lower() in seen(waiting).lower()
    assert "every 2s" in waiting
    shop.advance_clock(5)
    later = frame.change("hand/talk", **form, **cursors)
    assert "Заказ готов" in seen(later)
    assert frame.post("/app/hand/talk", {**form, **cursors, "mark": hidden(later, "mark")}).status_code == 204
    [sent] = manual(shop)
    assert (sent.item, sent.action, sent.timeline, sent.status) == ("DEAL_1", "send_text", True, "delivered")
    assert len(shop.sent) == 1


def test_a_template_is_filled_from_the_card(shop: World) -> None:
    frame, page = Frame(shop), opened(shop)
    assert "Окно закрыто" in seen(page)
    assert 'name="text"' not in page.text
    choice = re.search(r'<option value="([^"]+)">order_ready', page.text)
    assert choice
    form = frame.change("hand/template", **who(page, template=choice[1]))
    assert 'name="param" value="Ольга"' in form
    assert 'name="param" value="А-1042"' in form, "the template speaks of an order, and the deal has its number"
    filled = who(page, template=choice[1], nonce=hidden(form, "nonce"))
    missing = frame.post("/app/hand/send", {**filled, "param": ["Ольга", ""]}).text
    assert 'aria-describedby="e-params-2"' in missing
    for _ in range(2):
        assert "передан на отправку" in seen(frame.post("/app/hand/send", {**filled, "param": ["Ольга", "512"]}))
    shop.advance_clock(5)
    [sent] = manual(shop)
    assert (sent.template, sent.category, sent.status) == ("order_ready", "UTILITY", "delivered")
    assert "Заказ 512 готов" in seen(frame.change("hand/talk", **who(page)))


@ONE_DATABASE
def test_a_file_goes_from_the_computer_or_by_a_foreign_link(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    form = who(page, text="Чертёж", nonce="one")
    answer = frame.post("/app/hand/write", {**form, "file": (io.BytesIO(png()), "plan.png")})
    assert "Сообщение отправляется" in seen(answer)
    shop.net.seen.clear()
    for link, words in (
        ("https://acme.example/disk/downloadFile/12/", "открывается без входа"),
        ("http://files.example/a.pdf", "открывается без входа"),
        ("12", "открывается без входа"),
        ("https://10.0.0.1/a.pdf", "файл"),
    ):
        again = frame.change("hand/write", **who(page, text="", link=link, nonce=link))
        assert words in seen(again).lower(), link
        assert 'id="e-link"' in again, link
    assert "acme.example" not in shop.net.hosts(), "the portal's files are not even asked for"
    shop.advance_clock(5)
    [sent] = manual(shop)
    assert (sent.kind, sent.action, sent.status) == ("file", "send_file", "delivered")
    assert "Картинка Чертёж" in seen(frame.change("hand/talk", **who(page)))


@ONE_DATABASE
@pytest.mark.parametrize("form", [{"text": ""}, {"text": "x" * 4097}])
def test_what_is_beyond_a_limit_is_said_at_its_field(shop: World, form: dict[str, str]) -> None:
    open_windows(shop)
    page = opened(shop)
    assert 'aria-describedby="h-text-limit e-text"' in Frame(shop).change("hand/write", **who(page, nonce="n", **form))
    assert manual(shop) == []


def test_consent_a_stopped_line_and_a_closed_window_are_judged_at_once(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    form = who(page, text="Ещё скидка")
    shop.client_replies(OLGA, "стоп")
    shop.advance_clock(2)
    assert "отказался от сообщений" in seen(frame.change("hand/write", **form, nonce="a"))
    shop.client_replies(OLGA, "старт")
    shop.advance_clock(2)
    jump_clock(shop, 23 * 3600)
    form = who(opened(shop), text="Ещё скидка")
    jump_clock(shop, 2 * 3600)
    assert "окно 24 часа" in seen(frame.change("hand/write", **form, nonce="b")).lower()
    open_windows(shop)
    with shop.runtime.db.write() as session:
        line = session.get_one(Line, shop.line.id)
        line.stopped_at, line.stop_code = shop.now, "1003"
    assert "на балансе" in seen(frame.change("hand/write", **form, nonce="d")).lower()
    lines.remove(shop.runtime, shop.line.id)
    assert "Нет подключённых линий" in seen(frame.change("hand/write", **form, nonce="c"))
    assert manual(shop) == []


@ONE_DATABASE
def test_the_page_opens_only_for_those_who_may_read_the_card(shop: World) -> None:
    page = opened(shop)
    stolen = Frame(shop, EMPLOYEE).change("hand/talk", **who(page))
    assert "открыта слишком долго" in seen(stolen)
    with shop.bx.lock:
        shop.portal.faults.own_items.append(EMPLOYEE)
        shop.portal.crm.items[crm.DEAL, 1]["assignedById"] = ADMINISTRATOR
    assert "карточка вам недоступна" in seen(opened(shop, user_id=EMPLOYEE)).lower()
    assert "нет телефона" in seen(opened(shop, 2, place="CRM_COMPANY_LIST_MENU"))
    assert "Здесь нет карточки" in seen(opened(shop, place="CRM_DEAL_LIST_TOOLBAR"))
    assert shop.app.post("/app/hand/write", data=who(page, text="x")).status_code == 401
    assert shop.app.get("/bx24/hand").status_code == 200


@ONE_DATABASE
def test_without_the_rights_nothing_is_sent_and_phones_are_masked(shop: World) -> None:
    open_windows(shop)
    hide_phones(shop)
    page = opened(shop, user_id=EMPLOYEE)
    assert "+7 912 ***-**-89" in seen(page)
    assert OLGA not in page.text
    with shop.runtime.db.read() as session:
        portal_id = session.scalars(select(Portal.id)).one()
    settings.change(shop.runtime, portal_id, rights={str(Right.SEND): Grant(Who.ADMINS).stored()})
    assert 'name="text"' not in opened(shop, user_id=EMPLOYEE).text
    answer = Frame(shop, EMPLOYEE).change("hand/write", **who(page, text="Привет", nonce="n"))
    assert "Отправлять вручную вам нельзя" in seen(answer)
    assert manual(shop) == []


@ONE_DATABASE
def test_a_client_with_several_phones_and_lines_is_asked_which(shop: World) -> None:
    shop.connect_line("second", "79004445566")
    page = opened(shop, 2, place="CRM_CONTACT_DETAIL_TAB")
    assert "+7 495 123-45-67" in page.text
    assert "+7 916 222-33-44" in page.text
    assert '<select id="f-line"' in page.text
    other = Frame(shop).change("hand/client", **{**who(page), "phone": "1", "line": "2"})
    assert '<option value="1" selected>+7 916' in other
    assert '<option value="2" selected>' in other
    assert "Нет подключённых линий" in seen(Frame(shop).change("hand/client", **{**who(page), "line": "99"}))


@ONE_DATABASE
def test_a_long_conversation_is_read_page_by_page(shop: World) -> None:
    open_windows(shop)
    for number in range(23):
        start_each(shop, text_robot(OLGA, f"Слово {number:02}."))
        jump_clock(shop, 7)
    frame, page = Frame(shop), opened(shop)
    first = re.findall(r"Слово (\d\d)\.", seen(page))
    assert first == [f"{number:02}" for number in range(3, 23)]
    cursor = re.search(r'"message_id": (\d+), "reply_id": (\d+)', page.text.replace("&#34;", '"'))
    assert cursor
    older = frame.change("hand/older", **who(page), message_id=cursor[1], reply_id=cursor[2])
    assert re.findall(r"Слово (\d\d)\.", seen(older)) == ["00", "01", "02"]
    assert "Здравствуйте" in seen(older)
    assert "Показать более ранние" not in seen(older)


@ONE_DATABASE
def test_what_goes_wrong_on_an_open_page_leaves_conversation_and_typing_where_they_are(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    assert 'id="hand-problem"' in page.text
    for path in ("talk", "write", "template", "client", "older"):
        answer = frame.post(f"/app/hand/{path}", {**who(page), "pass": "old", "text": "x"})
        assert answer.headers["HX-Retarget"] == "#hand-problem", path
        assert "<h1" not in answer.text
        assert 'name="told" value="ended"' in answer.text
    again = frame.post("/app/hand/talk", {**who(page), "pass": "old", "told": "ended"})
    assert again.status_code == 204, "said once, not every few seconds"
    told = {**who(page), "mark": hidden(page, "mark"), "told": "no_line"}
    assert 'id="hand-problem" role="alert" hx-swap-oob="true"' in frame.post("/app/hand/talk", told).text, "it is over"


@ONE_DATABASE
def test_what_was_typed_stays_when_another_line_is_chosen(shop: World) -> None:
    open_windows(shop)
    shop.connect_line("second", "79004445566")
    frame, page = Frame(shop), opened(shop)
    choice = re.search(r'<option value="([^"]+)">order_ready', page.text)
    assert choice
    typed = {**who(page), "text": "Длинный\nтекст", "link": "https://a.example/b", "template": choice[1]}
    typed |= {"text_nonce": "of the text", "template_nonce": "of the template"}
    redrawn = frame.post("/app/hand/client", {**typed, "param": ["Иван", "77"]}).text
    assert ">Длинный\nтекст</textarea>" in redrawn
    assert 'value="https://a.example/b"' in redrawn
    assert f'<option value="{choice[1]}" selected>' in redrawn
    assert 'name="param" value="77"' in redrawn
    nonces = re.findall(r'name="nonce" value="([^"]+)"', redrawn)
    assert nonces == ["of the text", "of the template"], "the same two forms still: each sends one message at most"
    closed = frame.post("/app/hand/client", {**typed, "line": "2", "text": 'С "кавычкой"'}).text
    assert "Окно закрыто" in seen(closed)
    assert '<input type="hidden" name="text" value="С &#34;кавычкой&#34;">' in closed, (
        "for when the window is open again"
    )


@ONE_DATABASE
def test_a_form_that_was_changed_after_it_had_sent_says_so(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    frame.change("hand/write", **who(page, text="Первый", nonce="same"))
    changed = frame.change("hand/write", **who(page, text="Второй", nonce="same"))
    assert "уже отправлен" in seen(changed)
    assert "Второй</textarea>" in changed
    assert hidden(changed, "nonce") != "same"
    assert len(manual(shop)) == 1
    frame.change("hand/write", **who(page, text="Второй", nonce=hidden(changed, "nonce")))
    assert len(manual(shop)) == 2
    shop.connect_line("second", "79004445566")
    choice = re.search(r'<option value="([^"]+)">order_ready', page.text)
    assert choice
    form = who(page, template=choice[1], nonce="template")
    frame.post("/app/hand/send", {**form, "param": ["Ольга", "512"]})
    for more in ({"param": ["Ольга", "513"]}, {"param": ["Ольга", "512"], "line": "2"}):
        answer = frame.post("/app/hand/send", {**form, **more}).text
        assert "уже отправлен" in seen(answer) or "нельзя отправить" in seen(answer), (
            "templates of another line have other ids"
        )
    assert len(manual(shop)) == 3


@ONE_DATABASE
def test_a_file_sent_twice_by_one_form_is_one_message(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    for _ in range(2):
        file = (io.BytesIO(png()), "plan.png")
        assert "отправляется" in seen(
            frame.post("/app/hand/write", {**who(page, text="План", nonce="n"), "file": file})
        )
    assert len(manual(shop)) == 1


@ONE_DATABASE
def test_a_text_with_an_audio_file_is_not_dropped_silently(shop: World) -> None:
    open_windows(shop)
    frame, page = Frame(shop), opened(shop)
    sound = b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x64" + bytes(413) + b"\xff\xfb\x90\x64" + bytes(413)
    answer = frame.post("/app/hand/write", {**who(page, text="Слова", nonce="n"), "file": (io.BytesIO(sound), "a.mp3")})
    assert "Под аудиофайлом WhatsApp текст не показывает" in seen(answer)
    assert 'id="e-text"' in answer.text
    assert manual(shop) == []
    again = frame.post("/app/hand/write", {**who(page, text="", nonce="n"), "file": (io.BytesIO(sound), "a.mp3")})
    assert "отправляется" in seen(again)


@ONE_DATABASE
def test_whoever_may_not_see_phones_sees_none_in_names_and_values_of_the_card(shop: World) -> None:
    with shop.bx.lock:
        deal = shop.portal.crm.items[crm.DEAL, 1]
        deal["title"] = "Заявка +7 912 345-67-89"
        contact = next(item for (kind, _), item in shop.portal.crm.items.items() if kind == crm.CONTACT)
        contact["name"], contact["lastName"] = "+79123456789", "Ольга"
    whole = opened(shop)
    assert "Заявка +7 912 345-67-89" in whole.text
    hide_phones(shop)
    page = opened(shop, user_id=EMPLOYEE)
    choice = re.search(r'<option value="([^"]+)">order_ready', page.text)
    assert choice
    asked = who(page, template=choice[1])
    frame = Frame(shop, EMPLOYEE)
    for text in (page.text, frame.change("hand/template", **asked), frame.change("hand/client", **asked)):
        assert "345" not in text.replace(hidden(page, "pass"), "")


@ONE_DATABASE
def test_a_link_that_is_none_is_refused_at_its_field(shop: World) -> None:
    open_windows(shop)
    answer = Frame(shop).change("hand/write", **who(opened(shop), text="", link="https://[", nonce="n"))
    assert 'id="e-link"' in answer


@ONE_DATABASE
def test_a_form_that_has_sent_to_one_number_does_not_claim_to_have_sent_to_another(shop: World) -> None:
    frame, page = Frame(shop), opened(shop, 2, place="CRM_CONTACT_DETAIL_TAB")
    form = who(page, template=chosen(page, "order_ready"), nonce="same")
    assert "передан" in seen(frame.post("/app/hand/send", {**form, "param": ["Иван", "512"]}))
    other = seen(frame.post("/app/hand/send", {**form, "phone": "1", "param": ["Иван", "512"]}))
    assert "уже отправлен" in other
    assert len(manual(shop)) == 1


@ONE_DATABASE
def test_whoever_loses_the_right_to_phones_sees_none_on_an_open_page(shop: World) -> None:
    with shop.bx.lock:
        shop.portal.crm.items[crm.CONTACT, 1]["name"] = "+7 912 345-67-89"
    rights = {str(Right.PHONES): Grant(Who.ALL).stored()}
    settings.change(shop.runtime, shop.stored_rows(Portal)[0].id, rights=rights)
    page = opened(shop, user_id=EMPLOYEE)
    assert "345-67-89" in page.text
    hide_phones(shop)
    redrawn = Frame(shop, EMPLOYEE).change("hand/client", **who(page))
    assert "345" not in redrawn.replace(hidden(page, "pass"), "")


@ONE_DATABASE
def test_a_window_that_closes_while_the_file_is_fetched_is_closed(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    open_windows(shop)
    page = opened(shop)

    def fetched(*_: Any, **_more: Any) -> Shared:
        shop.now += timedelta(hours=25)
        return Shared("image", "https://waba.example/files/1", "a.png", "", 1)

    monkeypatch.setattr(hand_files, "linked", fetched)
    frame = Frame(shop)
    answer = frame.change("hand/write", **who(page, text="", link="https://files.example/a.png", nonce="n"))
    assert "окно 24 часа" in seen(answer).lower()
    assert manual(shop) == []
