"""The start page: figures, what needs a person, and each check against what really goes wrong at Gupshup (ui.md 3.3)."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import select, update
from werkzeug.test import Client as WsgiClient

from messaging.insight import line_checks
from messaging.limits import concurrency
from messaging.lines import lines
from messaging.store.models import Line, Message
from messaging.store.tallies import Tally
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
from tests.support.world import APP, GUPSHUP, World
from tests.web.inside import EMPLOYEE, Frame, hide_phones, opened, second_portal, seen

pytestmark = ONE_DATABASE


def _line(world: World, **changes: Any) -> Line:
    """The shop's line, changed."""
    with world.runtime.db.write() as session:
        if changes:
            session.execute(update(Line).values(**changes))
    with world.runtime.db.read() as session:
        return session.scalars(select(Line)).one()


def _ask(world: World, name: str) -> line_checks.Result:
    """Asked anew, whatever was found a moment ago."""
    with world.runtime.db.read() as session:
        line = session.scalars(select(Line)).one()
    line_checks.forget(world.runtime, line.id)
    return line_checks.ask(world.runtime, line, name)


def _webhook(world: World, url: str | None) -> None:
    WsgiClient(world.gs_app).post("/emulator/apps/acmeshop/webhook", json={"url": url}, base_url=GUPSHUP)


def test_the_page_comes_at_once_and_asks_nobody(shop: World) -> None:
    opened(shop)
    shop.net.seen.clear()
    page = Frame(shop).page("start")
    assert not [one for one in shop.net.seen if "gupshup" in str(one.url)]
    titles = [
        "Приложение установлено",
        "Ключ Gupshup подходит",
        "Номер подключён",
        "Вебхук отвечает",
        "Баланс",
        "Шаблоны",
    ]
    assert [page.index(title) for title in titles] == sorted(page.index(title) for title in titles)
    assert page.count("Проверяем…") == 6
    assert "Готово 1 из 7" in page
    assert page.count('hx-trigger="load"') == 6


def test_without_a_line_it_says_what_to_do_first(world: World) -> None:
    world.install_app()
    page = Frame(world).page("start")
    assert page.count("Подключить линию") == 1
    assert "Следующий шаг: подключите номер WhatsApp" in page
    assert "Пока нельзя" not in page
    assert 'hx-trigger="load"' not in page
    reader = Frame(world, EMPLOYEE).page("start")
    assert "Подключить линию" not in reader
    assert "Менять настройки могут администраторы портала" in reader
    assert "Начало работы" in opened(world).text


def test_all_green_folds_into_one_line(shop: World) -> None:
    opened(shop)
    frame = Frame(shop)
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    for name in line_checks.CHECKS:
        row = frame.page(f"lines/1/checks/{name}")
        assert ("Не знаем" if name == "balance" else "Готово") in row, name
        assert "tick" not in row, "what is right is not asked again by itself"
    page = frame.page("start")
    assert "Всё подключено." in page
    assert '<details class="checks">' in page
    assert "+7 900 111-22-33" in page
    assert "3 одобрены" in page


def test_each_cell_of_the_last_messages_stands_under_its_head(shop: World) -> None:
    """With one line and with two: rows name the line only where there are several."""
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    for more in (0, 1):
        if more:
            shop.connect_line("secondshop", "79005556677")
        page = Frame(shop).page("start")
        table = page[page.index('<table class="rows messages">') : page.index("</table>")]
        first = table[table.index("<tbody>") : table.index("</tr>", table.index("<tbody>"))]
        assert (table.count("<th "), first.count("<td")) == (6 + more, 6 + more)


def test_the_last_answer_is_shown_until_the_next_one(shop: World) -> None:
    frame = Frame(shop)
    shop.set_gupshup_faults(key_revoked=True)
    jump_clock(shop, 6)
    answer = frame.get("/app/lines/1/checks/key?counted=1")
    assert "waba24:fill" in answer.headers["HX-Trigger"], "the count of steps done is told beside the row"
    row = answer.text
    assert "Gupshup не принял ключ. Проверьте, что это «App API Key» приложения acmeshop" in row
    assert "tick from:body" in row
    assert "не принял ключ" in frame.page("start")
    shop.set_gupshup_faults(key_revoked=False)
    shop.net.seen.clear()
    assert "не принял ключ" in frame.page("lines/1/checks/key"), "asked a moment ago"
    assert shop.net.seen == []
    jump_clock(shop, 11)
    assert "Готово" in frame.page("lines/1/checks/key")


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"app_name": "acmeshp"}, "key", ("wrong", "name_unknown")),
        ({"app_name": "acmeshp"}, "number", ("blocked", "key")),
        ({"api_key": "not-the-key"}, "key", ("wrong", "key_refused")),
        ({"api_key": "not-the-key"}, "templates", ("blocked", "key")),
        ({"phone": "79001112244"}, "number", ("wrong", "other_number")),
        ({"phone": "79001112244"}, "key", ("done", "")),
        ({"app_id": "11111111-1111-4111-8111-111111111111"}, "templates", ("wrong", "app_unknown")),
        ({"app_id": ""}, "templates", ("open", "no_app_id")),
    ],
)
def test_a_wrong_setting_is_named_where_it_is_wrong(
    shop: World, changes: dict[str, str], name: str, expected: tuple[str, str]
) -> None:
    _line(shop, **changes)
    found = _ask(shop, name)
    assert (found.state, found.code) == expected
    assert Frame(shop).page(f"lines/1/checks/{name}")


def test_another_line_that_is_broken_is_named_on_the_first_page(shop: World) -> None:
    shop.connect_line("second", "79001112244")
    frame = Frame(shop)
    assert "Нужно исправить: линия" not in frame.page("start")
    with shop.runtime.db.write() as session:
        session.execute(update(Line).where(Line.id == 2).values(api_key="not-the-key"))
    frame.page("lines/2/checks/key")
    page = frame.page("start")
    assert "Нужно исправить: линия second, 1 проверка" in seen(page)
    assert "линия acmeshop" not in page
    assert "Всё подключено и работает" not in page


def test_gupshup_that_does_not_answer_is_waited_for_briefly_and_said(shop: World) -> None:
    shop.net.broken["api.gupshup.example"] = requests.exceptions.ReadTimeout("silence")
    for name in ("key", "templates"):
        assert (_ask(shop, name).state, _ask(shop, name).code) == ("unknown", "down"), name
    assert "Gupshup не отвечает" in Frame(shop).page("lines/1/checks/key")
    assert max(concurrency.PAGE_TIMEOUT) <= 5
    shop.net.broken.clear()
    shop.set_gupshup_faults(next=[{"answer": "429", "on": "templates"}])
    assert _ask(shop, "templates").code == "busy"


def test_the_balance_is_what_the_messages_tell(shop: World) -> None:
    assert _ask(shop, "balance").code == "untold"
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    assert (_ask(shop, "balance").state, _ask(shop, "balance").code) == ("done", "paid")
    shop.set_gupshup_faults(wallet_empty=True)
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    assert (_ask(shop, "balance").state, _ask(shop, "balance").code) == ("wrong", "empty")
    assert "На балансе Gupshup нет денег" in Frame(shop).page("lines/1/checks/balance")


def test_templates_are_counted_by_what_can_be_done_with_them(shop: World) -> None:
    made = WsgiClient(shop.gs_app).post(
        "/emulator/apps/acmeshop/templates",
        json={"name": "promo", "language": "ru", "body": "Скидки", "status": "PENDING"},
        base_url=GUPSHUP,
    )
    assert made.status_code == 201
    assert _ask(shop, "templates").facts == {"approved": 3, "review": 1, "other": 0}
    jump_clock(shop, 20)
    assert "3 одобрены, 1 на проверке" in Frame(shop).page("lines/1/checks/templates")


def test_the_first_message_is_remembered_when_its_row_is_gone(shop: World) -> None:
    assert _ask(shop, "first").code == "none"
    with shop.runtime.db.write() as session:
        session.add(Tally(day=shop.now.date(), line_id=1, status="read", count=1))
    assert (_ask(shop, "first").state, _ask(shop, "first").code) == ("done", "earlier")


# --- every morning ------------------------------------------------------------------------------------------------------


def _busy(shop: World) -> None:
    """Two messages arrive, one run fails; two clients had written."""
    open_windows(shop, OLGA, PHONES[0])
    start_each(shop, template_robot(until="delivered"), text_robot(PHONES[0]), text_robot(PHONES[1]))
    jump_clock(shop, 2, 1)


def _at_home(shop: World, lang: str = "ru", user_id: int = 1, minutes: int = 180) -> str:
    """The page with the figures that it fetches. minutes: how far the reader's clock is ahead of UTC."""
    frame = Frame(shop, user_id, lang)
    headers = {**frame.headers, "X-Waba24-Minutes": str(minutes)}
    pages = [shop.app.get(f"/app/{path}", headers=headers).text for path in ("start", "start/figures")]
    return "".join(pages)


def test_every_morning_it_tells_what_was_sent_and_what_needs_a_person(shop: World) -> None:
    _busy(shop)
    hide_phones(shop)
    plain = seen(_at_home(shop))
    for words in (
        "Отправлено 2 Отправлено, Сегодня: Показать сообщения было 0",
        "Не доставлено 1 Не доставлено, 7 дней: Показать сообщения было 0",
        "Ответы 2 было 0",
        "Сегодня: отправлено 2, из них доставлено 2",
        "Окно 24 часа закрыто: клиент не писал больше суток (1 за 24 часа)",
        "Отправьте шаблон или дождитесь сообщения клиента.",
        "Последние сообщения",
        "+7 916 222-33-01",
    ):
        assert words in plain, words
    english = _at_home(shop, "en")
    assert not re.search(r"[А-Яа-я]", seen(english).replace("Добрый день", ""))
    assert "style=" not in english
    assert "+7 916 ***-**-01" in seen(_at_home(shop, user_id=EMPLOYEE))


def test_a_day_begins_at_the_readers_midnight(shop: World) -> None:
    _busy(shop)
    jump_clock(shop, 13 * 3600)  # 22:00 UTC, 01:00 in Moscow
    assert "Сегодня Отправлено 0 было 0" in seen(_at_home(shop))
    assert "Сегодня Отправлено 2" in seen(_at_home(shop, minutes=0))


def test_what_was_sent_counts_at_once_on_every_page(shop: World) -> None:
    _busy(shop)
    frame = Frame(shop)
    assert "Работает 2 0 10" in seen(frame.get("/app/lines"))
    assert "Сообщения за сегодня по статусам доставлено 2" in seen(frame.get("/app/health"))


def test_what_needs_a_person_is_asked_again_once_the_checks_have_run(shop: World) -> None:
    frame = Frame(shop)
    shop.set_gupshup_faults(key_revoked=True)
    page = frame.page("start")
    assert "Требует внимания" not in page
    assert 'hx-trigger="waba24-checked from:body delay:500ms"' in page
    answer = frame.get("/app/lines/1/checks/key?counted=1")
    assert "waba24-checked" in answer.headers["HX-Trigger"]
    assert "Нужно исправить: линия acmeshop, 1 проверка" in seen(frame.get("/app/start/needs"))


def test_a_stopped_line_is_told_once_with_what_to_do(shop: World) -> None:
    _line(shop, stopped_at=shop.now, stop_code="1003")
    page = opened(shop).text
    assert page.count("<strong>Линия «acmeshop» остановлена</strong>") == 1
    assert "Пополните" in page


# --- webhook ------------------------------------------------------------------------------------------------------------


def test_an_address_gupshup_does_not_know_is_set_by_one_press(shop: World) -> None:
    _webhook(shop, None)
    frame = Frame(shop)
    row = frame.page("lines/1/checks/webhook")
    assert "ещё не знает нашего адреса" in row
    address = lines.webhook_url(shop.runtime, shop.line)
    assert address in row
    assert address not in Frame(shop, EMPLOYEE).page("lines/1/checks/webhook"), "a secret of the administrators"
    Frame(shop, EMPLOYEE).change("lines/1/webhook", 403)
    assert shop.gs.accounts.apps["acmeshop"].subscriptions == {}
    assert "адрес отвечает" in frame.change("lines/1/webhook")
    (made,) = shop.gs.accounts.apps["acmeshop"].subscriptions.values()
    assert (made.url, made.active) == (address, True)
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    assert "последнее уведомление" in (jump_clock(shop, 10) or frame.page("lines/1/checks/webhook"))


def test_without_an_app_id_the_address_is_to_be_pasted_and_the_first_event_proves_it(shop: World) -> None:
    _line(shop, app_id="")
    assert _ask(shop, "webhook").code == "paste"
    assert lines.webhook_url(shop.runtime, shop.line) in Frame(shop).page("lines/1/checks/webhook")
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA, **{"wait_minutes": "5"})
    hears = _ask(shop, "webhook")
    assert hears.code in ("heard", "paste")
    shop.client_replies(OLGA)
    shop.advance_clock(1)
    assert (_ask(shop, "webhook").state, _ask(shop, "webhook").code) == ("done", "heard")


def test_what_keeps_events_away_is_named(shop: World) -> None:
    (subscription,) = shop.gs.accounts.apps["acmeshop"].subscriptions.values()
    subscription.modes = frozenset({"MESSAGE"})
    assert _ask(shop, "webhook").code == "modes"
    subscription.active = False
    assert _ask(shop, "webhook").code == "inactive"
    shop.net.broken["waba.example"] = requests.exceptions.ConnectionError("refused")
    found = _ask(shop, "webhook")
    assert (found.code, found.facts["status"]) == ("unreachable", 0)
    assert "нет ответа" in Frame(shop).page("lines/1/checks/webhook")


def test_a_line_that_hears_nothing_of_its_messages_is_silent(shop: World) -> None:
    shop.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered", "read"])
    shop.robots_start(template_robot())
    jump_clock(shop, 1, 700)
    assert _ask(shop, "webhook").code == "silent"
    assert "Вебхук линии «acmeshop» молчит" in opened(shop).text
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(status="sent"))
    assert _ask(shop, "webhook").code == "" or _ask(shop, "webhook").state == "done"
    assert "молчит" not in opened(shop).text


# --- who may look ---------------------------------------------------------------------------------------------------------


def test_checks_are_for_the_portals_own_lines(shop: World) -> None:
    other_id = second_portal(shop)
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(portal_id=other_id))
    shop.net.seen.clear()
    frame = Frame(shop)
    for name in line_checks.CHECKS:
        frame.page(f"lines/1/checks/{name}", 404)
    frame.change("lines/1/webhook", 404)
    assert not [one for one in shop.net.seen if "gupshup" in str(one.url) or APP in str(one.url)]
    assert shop.app.get("/app/lines/1/checks/key").status_code == 401
    assert frame.page("lines/1/checks/nonsense", 404)


def test_a_gupshup_that_hangs_holds_few_threads(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of one portal; the third is another portal's. Else open pages would keep robots' calls waiting while it hangs."""
    monkeypatch.setattr(line_checks, "_page_threads", concurrency.ConcurrencyLimit(patience_s=0.05, per_portal=2))
    for number in range(2):
        shop.connect_line(f"another{number}", f"7900111220{number}")
    held, go_on = threading.Semaphore(0), threading.Event()

    def hang(_request: object) -> None:
        held.release()
        go_on.wait(30)

    frame = Frame(shop)
    shop.net.broken[urlsplit(GUPSHUP).netloc] = hang
    with ThreadPoolExecutor(2) as people:
        asked = [people.submit(frame.page, f"lines/{number}/checks/key") for number in (2, 3)]
        assert all(held.acquire(timeout=10) for _ in asked)
        assert "Gupshup не отвечает" in frame.page("lines/1/checks/key")
        go_on.set()
        assert all("Готово" in one.result() for one in asked)
    assert "Готово" in frame.page("lines/1/checks/key")
