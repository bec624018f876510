"""Chats with operators on the pages: switched on from a line and from the contact centre; templates from the panel."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.wrappers import Response

from bx24.emulator.state import crm
from messaging.conversations.chat_tasks import IN_CHAT_UNKNOWN
from messaging.store import portal_tasks
from messaging.store.open_channels import OpenLine
from tests.flows.chats import OPEN_LINE, Chats
from tests.flows.scenes import OLGA, ONE_DATABASE, gupshup_control
from tests.flows.test_templates import CATALOGUE
from tests.support.samples import jpeg
from tests.support.world import APP, PORTAL, World
from tests.web.inside import ADMINISTRATOR, EMPLOYEE, Frame, hide_phones, seen
from tests.web.posts import frame_form, open_frame


@pytest.fixture
def chats(shop: World) -> Chats:
    return Chats(shop, is_on=False)


def card(frame: Frame) -> str:
    return seen(frame.page(f"lines/{frame.world.line.id}/channel"))


def test_a_line_is_switched_on_and_off_on_its_page(chats: Chats) -> None:
    world, frame = chats.world, Frame(chats.world)
    chats.post(f"open-lines/{OPEN_LINE}", settings={"WELCOME_MESSAGE": "Y", "WELCOME_MESSAGE_TEXT": "Привет"})
    assert "Операторы не видят" in card(frame)
    shown = seen(frame.change(f"lines/{world.line.id}/channel", open_line=str(OPEN_LINE)))
    assert "Сообщения клиентов приходят в чаты открытой линии «Открытая линия»" in shown
    assert "В открытой линии включено приветствие" in shown
    world.client_replies(OLGA, "Здравствуйте")
    world.advance_clock(2)
    assert chats.lines("client") == ["Здравствуйте"]
    assert "Выключено" in seen(frame.change(f"lines/{world.line.id}/channel/off"))
    world.client_replies(OLGA, "Ау")
    world.advance_clock(2)
    assert chats.lines("client") == ["Здравствуйте"]


@pytest.mark.parametrize(("open_line", "words"), [("", "Выберите открытую линию"), ("77", "Такой открытой линии")])
def test_a_wrong_choice_is_explained(chats: Chats, open_line: str, words: str) -> None:
    assert words in seen(Frame(chats.world).change(f"lines/{chats.world.line.id}/channel", open_line=open_line))


def test_an_employee_reads_and_changes_nothing(chats: Chats) -> None:
    frame = Frame(chats.world, EMPLOYEE)
    assert "Включить" not in card(frame)
    frame.change(f"lines/{chats.world.line.id}/channel", 403, open_line="1")
    frame.change(f"channels/{OPEN_LINE}", 403, line="1")


def test_a_portal_without_the_permission_is_told_so(shop: World) -> None:
    assert "нет права «Открытые линии»" in card(Frame(shop))


def contact_centre(world: World, user_id: int = ADMINISTRATOR, line: str = str(OPEN_LINE)) -> Any:
    options = json.dumps({"CONNECTOR": "waba24_gs", "LINE": line, "STATUS": False})
    form = frame_form(world, user_id=user_id, PLACEMENT="SETTING_CONNECTOR", PLACEMENT_OPTIONS=options)
    return open_frame(world, "connector", form)


def test_the_contact_centre_switches_a_line_on(chats: Chats) -> None:
    world, frame = chats.world, Frame(chats.world)
    assert "Выберите линию WhatsApp" in seen(contact_centre(world))
    assert "Включено" in seen(frame.change(f"channels/{OPEN_LINE}", line=str(world.line.id)))
    assert "пишут в чаты этой открытой линии" in seen(contact_centre(world))
    assert "Выключено" in seen(frame.change(f"channels/{OPEN_LINE}/off"))
    assert contact_centre(world, line="x").status_code == 404


def panel(world: World, chat_id: int, user_id: int = ADMINISTRATOR) -> Any:
    options = json.dumps({"dialogId": f"chat{chat_id}", "URI": "/online/"})
    form = frame_form(world, user_id=user_id, PLACEMENT="IM_TEXTAREA", PLACEMENT_OPTIONS=options)
    return open_frame(world, "panel", form)


def hidden(page: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page if isinstance(page, str) else page.text)
    assert found, name
    return found[1]


@pytest.fixture
def talking(shop: World) -> Chats:
    """A client has written, and his window has closed since."""
    chats = Chats(shop)
    shop.client_replies(OLGA, "Здравствуйте")
    shop.advance_clock(2)
    with shop.bx.lock:
        next(iter(shop.portal.chats.by_id.values())).crm["CONTACT"] = 1
    shop.now += timedelta(hours=30)
    return chats


def test_an_operator_sends_a_template_from_the_panel_once(talking: Chats) -> None:
    world, frame = talking.world, Frame(talking.world)
    opened = panel(world, talking.chat()["id"])
    assert "Окно закрыто" in seen(opened)
    given = hidden(opened, "pass")
    choice = re.search(r'<option value="([^"]+)">order_ready', opened.text)
    assert choice
    form = frame.get("/app/panel/template", template=choice[1], **{"pass": given}).text
    assert 'name="param" value="Ольга"' in form
    filled = {"template": choice[1], "nonce": hidden(form, "nonce"), "pass": given}
    for _ in range(3):
        answer = frame.post("/app/panel/send", {**filled, "param": ["Ольга", "512"]})
        assert "передан на отправку" in seen(answer)
        world.advance_clock(3)
    assert len(world.sent) == 1
    [note] = talking.notes()
    assert note == "Клиенту отправлен шаблон «order_ready»:\nЗдравствуйте, Ольга! Заказ 512 готов."


def test_what_is_missing_is_said_before_anything_leaves(talking: Chats) -> None:
    world, frame = talking.world, Frame(talking.world)
    opened = panel(world, talking.chat()["id"])
    choice = re.search(r'<option value="([^"]+)">order_ready', opened.text)
    assert choice
    filled = {"template": choice[1], "nonce": "n", "pass": hidden(opened, "pass"), "param": ["Ольга", ""]}
    assert "нет значения" in seen(frame.post("/app/panel/send", filled))
    world.advance_clock(3)
    assert world.sent == []


@ONE_DATABASE
def test_the_panel_sends_a_point_and_asks_for_the_files_of_cards(talking: Chats) -> None:
    world, frame = talking.world, Frame(talking.world)
    for made in CATALOGUE[-2:]:
        gupshup_control(world, "apps/acmeshop/templates", made)
    world.advance_clock(3600)
    opened = panel(world, talking.chat()["id"])
    for name, values, wrong, header in (
        ("place", {"param": "Ольга"}, "нигде", "54.98, 73.36"),
        ("goods", {"param": ["Ольга", "Стол", "Шкаф"], "button_param": ["1", "2"]}, "https://[", ""),
    ):
        choice = re.search(rf'<option value="([^"]+)">{name}', opened.text)
        assert choice
        filled = {"template": choice[1], "nonce": name, "pass": hidden(opened, "pass"), **values}
        for given in (wrong, f"{wrong}\n{wrong}"):
            answer = frame.post("/app/panel/send", {**filled, "header": given}).text
            assert 'role="alert"' in answer
            assert wrong in answer, "what was typed stays"
        if header:
            assert "передан на отправку" in seen(frame.post("/app/panel/send", {**filled, "header": header}))
    world.advance_clock(3)
    [sent] = world.sent
    assert sent.message == {"type": "location", "location": {"longitude": 73.36, "latitude": 54.98}}


@ONE_DATABASE
def test_the_panel_names_no_phone_to_whoever_may_see_none(talking: Chats) -> None:
    world = talking.world
    with world.bx.lock:
        contact = world.portal.crm.items[crm.CONTACT, 1]
        contact["name"], contact["lastName"] = "+79123456789", "Ольга"
    assert "+79123456789" in panel(world, talking.chat()["id"]).text
    hide_phones(world)
    world.portal.chats.by_id[talking.chat()["id"]].members.append(EMPLOYEE)
    page = panel(world, talking.chat()["id"], EMPLOYEE)
    assert "Окно закрыто" in seen(page)
    assert "345" not in page.text.replace(hidden(page, "pass"), "")


@ONE_DATABASE
def test_the_panel_reads_no_file_with_the_rights_of_the_app(talking: Chats) -> None:
    """The person in front of it may read less on the portal than the app may."""
    world, frame = talking.world, Frame(talking.world)
    world.net.apps["cdn.example"] = Response(jpeg(), content_type="image/jpeg")
    photo = {"name": "photo", "language": "ru", "body": "Смотрите", "kind": "IMAGE"}
    gupshup_control(world, "apps/acmeshop/templates", photo)
    world.advance_clock(3600)
    opened = panel(world, talking.chat()["id"])
    choice = re.search(r'<option value="([^"]+)">photo', opened.text)
    assert choice
    filled = {"template": choice[1], "nonce": "n", "pass": hidden(opened, "pass")}
    in_drive = f"{PORTAL}/disk/downloadFile/601/"
    wrapped = f"[url={in_drive}]x[/url]"
    cards = ("CONTACT|5|UF_CRM_1", "UF_CRM_1")
    world.net.seen.clear()
    for file in ("601", *cards, in_drive, in_drive.upper(), "/disk/downloadFile/601/", wrapped, "http://cdn.example/a"):
        answer = seen(frame.post("/app/panel/send", {**filled, "header": file}))
        assert "Укажите ссылку https, которая открывается без входа" in answer, file
    assert world.net.seen == []
    answer = frame.post("/app/panel/send", {**filled, "header": "https://cdn.example/a.jpg"})
    assert "передан на отправку" in seen(answer)
    assert world.net.hosts() == {"cdn.example"}


def test_the_panel_opens_only_for_those_who_may_open_the_chat(talking: Chats) -> None:
    world = talking.world
    with world.bx.lock:
        world.portal.open_lines.lines[OPEN_LINE].queue = [1]
        next(iter(world.portal.chats.by_id.values())).members = [1]
    assert "нет доступа к этому чату" in seen(panel(world, talking.chat()["id"], EMPLOYEE))
    given = hidden(panel(world, talking.chat()["id"]), "pass")
    stolen = Frame(world, EMPLOYEE).post("/app/panel/send", {"template": "x", "nonce": "n", "pass": given})
    assert "слишком долго" in seen(stolen)
    assert "Это не чат WhatsApp" in seen(open_frame(world, "panel", frame_form(world)))
    assert world.app.get("/bx24/panel", base_url=APP).status_code == 200


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NOT_ACTIVE_LINE", "Открытая линия или наш коннектор на ней выключены в Битрикс24"),
        ("IMCONNECTOR_NO_CORRECT_PROVIDER", "Битрикс24 больше не знает наш коннектор"),
        (IN_CHAT_UNKNOWN, "неизвестно, есть ли это сообщение в чате"),
    ],
)
def test_why_a_message_did_not_come_into_its_chat_is_said_with_what_to_do(chats: Chats, code: str, words: str) -> None:
    frame = Frame(chats.world)
    frame.change("lines/1/channel", open_line="1")
    with chats.world.runtime.db.write() as session:
        session.execute(update(OpenLine).values(error=code))
        task = {"kind": "chat", "key": "in 1", "state": "failed", "done_at": chats.world.now, "error": code}
        portal_tasks.put(session, 1, chats.world.now, [task])
    assert words in seen(frame.page("lines/1/channel"))
    health = seen(frame.page("health"))
    assert words in health
    assert "look into the chat" not in health
