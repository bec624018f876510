"""The client's phone: its pages, and what its owner does on them."""

from __future__ import annotations

import io
import re

import pytest

from .conftest import CLIENT, LIST, QUICK

PAGE = f"/phone/{CLIENT}?lang=ru&app=shopbot"
SCREEN = f"/phone/{CLIENT}/screen?lang=ru&app=shopbot"
FETCH = {"X-Requested-With": "fetch"}


def test_opening_the_page_reads_what_was_delivered(world):
    message = world.send_template()
    world.advance_clock(seconds=1)
    assert world.http.get(PAGE).status_code == 200
    world.advance_clock(seconds=1)
    assert world.statuses_of(message)[-1] == "read"
    assert world.event_payloads()[-1]["type"] == "read"


def test_a_message_to_an_open_page_is_read_at_a_glance(world):
    world.http.get(PAGE)
    message = world.send_template()
    world.advance_clock(seconds=1)
    assert world.statuses_of(message)[-1] == "read"


def test_a_message_to_a_page_closed_long_ago_is_not_read(world):
    world.http.get(PAGE)
    world.advance_clock(seconds=10)
    message = world.send_template()
    world.advance_clock(seconds=1)
    assert world.statuses_of(message)[-1] == "delivered"


def test_the_template_is_shown_with_its_values_and_buttons(world):
    world.send_template()
    world.advance_clock(seconds=1)
    page = world.http.get(SCREEN).text
    for words in (
        "Визит в пятницу",
        "Здравствуйте, Ольга! Ждём в 14:00, Ольга.",
        "Acme",
        "Подтверждаю",
        "Карта",
        "https://example.org/route",
    ):
        assert words in page


def test_what_did_not_arrive_is_in_the_log_and_not_on_the_screen(world):
    world.send(message={"type": "text", "text": "Никто не увидит"})
    world.advance_clock(seconds=1)
    screen, log = re.split('id="log"', world.http.get(SCREEN).text)
    assert "Никто не увидит" not in screen
    assert "Никто не увидит" in log
    assert "470" in log


def test_a_text_goes_to_the_business_and_opens_the_window(world):
    assert "закрыто" in world.http.get(SCREEN).text
    answer = world.http.post(f"/phone/{CLIENT}/say?app=shopbot", data={"text": "Добрый <день>"})
    assert answer.status_code == 303
    world.advance_clock(seconds=1)
    assert world.event_payloads("message")[0]["payload"] == {"text": "Добрый <день>"}
    page = world.http.get(SCREEN).text
    assert "Добрый &lt;день&gt;" in page
    assert "открыто до" in page


@pytest.mark.parametrize(
    ("message", "kind", "index", "title"),
    [
        (QUICK, "", "1", "Нет"),
        (LIST, "list", "1", "Вопрос"),
    ],
)
def test_a_press_sends_the_choice_with_a_quote(open_world, message, kind, index, title):
    sent = open_world.send(message=message)
    open_world.advance_clock(seconds=1)
    press = {"gs_id": sent, "index": index, "kind": kind}
    path = f"/phone/{CLIENT}/press?app=shopbot"
    assert open_world.http.post(path, data=press, headers=FETCH).status_code == 204
    open_world.advance_clock(seconds=1)
    event = open_world.event_payloads("message")[-1]
    assert (event["payload"]["title"], event["context"]["gsId"]) == (title, sent)
    assert 'class="quote"' in open_world.http.get(SCREEN).text


def test_a_file_is_attached_by_its_kind(world):
    data = {"file": (io.BytesIO(b"\xff\xd8"), "photo.jpg", "image/jpeg")}
    world.http.post(f"/phone/{CLIENT}/attach?app=shopbot", data=data)
    world.advance_clock(seconds=1)
    assert world.event_payloads("message")[0]["type"] == "image"
    assert 'class="shot" src="/wa/media/' in world.http.get(SCREEN).text


def test_a_request_for_the_place_is_answered_with_a_place(open_world):
    ask = {
        "type": "location_request_message",
        "body": {"type": "text", "text": "Где вы?"},
        "action": {"name": "send_location"},
    }
    sent = open_world.send(message=ask)
    open_world.advance_clock(seconds=1)
    assert "Отправить геопозицию" in open_world.http.get(SCREEN).text
    open_world.http.post(f"/phone/{CLIENT}/location?app=shopbot", data={"gs_id": sent})
    open_world.advance_clock(seconds=1)
    assert open_world.event_payloads("message")[-1]["type"] == "location"


def test_a_phone_off_the_network_gets_its_messages_on_coming_back(world):
    settings = f"/phone/{CLIENT}/settings?app=shopbot"
    world.http.post(settings, data={"receipts": "1"})
    message = world.send_template()
    world.advance_clock(hours=1)
    assert world.statuses_of(message) == ["enqueued", "sent"]
    world.http.post(settings, data={"receipts": "1", "online": "1"})
    world.advance_clock(seconds=1)
    assert world.statuses_of(message) == ["enqueued", "sent", "delivered"]


def test_without_receipts_read_never_comes(world):
    world.control(f"/phones/{CLIENT}", receipts=False)
    message = world.send_template()
    world.advance_clock(seconds=1)
    world.http.get(PAGE)
    world.advance_clock(seconds=1)
    assert world.statuses_of(message)[-1] == "delivered"


def test_the_phone_can_refuse_with_a_code_and_stop_refusing(open_world):
    settings = f"/phone/{CLIENT}/settings?app=shopbot"
    open_world.http.post(settings, data={"online": "1", "receipts": "1", "refuse": "131049"})
    assert open_world.failure_code(open_world.send_text()) == 131049
    open_world.http.post(settings, data={"online": "1", "receipts": "1", "refuse": ""})
    assert open_world.failure_code(open_world.send_text()) is None


def test_24_hours_pass_by_a_button(open_world):
    open_world.http.post(f"/phone/{CLIENT}/window?app=shopbot")
    assert open_world.failure_code(open_world.send_text()) == 470


def test_ticks_tell_whether_the_business_took_the_reply(world):
    world.client_sends()
    assert "tick-sent" in world.http.get(SCREEN).text
    world.advance_clock(seconds=1)
    assert "tick-delivered" in world.http.get(SCREEN).text.split('id="log"')[0]


@pytest.mark.parametrize(
    ("query", "header", "word"),
    [
        ("?lang=ru", "en", "Чаты"),
        ("?lang=en", "ru", "Chats"),
        ("", "kk-KZ,kk;q=0.9", "Чаты"),
        ("", "de", "Chats"),
        ("", "", "Chats"),
    ],
)
def test_the_language_is_that_of_the_address_else_of_the_browser(world, query, header, word):
    assert f">{word}</h1>" in world.http.get(f"/{query}", headers={"Accept-Language": header}).text


def test_pages_carry_no_script_or_style_of_their_own(open_world):
    open_world.send(message=LIST)
    open_world.advance_clock(seconds=1)
    for path in ("/", PAGE, "/phone/79120000001"):
        answer = open_world.http.get(path)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text)


def test_the_first_page_lists_chats_freshest_first(world):
    world.client_sends(text="Первый")
    world.advance_clock(seconds=1)
    world.control("/reply", app="otherbot", phone="79120000001", type="text", text="Второй")
    page = world.http.get("/").text
    assert page.index("Второй") < page.index("Первый")


def test_a_number_typed_by_a_person_leads_to_its_phone(world):
    answer = world.http.get("/phone?number=%2B7+912+345-67-89&lang=ru")
    assert answer.headers["Location"].startswith(f"/phone/{CLIENT}?lang=ru")


def test_without_apps_the_phone_says_so():
    from gupshup.emulator import create_emulator

    answer = create_emulator().test_client().get(PAGE)
    assert answer.status_code == 404
    assert "Такого чата нет" in answer.text


@pytest.mark.parametrize(
    ("kind", "type_", "said"),
    [
        ("quote", "text", {"text": "Когда?"}),
        ("voice", "audio", {"contentType": "audio/ogg; codecs=opus"}),
        ("sticker", "sticker", {"contentType": "image/webp"}),
        ("contact", "contact", {}),
        ("location", "location", {"latitude": "54.9885"}),
        ("reaction", "reaction", {"emoji": "👍"}),
        ("no_reaction", "reaction", {"emoji": ""}),
    ],
)
def test_a_client_can_send_anything_and_quote_a_message(world, kind, type_, said):
    message = world.send_template()
    world.advance_clock(seconds=1)
    form = {"kind": kind, "gs_id": message["messageId"] if isinstance(message, dict) else message, "text": "Когда?"}
    assert world.http.post(f"/phone/{CLIENT}/more?app=shopbot", data=form).status_code == 303
    world.advance_clock(seconds=1)
    sent = world.event_payloads("message")[0]
    assert sent["type"] == type_
    assert said.items() <= sent["payload"].items()
    if type_ != "reaction":
        assert sent["context"]["gsId"] == form["gs_id"]
