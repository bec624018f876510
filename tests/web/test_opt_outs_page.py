"""Opt-outs: the list, files of phones, the rules; by whom, wrong input, other portals."""

from __future__ import annotations

import io
from time import process_time
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from messaging.policy.settings import Policy
from messaging.store.models import Portal
from messaging.store.opt_outs import OptOut
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, gupshup_control, jump_clock, open_windows, text_robot
from tests.support.rows import copies
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, hide_phones, second_portal, seen
from web.pages.opt_outs import files
from web.sheets import NEXT

RULES = {"stop_words": "стоп\nstop", "start_words": "старт", "cap_in_a_row": "3", "cap_rest_h": "48"}


def entries(world: World) -> list[OptOut]:
    with world.runtime.db.read() as session:
        return list(session.scalars(select(OptOut).order_by(OptOut.id)))


def policy(world: World) -> Policy:
    with world.runtime.db.read() as session:
        return Policy.of(session.scalars(select(Portal)).one())


def load(frame: Frame, content: bytes, name: str = "phones.csv") -> str:
    return seen(frame.post("/app/opt-outs/import", file=(io.BytesIO(content), name)))


@ONE_DATABASE
def test_everybody_reads_and_administrators_change(shop: World) -> None:
    Frame(shop).change("opt-outs/add", phone=OLGA)
    hide_phones(shop)
    before = policy(shop)
    reader = Frame(shop, EMPLOYEE)
    page = seen(reader.page("opt-outs"))
    assert "+7 912 ***-**-89" in page
    assert "Менять список могут администраторы портала" in page
    assert "Снять" not in page
    for path, fields in (("add", {"phone": PHONES[0]}), ("1/lift", {}), ("import", {}), ("rules", RULES)):
        reader.change(f"opt-outs/{path}", 403, **fields)
        assert shop.app.post(f"/app/opt-outs/{path}").status_code == 401
    assert "<form" not in reader.page("opt-outs/1")
    assert "Сохранить правила" not in reader.page("opt-outs/rules")
    assert OLGA not in reader.post("/app/opt-outs.csv").text
    assert len(entries(shop)) == 1
    assert policy(shop) == before


def test_a_client_is_added_found_and_lifted(shop: World) -> None:
    frame = Frame(shop)
    assert "Никто не отказался" in seen(frame.page("opt-outs"))
    assert "Больше не пишем" in seen(frame.change("opt-outs/add", phone="8 (912) 345-67-89"))
    assert "Уже был в списке" in seen(frame.change("opt-outs/add", phone=f"+{OLGA}"))
    open_windows(shop)
    shop.robots_start(text_robot())
    jump_clock(shop, 2)
    assert shop.sent == []
    run = seen(frame.page("messages/1"))
    assert "клиент отказался от сообщений 23.11.2026 (в список внёс администратор)" in run
    assert "/app/opt-outs/1" in frame.page("messages/1")
    for words, found in (
        (f"+{OLGA}", "в список внёс администратор"),
        (PHONES[0], "Этого клиента нет"),
        ("67", "номер целиком"),
    ):
        assert found in seen(frame.post("/app/opt-outs", words=words, target="found")), words
    assert "Все отказы" in seen(frame.page("opt-outs/1"))
    assert "Снова можно писать" in seen(frame.change("opt-outs/1/lift"))
    assert "Этот отказ уже сняли" in seen(frame.change("opt-outs/1/lift"))
    frame.page("opt-outs/1", 404)
    assert "/app/opt-outs/1" not in frame.page("messages/1")
    for phone in ("", "нет", "123"):
        assert "Это не похоже на номер" in seen(frame.change("opt-outs/add", phone=phone)), phone


@ONE_DATABASE
def test_several_numbers_are_added_together_or_none(shop: World) -> None:
    frame = Frame(shop)
    assert "Это не похоже на номер" in seen(frame.change("opt-outs/add", phone=f"+{OLGA}, 123456789012345"))
    assert entries(shop) == []
    assert "2 новых клиента в списке" in seen(frame.change("opt-outs/add", phone=f"+{OLGA}, +{PHONES[0]}"))
    assert [entry.phone for entry in entries(shop)] == [OLGA, PHONES[0]]


@ONE_DATABASE
def test_a_page_that_is_old_lifts_nobody_elses_entry(shop: World) -> None:
    frame = Frame(shop)
    frame.change("opt-outs/add", phone=OLGA)
    [shown] = entries(shop)
    frame.change(f"opt-outs/{shown.id}/lift")  # another administrator
    frame.change("opt-outs/add", phone=PHONES[0])
    assert "Этот отказ уже сняли" in seen(frame.change(f"opt-outs/{shown.id}/lift"))
    assert [entry.phone for entry in entries(shop)] == [PHONES[0]]


@ONE_DATABASE
def test_what_the_client_told_whatsapp_says_why_it_cannot_be_lifted(shop: World) -> None:
    gupshup_control(shop, "preference", {"app": "acmeshop", "phone": OLGA, "preference": "stop"})
    jump_clock(shop, 1)
    frame = Frame(shop)
    page = seen(frame.page("opt-outs"))
    assert "рекламы с линии «acmeshop»" in page
    assert "Снять может только сам клиент, в WhatsApp" in page
    assert "Снять этот отказ может только сам клиент" in seen(frame.change("opt-outs/1/lift"))
    assert len(entries(shop)) == 1


@ONE_DATABASE
def test_another_portals_list_does_not_exist_here(shop: World) -> None:
    frame = Frame(shop)
    frame.change("opt-outs/add", phone=OLGA)
    other_id = second_portal(shop)
    with shop.runtime.db.write() as session:
        session.execute(update(OptOut).values(portal_id=other_id))
    frame.page("opt-outs/1", 404)
    frame.change("opt-outs/1/lift")
    for page in (
        frame.page("opt-outs"),
        frame.post("/app/opt-outs", words=OLGA).text,
        frame.post("/app/opt-outs.csv").text,
    ):
        assert "912" not in page
    assert len(entries(shop)) == 1


def test_a_file_is_loaded_once_however_often_it_is_sent(shop: World) -> None:
    frame = Frame(shop)
    content = f"Имя;Телефон\nОльга;{OLGA}\nИван;{PHONES[0]}\nНикто;\nОшибка;12345678\nОльга;+{OLGA}\n".encode()
    page = load(frame, content)
    assert "2 новых клиента в списке" in page
    assert "Повторов в файле: 1" in page
    assert "Строка 4: нет телефона Никто" in page
    assert "Строка 5: это не номер телефона Ошибка 12345678" in page
    assert "0 новых клиентов в списке" in load(frame, content)
    assert [(one.phone, one.source, one.why) for one in entries(shop)] == [
        (OLGA, "import", "phones.csv"),
        (PHONES[0], "import", "phones.csv"),
    ]
    sheet = frame.post("/app/opt-outs.csv", minutes=180)
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="opt-outs.csv"'
    rows = sheet.text.removeprefix("\ufeff").splitlines()
    assert rows[0] == "Телефон;Действует для;Когда;Источник;Почему;ID сотрудника"
    assert rows[1].startswith(f"{PHONES[0]};Все линии;2026-11-23 12:00:0")
    assert "0 новых клиентов в списке" in load(frame, sheet.data), "what was exported can be loaded"


@ONE_DATABASE
def test_a_long_list_comes_in_parts(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part keeps its thread for a moment only, and nobody keeps it by reading slowly."""
    monkeypatch.setattr(files, "_PAGE", 2)
    monkeypatch.setattr(files, "PART", 4)
    frame, numbers = Frame(shop), [f"7912000{number:04}" for number in range(9)]
    load(frame, "\n".join(numbers).encode())
    whole, after, parts = "", "", 0
    while parts == 0 or after:
        answer = frame.post("/app/opt-outs.csv", after=after)
        assert answer.headers["Content-Length"] == str(len(answer.data)), "made whole before it is sent"
        whole, after, parts = whole + answer.text, answer.headers.get(NEXT, ""), parts + 1
    head, *rows = whole.splitlines()
    assert (parts, head.startswith("\ufeffТелефон;")) == (3, True)
    assert [row.partition(";")[0] for row in rows] == numbers[::-1]


@ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "empty.csv", "нет ни одного телефона"),
        (b"PK\x03\x04\0", "book.xlsx", "Это не текстовый файл"),
        (b"1" * 1_050_000, "huge.csv", "Файл больше 1 МБ"),
        (b"7\n" * 10_100, "long.csv", "В файле больше 10 000 строк или номеров"),
        (b"", "", "Выберите файл"),
    ],
)
def test_a_file_that_is_no_list_changes_nothing(shop: World, content: bytes, name: str, words: str) -> None:
    assert words in load(Frame(shop), content, name).replace("\xa0", " ")
    assert entries(shop) == []
    assert Frame(shop).post("/app/opt-outs/import", file=(io.BytesIO(b"1" * 2_000_000), "x.csv")).status_code == 413


@ONE_DATABASE
def test_the_export_holds_no_formulas(shop: World) -> None:
    Frame(shop).post("/app/opt-outs/import", file=(io.BytesIO(OLGA.encode()), "=cmd()|x.csv"))
    with shop.runtime.db.write() as session:
        session.execute(update(OptOut).values(source="word"))
    sheet = Frame(shop, lang="en").post("/app/opt-outs.csv").text
    assert ",word," in sheet
    assert not [cell for line in sheet.splitlines() for cell in line.split(",") if cell[:1] in ("=", "+", "-", "@")]


# --- rules ----------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_the_rules_are_kept_and_hold(shop: World) -> None:
    frame = Frame(shop)
    page = seen(frame.page("opt-outs/rules"))
    assert "отписаться" in page
    said = seen(frame.change("opt-outs/rules", **RULES, stops_utility="1"))
    assert "Правила сохранены" in said
    kept = policy(shop)
    assert (kept.stop_words, kept.start_words, kept.stops_utility) == (("стоп", "stop"), ("старт",), True)
    assert (kept.cap_in_a_row, kept.cap_rest_h) == (3, 48)
    frame.change("opt-outs/rules", **RULES)
    assert policy(shop).stops_utility is False


@ONE_DATABASE
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("stop_words", " \n", "Введите хотя бы одно слово"),
        ("start_words", "", "Введите хотя бы одно слово"),
        ("stop_words", "стоп\n!!!", "только знаки"),
        ("stop_words", "слово" * 20, "не больше 60 символов"),
        ("stop_words", "\n".join(map(str, range(51))), "Не больше 50 слов"),
        ("start_words", "СТОП!", "То же слово есть среди останавливающих"),
        *(
            (name, value, "Укажите число от 0")
            for name in ("cap_in_a_row", "cap_rest_h")
            for value in ("", "-1", "много", "999")
        ),
    ],
)
def test_rules_that_cannot_be_kept_are_named(shop: World, field: str, value: str, words: str) -> None:
    page = Frame(shop).change("opt-outs/rules", **{**RULES, field: value})
    assert words in seen(page)
    assert f'id="f-{field}"' in page
    assert policy(shop) == Policy()


@ONE_DATABASE
def test_what_a_message_would_do_is_told_while_the_words_are_typed(shop: World) -> None:
    frame = Frame(shop)
    for message, words in (
        ("Стоп!", "Остановит сообщения"),
        ("старт", "Снова разрешит"),
        ("отписаться", "Ничего не изменит"),
        ("", "Введите сообщение"),
    ):
        assert words in seen(frame.post("/app/opt-outs/rules/try", RULES, message=message)), message
    reader = Frame(shop, EMPLOYEE)
    assert "Остановит" in seen(reader.post("/app/opt-outs/rules/try", message="отписаться")), "the portal's own words"


# --- size ----------------------------------------------------------------------------------------------------


def test_fifty_thousand_entries_make_no_page_slow(shop: World) -> None:
    frame = Frame(shop)
    frame.change("opt-outs/add", phone=OLGA)
    with shop.runtime.db.engine.begin() as connection:
        copies(connection, "opt_out", 1, 50_000, phone_key="'k' || n")
        connection.execute(text("ANALYZE"))
    asked: list[tuple[str, dict[str, Any]]] = [
        ("opt-outs", {}),
        ("opt-outs", {"words": OLGA}),
        ("opt-outs", {"before": "900"}),
    ]
    took = []
    for path, fields in asked:
        frame.post(f"/app/{path}", fields)
        began = process_time()
        assert "+7 912 345-67-89" in frame.post(f"/app/{path}", fields).text
        took.append(process_time() - began)
    assert min(took) < 0.1
    assert max(took) < 0.5
    with shop.runtime.db.read() as session:
        assert session.scalar(select(func.count(OptOut.id))) == 50_001
