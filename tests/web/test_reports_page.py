"""The page of reports: what it adds up and draws, by what it is sorted, who may read it, and its files."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import update

from messaging.insight import reports
from messaging.policy import settings
from messaging.policy.rights import Grant, Right, Who
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Message
from tests.flows.mailing import Mailing
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    set_portal_faults,
    start_each,
    template_robot,
    text_robot,
)
from tests.messaging.insight.reporting import count
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame


def table(page: str) -> list[list[str]]:
    """The cells of the report's table, without its head."""
    body = re.search(r"<table class=\"rows report\">.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [[_words(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)] for row in rows]


def _words(html: str) -> str:
    return " ".join(re.sub(r"<.*?>", " ", html).split())


def tiles(page: str) -> dict[str, str]:
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd><dd.*?>(.*?)</dd>", page, re.DOTALL)
    return {_words(name): f"{_words(value)}; {_words(trend)}" for name, value, trend in found}


def two_weeks(shop: World) -> None:
    """One message eight days ago; a text, three templates and a campaign of two today."""
    shop.robots_start(template_robot(PHONES[0]))
    jump_clock(shop, 5, 8 * 86400)
    open_windows(shop, OLGA)
    start_each(shop, text_robot(OLGA), *(template_robot(phone) for phone in PHONES[:3]))
    jump_clock(shop, 5)
    Mailing(shop, PHONES[3:5]).start(seconds=4)
    shop.client_replies(PHONES[3], "Да")
    jump_clock(shop, 60)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(cost=None, currency="", billed=None))
        session.execute(update(Message).where(Message.id > 1).values(cost=80_200, currency="USD"))
        session.execute(update(Message).where(Message.id == 2).values(cost=7_005_000, currency="RUB", billed=1))
    count(shop)


def test_a_period_stands_beside_the_one_before_it(shop: World) -> None:
    two_weeks(shop)
    page = Frame(shop).change("reports", period="7", by1="robot")
    assert table(page) == [
        ["WhatsApp: шаблон клиенту", "3", "3 100 %", "0", "0", "0", "0", "0", "—", "0,24", "1"],
        ["Без робота", "2", "2 100 %", "0", "1 50 %", "0", "0", "0", "—", "0,16", "0"],
        ["WhatsApp: текст клиенту", "1", "1 100 %", "0", "0", "0", "0", "0", "7,01", "—", "0"],
    ]
    found = tiles(page)
    assert found["Отправлено"] == "6; +500 %, было 1"
    assert found["Ответили"] == "1 17 %; было 0"
    assert found["Стоимость, USD"] == "0,40; было 0,00"
    assert "Стоимость известна для 6 сообщений; из них Gupshup выставил счёт за 1" in page


def test_the_table_is_sorted_by_any_column_and_grouped_by_two(shop: World) -> None:
    two_weeks(shop)
    frame = Frame(shop)
    asked = {"period": "30", "by1": "origin", "by2": "template"}
    assert [row[:3] for row in table(frame.change("reports", **asked))] == [
        ["Роботы", "welcome", "4"],
        ["Рассылки", "welcome", "2"],
        ["Роботы", "Без шаблона", "1"],
    ]
    upwards = table(frame.change("reports", **asked, sort="sent", order="up"))
    assert [row[2] for row in upwards] == ["1", "2", "4"]
    by_name = table(frame.change("reports", **asked, sort="origin", order="up"))
    assert [row[0] for row in by_name] == ["Рассылки", "Роботы", "Роботы"]
    for key in (
        "delivered",
        "read",
        "replied",
        "failed",
        "open",
        "opted_out",
        "USD",
        "RUB",
        "before",
        "template",
        "x'",
    ):
        assert len(table(frame.change("reports", **asked, sort=key))) == 3


def test_days_stand_in_their_order(shop: World) -> None:
    two_weeks(shop)
    page = Frame(shop).change("reports", period="30", by1="day")
    assert [row[:2] for row in table(page)] == [["23.11.2026", "1"], ["01.12.2026", "6"]]
    assert "Отправлено за прошлый период</button>" not in page
    assert tiles(page)["Отправлено"] == "7; было 0"
    english = Frame(shop, lang="en").change("reports", period="30", by1="day")
    assert [row[0] for row in table(english)] == ["23 Nov 2026", "1 Dec 2026"]


def test_what_is_chosen_narrows_the_report(shop: World) -> None:
    two_weeks(shop)
    frame = Frame(shop)
    campaign = str(shop.stored_rows(Campaign)[0].id)
    assert table(frame.change("reports", campaign=campaign, by1="campaign")) == [
        ["Майская акция", "2", "2 100 %", "0", "1 50 %", "0", "0", "0", "0,16", "0"]
    ]
    assert [row[1] for row in table(frame.change("reports", robot="send_text"))] == ["1"]
    page = frame.change("reports", template="nothing", line=str(shop.line.id))
    assert "За этот период ничего не отправляли" in page
    assert '<option value="nothing" selected>' in page


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-31", "", "не дата"),
        ("2026-11-02", "2026-11-01", "раньше первого"),
        ("2025-10-20", "2026-11-24", "не больше 400 дней"),
        ("<script>", "0001-01-01", "&lt;script&gt;"),
    ],
)
@ONE_DATABASE
def test_wrong_dates_are_named_and_the_usual_period_is_shown(shop: World, first: str, last: str, words: str) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    page = Frame(shop).change("reports", period="own", first=first, last=last)
    assert words in page
    assert len(table(page)) == 1


@ONE_DATABASE
def test_a_period_of_400_days_is_drawn_in_months_and_what_is_not_known_is_a_gap(shop: World) -> None:
    two_weeks(shop)
    frame = Frame(shop)
    page = frame.change("reports", period="own", first="2025-11-01", last="2026-12-01", by1="robot")
    labels = re.findall(r'<th scope="row">(.*?)</th><td class="right">(.*?)</td>', page)
    assert len(labels) == 14
    assert labels[0] == ("11.2025", "—"), "nobody has counted then"
    assert labels[-1][1] != "—"
    page = frame.change("reports", period="own", first="2026-11-20", last="2026-12-05", by1="robot")
    told = dict(re.findall(r'<th scope="row">(.*?)</th><td class="right">(.*?)</td>', page))
    assert (told["22.11"], told["24.11"], told["02.12"]) == ("—", "0", "—"), "before the first day, and ahead"


@ONE_DATABASE
def test_more_than_four_values_are_drawn_together(shop: World) -> None:
    start_each(shop, *(template_robot(phone) for phone in PHONES[:6]))
    jump_clock(shop, 5)
    with shop.runtime.db.write() as session:
        for row_id in range(1, 7):
            session.execute(update(Message).where(Message.id == row_id).values(template=f"t{row_id}"))
    page = Frame(shop).change("reports", period="7", by1="template")
    legend = re.findall(r'<li><span class="chart-dot.*?</span>(.*?)</li>', page)
    assert [*legend[:4], legend[4][-3:]] == ["t1", "t2", "t3", "t4", ": 2"]


# --- who --------------------------------------------------------------------------------------------------------------------


def test_only_those_who_may_read_reports_do(shop: World) -> None:
    frame = Frame(shop, EMPLOYEE)
    assert frame.get("/app/reports").status_code == 200
    grant = Grant(Who.ADMINS).stored()
    settings.change(shop.runtime, shop.line.portal_id, rights={str(Right.REPORTS): grant})
    assert frame.get("/app/reports").status_code == 403
    for path in ("reports", "reports.csv", "reports.xlsx"):
        assert frame.post(f"/app/{path}").status_code == 403
    assert "/app/reports" not in frame.page("start")
    assert Frame(shop).get("/app/reports").status_code == 200


def test_an_operators_messages_count_for_him_under_his_name(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(author_id=1, origin="operator", run_id=None))
    page = Frame(shop).change("reports", by1="employee")
    name = table(page)[0][0]
    assert name not in ("", "Без сотрудника", "Пользователь 1"), name
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(author_id=77))
    assert table(Frame(shop).change("reports", by1="employee"))[0][0] == "Пользователь 77"


@ONE_DATABASE
def test_a_portal_that_does_not_answer_leaves_the_numbers_of_its_employees(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(author_id=1))
    set_portal_faults(shop, html_502=20)
    assert table(Frame(shop).change("reports", by1="employee"))[0][0] == "Пользователь 1"


def test_an_empty_portal_is_told_what_will_be_here(shop: World) -> None:
    assert "Отчёт пока пуст" in Frame(shop).page("reports")
    assert "Nothing to report yet" in Frame(shop, lang="en").page("reports")


# --- files ------------------------------------------------------------------------------------------------------------------


def as_csv(frame: Frame, **asked: Any) -> list[list[str]]:
    answer = frame.post("/app/reports.csv", asked)
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))


def test_the_files_hold_what_the_page_shows(shop: World) -> None:
    two_weeks(shop)
    frame, asked = Frame(shop), {"period": "7", "by1": "robot", "by2": "line", "sort": "sent", "order": "up"}
    shown = table(frame.change("reports", **asked))
    head, *rows = as_csv(frame, **asked)
    assert head[:6] == ["Робот", "Линия", "Отправлено", "Доставлено", "Доставлено, %", "Прочитано"]
    assert [row[:4] for row in rows] == [[*row[:3], row[3].split()[0]] for row in shown]
    answer = frame.post("/app/reports.xlsx", asked)
    sheet = load_workbook(io.BytesIO(answer.data)).active
    told = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert told[0] == head
    assert told[1] == ["WhatsApp: текст клиенту", shop.line.name or shop.line.app_name, 1, 1, 100, *told[1][5:]]
    assert told[1][head.index("Стоимость, RUB")] == 7.01


def test_no_name_becomes_a_formula(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(name='=HYPERLINK("http://x";"y")'))
    _head, row = as_csv(Frame(shop), by1="line")
    assert row[0].startswith("'=HYPERLINK")
    answer = Frame(shop).post("/app/reports.xlsx", by1="line")
    cell = load_workbook(io.BytesIO(answer.data)).active["A2"]
    assert (cell.data_type, cell.value) == ("s", '=HYPERLINK("http://x";"y")')


@ONE_DATABASE
def test_the_page_shows_a_hundred_rows_and_the_file_all(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    with shop.runtime.db.write() as session:
        row = session.get_one(Message, 1)
        columns = {one.name: getattr(row, one.name) for one in Message.__table__.columns if one.name != "id"}
        unique = {"run_id": None, "origin": "campaign", "gupshup_id": None, "whatsapp_id": None}
        session.add_all(
            [Message(**{**columns, **unique, "origin_id": n, "template": f"t{n:03}"}) for n in range(1, 131)]
        )
    page = Frame(shop).change("reports", by1="template")
    assert len(table(page)) == 100
    assert "Первые 100 строк из 131" in page
    assert len(as_csv(Frame(shop), by1="template")) == 132


@ONE_DATABASE
def test_too_many_rows_are_refused_in_words(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    open_windows(shop)
    start_each(shop, text_robot(), template_robot())
    jump_clock(shop, 5)
    monkeypatch.setattr(reports, "MOST_ROWS", 1)
    frame = Frame(shop)
    assert "Выберите период короче" in frame.change("reports", by1="robot")
    assert frame.post("/app/reports.csv", by1="robot").status_code == 422


@ONE_DATABASE
def test_a_report_shows_no_phone(shop: World) -> None:
    two_weeks(shop)
    shop.now += timedelta(minutes=1)
    page = Frame(shop).change("reports", by1="campaign", by2="day")
    assert not re.search(r"7916222|222-33|9123456", page)
