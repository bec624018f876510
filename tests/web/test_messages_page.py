"""Messages: who finds what (ui.md 3.9)."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import render_template
from sqlalchemy import select, update

from gupshup import formatting
from messaging.insight import search, search_rows
from messaging.insight.query import Query
from messaging.store.models import Message, Portal, Run
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import World
from tests.web.inside import EMPLOYEE, STRANGER, Frame, hide_phones, second_portal, seen
from web.pages import messages


def _rows(page: str) -> list[str]:
    """The rows of the list, each as plain text."""
    rows = re.findall(r"<tr>\s*<td[^>]*>.*?</tr>", page, re.DOTALL)
    return [seen(row) for row in rows]


def _found(frame: Frame, **filters: str) -> list[str]:
    return _rows(frame.post("/app/messages", filters, target="found").text)


@pytest.fixture
def frame(shop: World) -> Frame:
    return Frame(shop)


def test_each_filter_finds_what_it_names_and_nothing_else(shop: World, frame: Frame) -> None:
    open_windows(shop)
    start_each(
        shop,
        text_robot(OLGA, "Ваш заказ готов", until="delivered"),
        template_robot(PHONES[0], until="accepted"),
        text_robot(PHONES[1], "Окно закрыто у этого"),
        ("robot.check_window", {"phone": OLGA}),
    )
    shop.advance_clock(5)
    shop.robots_start(template_robot(PHONES[2]), item=2)
    shop.advance_clock(5)
    everything = _found(frame)
    assert len(everything) == 5
    assert "WhatsApp: шаблон клиенту" in everything[0], "newest first"
    assert len(_found(frame, words="+7 (912) 345-67-89")) == 2, "the whole phone, as people write it"
    assert len(_found(frame, words=OLGA[-4:])) == 2, "its last digits"
    assert _found(frame, words="сделка 2") == _found(frame, words="DEAL_2") == everything[:1]
    assert len(_found(frame, words="сделка 1")) == 4
    message = shop.stored_rows(Message)[0]
    assert len(_found(frame, words=str(message.gupshup_id))) == len(_found(frame, words=f"#{message.id}")) == 1
    assert len(_found(frame, words=shop.stored_rows(Run)[0].trace)) == 1, "the number that support is told"
    assert _found(frame, words="+7 900 000-00-01") == _found(frame, words="заказ") == []
    refused = _found(frame, status="failed")
    assert len(refused) == 1
    assert "Окно закрыто у этого" in refused[0]
    assert "Окно 24 часа закрыто" in refused[0], "in one sentence why"
    assert "+7 916 222-33-02" in refused[0], "the phone it was meant for"
    assert len(_found(frame, action="check_window")) == len(_found(frame, status="ok")) == 1
    assert len(_found(frame, line=str(shop.line.id))) == 5
    assert _found(frame, line="999") == []
    assert _found(frame, period="own", first="2026-11-01", last="2026-11-22") == []
    assert len(_found(frame, period="own", first="2026-11-23", last="2026-11-23")) == 5
    assert len(_found(frame, period="today")) == len(_found(frame, period="all")) == 5


@ONE_DATABASE
def test_what_sends_nothing_has_not_run_when_it_failed(shop: World, frame: Frame) -> None:
    start_each(shop, ("robot.check_window", {"phone": "+999 912 3456789"}), text_robot(PHONES[0], "Окно закрыто"))
    shop.advance_clock(5)
    failed = _found(frame, status="failed")
    assert [words in row for row, words in zip(failed, ("Не доставлено", "Не выполнено"), strict=True)] == [True, True]


@ONE_DATABASE
def test_each_reason_on_the_start_page_opens_its_own_failures(shop: World, frame: Frame) -> None:
    codes = {PHONES[0]: 1002, PHONES[1]: 131049, PHONES[2]: 131049}
    shop.set_gupshup_faults(destinations={phone: {"code": code} for phone, code in codes.items()})
    start_each(
        shop, *(template_robot(phone, until="delivered") for phone in codes), text_robot(PHONES[3]), text_robot(OLGA)
    )
    jump_clock(shop, 5, 5)
    needs = frame.page("start/needs")
    links = [json.loads(html.unescape(sent)) for sent in re.findall(r"hx-vals='([^']+)'", needs)]
    counted = [int(number) for number in re.findall(r"<strong>[^<]*\((\d+) за 24 часа\)", needs)]
    assert sorted(counted) == [1, 2, 2]
    assert [len(_found(frame, **link)) for link in links] == counted
    page = frame.post("/app/messages", links[0]).text
    assert 'name="code"' in page, "the list says what it is filtered by, and lets go of it"


@ONE_DATABASE
def test_a_reason_opens_the_last_24_hours_and_no_other_reasons_of_messages_without_a_run(
    shop: World, frame: Frame
) -> None:
    """Campaigns, the API and people send without a run; a run may fail before it has a line."""
    codes = {PHONES[0]: 131049, PHONES[1]: 1002, PHONES[2]: 131049, PHONES[3]: 131049}
    shop.set_gupshup_faults(destinations={phone: {"code": code} for phone, code in codes.items()})
    start_each(shop, *(template_robot(phone, until="delivered") for phone in codes))
    jump_clock(shop, 5, 5)
    rows = shop.stored_rows(Message)
    with shop.runtime.db.write() as session:
        lone = [row.id for row in rows[1:]]
        session.execute(update(Run).where(Run.id.in_([row.run_id for row in rows[1:]])).values(outcome="ok"))
        session.execute(update(Message).where(Message.id.in_(lone)).values(run_id=None, origin="campaign"))
        old = {"stored_at": shop.now - timedelta(hours=25)}
        session.execute(update(Run).where(Run.id == rows[0].run_id).values(old))
    start_each(shop, template_robot(PHONES[0], line="нет такой"))
    jump_clock(shop, 5)
    needs = frame.page("start/needs")
    links = [json.loads(html.unescape(sent)) for sent in re.findall(r"hx-vals='([^']+)'", needs)]
    counted = [int(number) for number in re.findall(r"<strong>[^<]*\((\d+) за 24 часа\)", needs)]
    assert {link["code"]: count for link, count in zip(links, counted, strict=True)} == {
        "1002": 1,
        "131049": 2,
        "line_not_found": 1,
    }
    assert [len(_found(frame, **link)) for link in links] == counted
    without_line = next(link for link in links if link["code"] == "line_not_found")
    assert "Линия не найдена" in frame.post("/app/messages", without_line).text


@ONE_DATABASE
def test_what_is_shown_as_a_status_is_what_its_filter_finds(shop: World) -> None:
    """Each pair of a run's outcome and a message's status lies in exactly one of the filters."""
    start_each(shop, *(template_robot(PHONES[n % 8]) for n in range(61)))
    jump_clock(shop, 5, 60)
    outcomes = ["", "accepted", "sent", "delivered", "read", "replied", "failed", "unknown", "timeout", "ok"]
    states = ["queued", "accepted", "delivered", "read", "failed", "unknown", "sent"]
    pairs = [(outcome, state) for outcome in outcomes for state in states if state != "queued" or not outcome]
    with shop.runtime.db.write() as session:
        for message, (outcome, state) in zip(
            session.scalars(select(Message).order_by(Message.id)).all(), pairs, strict=True
        ):
            session.execute(update(Message).where(Message.id == message.id).values(status=state))
            session.execute(update(Run).where(Run.id == message.run_id).values(outcome=outcome))
    with shop.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        everything = search.find(session, shop.runtime, portal, Query(), limit=99).rows
        for wanted in search_rows.STATUSES:
            found = search.find(session, shop.runtime, portal, Query(status=wanted), limit=99).rows
            assert {row.id for row in found} == {row.id for row in everything if row.status == wanted}, wanted


@ONE_DATABASE
def test_the_next_page_goes_on_where_the_last_ended_though_new_runs_come(shop: World, frame: Frame) -> None:
    start_each(shop, *(template_robot(PHONES[n % 8]) for n in range(70)))
    jump_clock(shop, 5)
    first = frame.post("/app/messages", {"period": "7"}, target="found").text
    cursor = re.search(r'"before": (\d+)', first)
    assert cursor
    assert "Показать ещё 50" in first
    start_each(shop, *(template_robot(PHONES[n]) for n in range(5)))
    jump_clock(shop, 5)
    second = frame.post("/app/messages", {"period": "7", "before": cursor[1]}, target="more").text
    shown = re.findall(r"/app/messages/(\d+)\" hx-post", first + second)
    assert len(shown) == len(set(shown)) == 70, "each once, none of the new ones"
    assert "data-next" in second, "the keyboard goes on with the first new row"
    assert '"before"' not in second


@ONE_DATABASE
def test_a_search_that_runs_out_of_time_says_how_far_it_looked(
    shop: World, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_each(shop, *(template_robot(PHONES[n % 8]) for n in range(30)))
    jump_clock(shop, 5)
    monkeypatch.setattr(search, "BUDGET_S", 0.0)
    monkeypatch.setattr(search, "STRETCHES", dict.fromkeys(search.STRETCHES, 10))
    looked, found = 0, []
    cursor = ""
    while cursor is not None:
        page = frame.post("/app/messages", {"words": PHONES[0][-4:], "before": cursor}, target="more").text
        found += _rows(page)
        more = re.search(r'"before": (\d+)', page)
        cursor = more[1] if more else None
        assert (cursor is None) or "Просмотрено до" in page
        looked += 1
    assert (looked, len(found)) == (4, 4), "thirty runs, ten at a time, and a look that finds the end"


@ONE_DATABASE
def test_another_portal_sees_nothing_of_it(shop: World) -> None:
    open_windows(shop)
    start_each(shop, template_robot(OLGA))
    shop.advance_clock(5)
    run_id, gupshup_id = shop.stored_rows(Run)[0].id, shop.stored_rows(Message)[0].gupshup_id
    second_portal(shop)
    stranger = Frame(shop, member_id=STRANGER)
    for asked in ("", OLGA, OLGA[-4:], "сделка 1", str(gupshup_id), "#1"):
        assert _found(stranger, words=asked, period="all") == [], asked
    assert stranger.get(f"/app/messages/{run_id}").status_code == 404
    assert OLGA not in stranger.post("/app/messages.csv", {"period": "all"}).text
    assert shop.app.get("/app/messages").status_code == 401
    assert shop.app.post("/app/messages.csv").status_code == 401


@ONE_DATABASE
def test_who_has_no_right_to_phones_sees_them_masked(shop: World, frame: Frame) -> None:
    hide_phones(shop)
    open_windows(shop)
    start_each(shop, text_robot(OLGA, "Позвоните +7 912 345-67-89", until="replied"))
    shop.advance_clock(2)
    shop.client_replies(OLGA, "Мой номер 89123456789")
    shop.advance_clock(2)
    run_id = shop.stored_rows(Run)[0].id
    employee = Frame(shop, EMPLOYEE)
    form = {"period": "all"}
    start_each(shop, template_robot("+999 912 3456789"))
    shop.advance_clock(2)
    assert "3456789" in frame.get("/app/messages").text, "the reason names the number that is none"
    for page in (
        employee.get("/app/messages").text,
        employee.get(f"/app/messages/{run_id}").text,
        employee.post("/app/messages.csv", form).text,
    ):
        assert "345-67-89" not in page
        assert "3456789" not in page
    assert "+7 912 ***-**-89" in employee.get("/app/messages").text
    assert "+7 912 345-67-89" in frame.get("/app/messages").text
    assert OLGA in frame.post("/app/messages.csv", form).text


def test_who_sees_masked_phones_finds_them_by_the_whole_number_only(shop: World, frame: Frame) -> None:
    hide_phones(shop)
    start_each(shop, template_robot(OLGA))
    shop.advance_clock(2)
    employee = Frame(shop, EMPLOYEE)
    run_id = shop.stored_rows(Run)[0].id

    def finds(who: Frame, typed: str) -> bool:
        form = {"period": "all", "words": typed}
        rows = who.post("/app/messages.csv", form).text.strip().splitlines()
        assert (len(rows) > 1) == (f"/app/messages/{run_id}" in who.post("/app/messages", form, target="found").text)
        return len(rows) > 1

    for part in (OLGA[3:8], OLGA[:8], OLGA[4:], OLGA[:-1], OLGA[1:-1]):
        assert not finds(employee, part), part
    assert finds(frame, OLGA[3:8])
    assert finds(employee, OLGA)
    assert finds(employee, f"+{OLGA}")


@ONE_DATABASE
def test_phones_are_masked_all_over_the_message_on_the_screen(shop: World) -> None:
    phone = "+7 912 345-67-89"
    parts: dict[str, Any] = dict.fromkeys(("title", "note", "header", "body", "footer", "button"), phone)
    parts |= {"buttons": [("reply", phone)], "sections": [(phone, [(phone, phone)])]}
    line = SimpleNamespace(name="Shop", app_name="shop")
    for media in ("document", "image", "contact", "location"):
        timeline = SimpleNamespace(
            sent=SimpleNamespace(media=media, **parts), line=line, message=SimpleNamespace(claimed_at=None)
        )
        with shop.flask.test_request_context():
            drawn = render_template(
                "pages/message_phone.html", timeline=timeline, mask=messages.without_phones, marks=formatting.html
            )
        assert drawn.count("+7 9***89") >= 8
        assert "345-67" not in drawn, media


@ONE_DATABASE
def test_the_file_holds_what_is_filtered_and_no_formulas(shop: World, frame: Frame) -> None:
    open_windows(shop)
    start_each(
        shop, text_robot(OLGA, '=HYPERLINK("http://evil";"x")'), text_robot(OLGA, "-1+1"), template_robot(PHONES[0])
    )
    shop.advance_clock(5)
    answer = frame.post("/app/messages.csv", {"action": "send_text"}, minutes=180)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeffВремя;")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert [row[5] for row in rows[1:]] == ["'-1+1", '\'=HYPERLINK("http://evil";"x")']
    assert rows[1][0].startswith("2026-11-23 12:00"), "in the frame's own zone"
    assert rows[1][2] == "Сделка 1"
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@ONE_DATABASE
def test_wrong_dates_are_named_and_what_was_typed_stays(shop: World, frame: Frame) -> None:
    start_each(shop, template_robot(OLGA))
    shop.advance_clock(1)
    page = frame.post("/app/messages", {"period": "own", "first": "вчера", "last": "2026-11-01"}).text
    assert "«вчера» — не дата" in page
    assert 'value="вчера"' in page
    swapped = frame.post("/app/messages", {"period": "own", "first": "2026-11-10", "last": "2026-11-01"}).text
    assert "Поменяйте их местами" in swapped
    for odd in (
        {"line": "9" * 30},
        {"before": "x"},
        {"status": "none"},
        {"words": "#" + "9" * 18},
        {"words": "\x00%_'"},
    ):
        assert frame.post("/app/messages", odd).status_code == 200, odd
