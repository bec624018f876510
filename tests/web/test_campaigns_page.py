"""Campaigns: the list, the steps of a draft, progress and report; by whom, wrong input, other portals."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from time import process_time
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import select, text, update

from messaging.campaigns import changes
from messaging.campaigns.recipients import Entry
from messaging.lines import lines
from messaging.store.campaigns import Campaign, Recipient
from messaging.store.models import Message
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES
from tests.flows.test_templates import CATALOGUE
from tests.support.rows import copies
from tests.support.world import World
from tests.web.inside import EMPLOYEE, STRANGER, Frame, second_portal, seen

FILE = "Телефон;Имя;Город\n+7 912 345-67-89;Ольга;Москва\n89162223301;Иван;Тула\nнет;Пётр;Омск\n"


def only(world: World) -> Any:
    """The portal's newest campaign."""
    with world.runtime.db.read() as session:
        return session.scalars(select(Campaign).order_by(Campaign.id.desc())).first()


class Draft:
    """A draft, and what is done on its pages."""

    def __init__(self, world: World, lang: str = "ru") -> None:
        self.world, self.frame = world, Frame(world, lang=lang)
        self.frame.change("campaigns/new")
        self.key = only(world).key

    def get(self, path: str = "") -> str:
        return seen(self.frame.page(f"campaigns/{self.key}{path}"))

    def post(self, path: str, **fields: Any) -> str:
        answer = self.frame.post(f"/app/campaigns/{self.key}/{path}", fields)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        found = re.search(r"/app/campaigns/([^/\"]+)/audience\"", answer.text)
        self.key = found[1] if found else self.key
        return seen(answer)

    def upload(self, content: bytes, name: str = "clients.csv") -> str:
        return self.post("file", file=(io.BytesIO(content), name))

    def template(self, **fields: Any) -> str:
        return self.post("template", lines=str(self.world.line.id), template="ru order_ready", **fields)

    def checked(self) -> str:
        self.post("check")
        self.world.advance_clock(2)
        return self.get("/checked")


def ready(world: World, phones: list[str]) -> Draft:
    """A draft with pasted phones and the template `welcome`, checked."""
    draft = Draft(world)
    draft.post("phones", phones="\n".join(f"+{phone}; Клиент" for phone in phones))
    draft.post("template", lines=str(world.line.id), template="ru welcome", next="1")
    draft.post("timing", when="now")
    draft.checked()
    return draft


@ONE_DATABASE
def test_only_administrators_see_campaigns(shop: World) -> None:
    draft = Draft(shop)
    reader = Frame(shop, EMPLOYEE)
    for path in ("campaigns", f"campaigns/{draft.key}", f"campaigns/{draft.key}/check", f"campaigns/{draft.key}/live"):
        reader.page(path, 403)
    for path in ("campaigns/new", f"campaigns/{draft.key}/start", f"campaigns/{draft.key}/recipients.csv"):
        reader.change(path, 403)
        assert shop.app.post(f"/app/{path}").status_code == 401
    second_portal(shop)
    stranger = Frame(shop, member_id=STRANGER)
    assert "Рассылок пока нет" in seen(stranger.page("campaigns"))
    for path in ("", "/audience", "/template", "/timing", "/check", "/live", "/curve"):
        stranger.page(f"campaigns/{draft.key}{path}", 404)
    for path in ("delete", "copy", "start", "recipients", "recipients.xlsx", "preview"):
        stranger.change(f"campaigns/{draft.key}/{path}", 404)


@ONE_DATABASE
def test_a_file_is_uploaded_mapped_previewed_tested_and_sent(shop: World) -> None:
    assert "Рассылок пока нет" in seen(Frame(shop).page("campaigns"))
    draft = Draft(shop)
    page = draft.upload(FILE.encode("cp1251"))
    assert "Ольга" in page
    assert "clients.csv" in page
    shop.advance_clock(2)
    read = draft.get("/read")
    assert "2 получателя" in read
    assert "1 строка не подошла" in read
    assert "нет" in read
    assert "4;нет" in draft.frame.post(f"/app/campaigns/{draft.key}/rows.csv").text
    draft.template()
    assert "Укажите, откуда" in draft.template(next="1")
    mapped = {"source": [":Имя", ":Город"], "text": ["", "Курск"]}
    shown = draft.post("preview", lines=str(shop.line.id), template="ru order_ready", nth="1", **mapped)
    for words in ("Иван", "Тула", "2 из "):
        assert words in shown
    assert "Отправляем" in draft.post("test", test_phone="+7 916 222-33-05", nth="1")
    shop.advance_clock(2)
    assert [sent.destination for sent in shop.sent] == ["79162223305"]
    draft.template(next="1", **mapped)
    draft.post("timing", when="now", has_hours="1", begin="00:00", end="23:59", per_minute="600")
    page = draft.checked()
    assert "получат: 2" in page, page
    draft.post("start")
    shop.advance_clock(10)
    assert sorted(sent.destination for sent in shop.sent) == ["79123456789", PHONES[0], "79162223305"]
    live = draft.get("/live")
    assert "Завершена" in live
    assert "2 из 2" in live
    listed = seen(draft.frame.page("campaigns"))
    assert "Завершена" in listed
    assert "Сообщения по часам" in draft.get("/curve")


@ONE_DATABASE
def test_templates_with_a_point_and_with_cards_are_mapped_and_sent(world: World) -> None:
    world.install_app()
    world.connect_line(templates=CATALOGUE)
    link = "https://files.example/1.jpg"
    point, file = [":Адрес", ":Имя"], ["=", ":Имя", "=", ":Имя", "=", "="]
    for template, source, fixed, wanted in (
        ("place", point, ["", ""], [["Ольга"], ["Иван"]]),
        ("goods", file, [f"{link}|{link}", "", "Стол", "", "1", "2"], [["Ольга", "Стол", "1", "Ольга", "2"]]),
    ):
        draft = Draft(world)
        rows = ["79123456789;Ольга;54.98, 73.36|Офис", f"{PHONES[0]};Иван;54.1, 73.2"][: len(wanted)]
        draft.upload("\n".join(["Телефон;Имя;Адрес", *rows]).encode())
        world.advance_clock(2)
        chosen = {"lines": str(world.line.id), "template": f"ru {template}"}
        draft.post("template", **chosen)
        assert "Укажите, откуда" in draft.post("template", **chosen, next="1")
        shown = draft.post("preview", **chosen, nth="0", source=source, text=fixed)
        assert "Ольга" in shown
        assert ("окончание ссылки https://shop.example/ …" in draft.get("/template")) == (template == "goods")
        draft.post("template", **chosen, next="1", source=source, text=fixed)
        draft.post("timing", when="now")
        assert f"получат: {len(wanted)}" in (page := draft.checked()), page
        sent = len(world.sent)
        draft.post("start")
        world.advance_clock(10)
        assert sorted(one.template["params"] for one in world.sent[sent:]) == sorted(wanted)
    assert world.sent[-1].message["cards"] == [{"link": link}, {"link": link}]
    assert {one.message["location"]["latitude"] for one in world.sent[:2]} == {54.98, 54.1}


@ONE_DATABASE
def test_what_cannot_be_read_is_said(shop: World) -> None:
    draft = Draft(shop)
    for content, name, said in (
        (b"", "", "Выберите файл"),
        (b"", "empty.csv", "нет ни одной строки"),
        (b"%PDF-1.7 \x00\x01", "list.xlsx", "не таблица"),
        (b"PK\x03\x04 broken", "list.xlsx", "повреждён"),
    ):
        assert said in draft.upload(content, name), name
    assert only(shop).audience is None
    assert "Вставьте" in draft.post("phones", phones="  \n")
    bad = draft.post("phones", phones="+7 912 345-67-89; Ольга\nнет\n7,91612E+10")
    assert "Добавили 1 телефон" in bad
    assert "Excel сократил телефон" in bad
    assert "Выберите день и время" in draft.post("timing", when="later", start="завтра")
    assert "уже прошёл" in draft.post("timing", when="later", start="2020-01-01T10:00")
    assert "от 1 до" in draft.post("timing", when="now", per_minute="0")
    assert "одинаковые" in draft.post("timing", when="now", has_hours="1", begin="09:00", end="09:00")
    assert "Выберите" in draft.post("template", next="1")
    assert "Сначала" in draft.post("start")


@ONE_DATABASE
def test_a_list_replaces_a_file_and_nobody_of_the_file_stays(shop: World) -> None:
    draft = Draft(shop)
    draft.upload(FILE.encode())
    shop.advance_clock(2)
    draft.post("phones", phones=f"+{PHONES[4]}")
    draft.post("template", lines=str(shop.line.id), template="ru welcome", next="1")
    draft.post("timing", when="now")
    draft.checked()
    draft.post("start")
    shop.advance_clock(10)
    assert [sent.destination for sent in shop.sent] == [PHONES[4]]


@ONE_DATABASE
def test_items_of_the_crm_are_counted_for_the_person_who_looks(shop: World) -> None:
    draft = Draft(shop)
    assert "не сообщил, кто вы" in draft.post("crm")
    assert "не ответил" in draft.post("crm", access_token="f" * 70)
    with shop.bx.lock:
        token = shop.bx.tokens.issue(shop.portal, 1).access_token
    page = draft.post("crm", access_token=token)
    assert "Сделки" in page
    assert f"Нашлось: {len(shop.portal.crm.of(2))}" in page
    found = draft.post("crm", access_token=token, type="2", field="id", compared="=", value="1")
    assert "Нашлось: 1" in found
    assert only(shop).audience is None, "looking is not choosing"
    assert "Укажите значение" in draft.post("crm", access_token=token, type="2", field="title", compared="%", value="")
    chosen = {
        "access_token": token,
        "type": "2",
        "created_from": "2020-01-01",
        "field": "id",
        "compared": "=",
        "value": "1",
    }
    assert "Получатели выбраны" in draft.post("crm", take="1", **chosen)
    assert only(shop).audience == {
        "kind": "crm",
        "type": 2,
        "filter": {">=createdTime": "2020-01-01T00:00:00", "=id": "1"},
    }
    draft.template()
    shown = draft.post(
        "preview",
        lines=str(shop.line.id),
        template="ru order_ready",
        source=[":CONTACT.NAME", ":title"],
        text=["", ""],
    )
    assert "1 из 1" in shown
    assert "Ольга" in shown


def test_it_is_paused_resumed_scheduled_and_cancelled(shop: World) -> None:
    lines.set_pace(shop.runtime, shop.line.id, 1)
    draft = ready(shop, PHONES)
    draft.post("start")
    shop.advance_clock(2)
    assert "Идёт" in draft.get("/live")
    assert "Остановлена вручную" in draft.post("pause")
    out = len(shop.sent)
    assert "Идёт" in draft.post("resume")
    shop.advance_clock(1)
    assert "За это время рассылка изменилась" in draft.post("timing", when="now")
    assert "отменена" in draft.post("cancel")
    shop.advance_clock(3)
    assert out <= len(shop.sent) < len(PHONES)
    listed = draft.post("recipients", state="skipped", reason="cancelled")
    assert "рассылку отменили" in listed
    later = Draft(shop)
    later.post("phones", phones=f"+{OLGA}")
    later.post("template", lines=str(shop.line.id), template="ru welcome", next="1")
    later.post("timing", when="later", start="2030-01-01T10:00")
    later.checked()
    assert "Запланирована" in later.post("start")
    assert "снова черновик" in later.post("unschedule")
    assert "удалён" in later.post("delete")


def test_failures_are_explained_and_written_to_again(shop: World) -> None:
    draft = ready(shop, [OLGA, "79162220000", *PHONES[:2]])
    draft.post("start")
    shop.advance_clock(10)
    with shop.runtime.db.write() as session:
        refused = {"status": "failed", "error_code": "131049"}
        session.execute(update(Message).where(Message.origin == "campaign", Message.origin_id == 1).values(refused))
    shop.advance_clock(3)
    live = draft.get("/live")
    assert "Не доставлено: 2" in live
    assert "131049" in live
    assert draft.frame.post(f"/app/campaigns/{draft.key}/recipients.csv").text.count("\r\n") == 5
    workbook = draft.frame.post(f"/app/campaigns/{draft.key}/recipients.xlsx", state="failed")
    rows = list(load_workbook(io.BytesIO(workbook.data)).active.values)
    assert len(rows) == 3
    assert {row[0] for row in rows[1:]} == {f"+{OLGA}", "+79162220000"}
    assert "не получили прежнюю: 1" in draft.post("again", code="131049"), "nobody else"
    shop.advance_clock(2)
    assert "1 получатель" in draft.get("/read")
    again = only(shop)
    assert again.start_at == shop.now - timedelta(seconds=2) + timedelta(hours=24)
    with shop.runtime.db.read() as session:
        assert [one.phone for one in session.scalars(select(Recipient).where(Recipient.campaign_id == again.id))] == [
            OLGA
        ]


def test_the_list_is_filtered_and_paged(shop: World) -> None:
    draft = Draft(shop)
    entries = [Entry(n, f"+7916{n:07d}", {"name": f"Имя {n}"}) for n in range(1, 61)]
    changes.add(shop.runtime, shop.line.portal_id, draft.key, entries)
    for state in ("", "pending", "nonsense", "skipped", "queued", "unknown", "failed", "read", "replied"):
        page = draft.post("recipients", state=state)
        assert ("Показать ещё 50" in page) == (state in ("", "pending", "nonsense")), state
    with shop.runtime.db.read() as session:
        fiftieth = session.scalars(select(Recipient.id).order_by(Recipient.id).offset(49)).first()
    answer = draft.frame.post(f"/app/campaigns/{draft.key}/recipients", target="more-recipients", after=fiftieth)
    assert seen(answer).count("+7 916") == 10


@ONE_DATABASE
def test_twenty_thousand_recipients_do_not_slow_the_page_down(shop: World) -> None:
    draft = ready(shop, [OLGA])
    draft.post("start")
    shop.advance_clock(5)
    with shop.runtime.db.write() as session:
        connection = session.connection()
        copies(connection, "message", 1, 20_000, origin_id="1000 + n", accepted_at=_SPREAD, delivered_at=_SPREAD)
        copies(connection, "recipient", 1, 20_000, phone_key="'k' || n", message_id="1 + n")
        connection.execute(text("UPDATE message SET origin_id = id"))
        connection.execute(text("DELETE FROM message WHERE id % 4 = 0"))
        connection.execute(text("UPDATE recipient SET state = 'pending', message_id = NULL WHERE id % 4 = 0"))
        connection.execute(text("ANALYZE"))
    asked: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("/live", {}),
        ("/recipients", {"state": "delivered", "after": "15000"}),
        ("/recipients", {"after": "15000"}),
        ("/recipients", {"state": "pending"}),
    ]
    took = {}
    for path, fields in asked:
        shop.now += timedelta(seconds=3)  # what was counted is no longer remembered
        began = process_time()
        page = draft.post(path[1:], **fields) if fields else draft.get(path)
        took[path, *fields] = process_time() - began
        assert "20 001" in page or fields, path
    assert sorted(took.values())[len(took) // 2] < 0.1, took
    assert max(took.values()) < 0.5, took
    assert "Сообщения по часам" in draft.get("/curve")


#: A few hours, so that the curve has some points.
_SPREAD = "datetime('2026-11-20', '+' || n || ' seconds') || '.000000'"


@ONE_DATABASE
def test_the_first_rows_of_the_list_follow_the_campaign_until_somebody_asks_for_more(shop: World) -> None:
    draft = ready(shop, [OLGA])
    address = f"/app/campaigns/{draft.key}/recipients"
    follows = 'hx-trigger="tick from:body" hx-target="#listed"'
    assert follows not in draft.frame.post(address).text, "a draft does not move"
    entries = [Entry(n, f"+7916{n:07d}") for n in range(1, 121)]
    changes.add(shop.runtime, shop.line.portal_id, draft.key, entries)
    draft.checked()
    draft.post("start")
    shop.advance_clock(2)
    assert draft.frame.post(address).text.count(follows) == 1
    assert draft.frame.post(address, state="read").text.count(follows) == 1, "an empty list, too"
    with shop.runtime.db.read() as session:
        fiftieth = session.scalars(select(Recipient.id).order_by(Recipient.id).offset(49)).first()
    more = draft.frame.post(address, target="more-recipients", after=fiftieth).text
    assert "Показать ещё 50" in more
    assert follows not in more
    shop.advance_clock(3600)
    assert follows not in draft.frame.post(address).text, "it is over"
