"""Lines: connecting, changing, pausing and removing them, by whom, and what a pause promises (ui.md 3.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from messaging.lines import lines
from messaging.store.models import Line, Message, Portal
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    jump_clock,
    open_windows,
    send_attempts,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import APP, World
from tests.web.inside import EMPLOYEE, NEW_LINE, Frame, second_portal

CHANGES = ("name", "pace", "key", "default", "pause", "unpause", "resume", "remove", "webhook")


def _line(world: World, line_id: int = 1) -> Line:
    with world.runtime.db.read() as session:
        return session.get_one(Line, line_id)


def _row(line: Line) -> dict[str, Any]:
    return {column.name: getattr(line, column.name) for column in Line.__table__.columns}


def _command(world: World, *args: str) -> str:
    result = world.flask.test_cli_runner().invoke(args=["lines", *args])
    assert result.exit_code == 0, result.output
    return result.output


# --- who may do what ----------------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_everybody_reads_and_administrators_change(shop: World) -> None:
    before = _row(_line(shop))
    reader = Frame(shop, EMPLOYEE)
    assert "acmeshop" in reader.page("lines")
    page = reader.page("lines/1")
    assert "Менять настройки могут администраторы портала" in page
    assert "<form" not in page
    assert before["api_key"][-4:] not in page
    for change in CHANGES:
        reader.change(f"lines/1/{change}", 403, name="Другая", pace="5", api_key="x")
    reader.change("lines", 403, **NEW_LINE)
    reader.page("lines/new", 403)
    assert _row(_line(shop)) == before
    for path in ("lines", "lines/1", "lines/new", "lines/1/hours", "lines/1/robots"):
        assert shop.app.get(f"/app/{path}").status_code == 401, path
    for change in CHANGES:
        assert shop.app.post(f"/app/lines/1/{change}").status_code == 401, change
        assert shop.app.get(f"/app/lines/1/{change}", headers=reader.headers).status_code in (404, 405), change


@ONE_DATABASE
def test_a_line_of_another_portal_does_not_exist_here(shop: World) -> None:
    frame = Frame(shop)
    other_id = second_portal(shop)
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(portal_id=other_id))
    before = _row(_line(shop))
    assert "acmeshop" not in frame.page("lines")
    for path in ("lines/1", "lines/1/hours", "lines/1/robots", "lines/99"):
        assert "acmeshop" not in frame.page(path, 404), path
    for change in CHANGES:
        frame.change(f"lines/1/{change}", 404, name="Другая", pace="5", api_key="x")
    assert _row(_line(shop)) == before


# --- one line ---------------------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_name_pace_and_default(shop: World) -> None:
    shop.connect_line("second", "79001112244")
    frame = Frame(shop)
    frame.change("lines/2/default")
    with shop.runtime.db.read() as session:
        assert session.scalars(select(Portal.default_line_id)).one() == 2
    assert "Это основная линия" in frame.page("lines/2")
    assert "Сделать основной" in frame.page("lines/1")
    assert "Опт &amp; Ко" in frame.change("lines/1/name", name=" Опт & Ко ")
    assert _line(shop).name == "Опт & Ко"
    for name, words in (("x" * 101, "не больше 100"), ("second", "Так называется другая линия")):
        assert words in frame.change("lines/1/name", name=name)
    frame.change("lines/1/name", name="")
    assert _line(shop).name == "acmeshop"
    for press in (lambda: frame.change("lines/1/pace", pace="80"), lambda: _command(shop, "set", "1", "--pace", "80")):
        press()
        assert (_line(shop).pace, _line(shop).burst) == (80, 80)
        frame.change("lines/1/pace", pace="12,5")
        assert (_line(shop).pace, _line(shop).burst) == (12.5, 20)
    for pace in ("", "быстро", "0", "-1", "1001", "nan", "inf"):
        page = frame.change("lines/1/pace", pace=pace)
        assert "Укажите число" in page, pace
    assert _line(shop).pace == 12.5


@ONE_DATABASE
def test_a_stopped_line_says_why_and_goes_on_by_one_press(shop: World) -> None:
    shop.set_gupshup_faults(wallet_empty=True)
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    frame = Frame(shop)
    assert "Остановлена" in frame.page("lines")
    page = frame.page("lines/1")
    assert "На балансе Gupshup нет денег. Пополните" in page
    assert "Линия «acmeshop» остановлена" in page, "the banner"
    assert "Возобновить" in page
    assert "Возобновить" not in Frame(shop, EMPLOYEE).page("lines/1")
    shop.set_gupshup_faults(wallet_empty=False)
    assert "остановлена" not in frame.change("lines/1/resume")
    assert ending(shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)) == (
        "accepted",
        "",
    )


@ONE_DATABASE
def test_what_happened_is_drawn_with_a_table(shop: World) -> None:
    frame = Frame(shop)
    assert "За 24 часа сообщений не было" in frame.page("lines/1/hours")
    start_each(shop, *[template_robot(phone) for phone in PHONES[:3]])
    jump_clock(shop, 1, 3600)
    start_each(shop, template_robot(PHONES[3], template="nonsense"), template_robot("79160000000"))
    jump_clock(shop, 1, 5)
    page = frame.page("lines/1/hours")
    assert "За 24 часа доставлено 3 из 4 сообщений (75\u00a0%)" in page
    assert page.count("<rect ") == 2
    assert 'role="img"' in page
    assert page.count("<tr>") == 25
    assert "style=" not in page
    jump_clock(shop, 24 * 3600)
    assert "сообщений не было" in frame.page("lines/1/hours")


@ONE_DATABASE
def test_a_line_is_removed_with_its_waiting_runs(shop: World) -> None:
    open_windows(shop)
    flows = start_each(shop, text_robot(until="replied"), template_robot(PHONES[0], until="replied"))
    jump_clock(shop, 1)
    frame = Frame(shop)
    page = frame.page("lines/1")
    assert "Отключить линию «acmeshop»?" in page
    assert "2 ожидающих запуска будут завершены сразу" in page
    used = frame.page("lines/1/robots")
    assert "WhatsApp" in used
    assert used.count("1 запуск") == 2
    assert "Завершено запусков: 2" in frame.change("lines/1/remove")
    jump_clock(shop, 1)
    assert endings(flows) == [("failed", "line_not_connected")] * 2
    frame.page("lines/1", 404)
    for change in CHANGES:
        frame.change(f"lines/1/{change}", 404)
    assert "Отключена" in frame.page("lines")


def test_a_line_removed_long_ago_is_listed_no_more(shop: World) -> None:
    lines.remove(shop.runtime, 1)
    shop.now += timedelta(days=29)
    assert "Отключена" in Frame(shop).page("lines")
    shop.now += timedelta(days=2)
    assert "acmeshop" not in Frame(shop).page("lines")


# --- pause ------------------------------------------------------------------------------------------------------------------


def test_a_paused_line_sends_nothing_loses_nothing_and_sends_it_once_afterwards(shop: World) -> None:
    frame = Frame(shop)
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(pace=0.1, burst=1))
    flows = start_each(shop, *[template_robot(phone) for phone in PHONES[:5]])
    jump_clock(shop, 1)
    assert len(shop.sent) == 1
    frame.change("lines/1/pause")
    assert (_line(shop).paused_at, _line(shop).paused_by) == (shop.now, 1)
    flows += start_each(shop, template_robot(PHONES[5]), template_robot(PHONES[6]))
    jump_clock(shop, 1, 30, 600)
    assert len(send_attempts(shop)) == 1
    assert [message.status for message in shop.stored_rows(Message)].count("queued") == 6, (
        "planned as usual, and waiting"
    )
    assert "6 сообщений ждут в очереди" in frame.page("lines/1")
    shop.replace_worker()
    jump_clock(shop, 30, 1)
    assert len(send_attempts(shop)) == 1
    frame.change("lines/1/pace", pace="5")
    frame.change("lines/1/unpause")
    shop.advance_clock(10)
    assert [message.destination for message in shop.sent] == PHONES[:7]
    assert endings(flows) == [("accepted", "")] * 7
    assert len(send_attempts(shop)) == 7


def test_a_pause_keeps_no_run_waiting_beyond_its_wait(shop: World) -> None:
    lines.pause(shop.runtime, 1)
    short = shop.robots_start(template_robot(PHONES[0], until="delivered", wait_minutes="5"))
    long = shop.robots_start(template_robot(PHONES[1], until="delivered", wait_minutes="60"))
    jump_clock(shop, 1, 299)
    assert endings([short, long]) == [("", ""), ("", "")]
    jump_clock(shop, 2)
    assert endings([short, long]) == [("timeout", ""), ("", "")]
    lines.unpause(shop.runtime, 1)
    shop.advance_clock(5)
    assert [message.destination for message in shop.sent] == [PHONES[1]]
    assert ending(long) == ("delivered", "")


def test_what_comes_in_meanwhile_is_answered_and_other_lines_send(shop: World) -> None:
    open_windows(shop)
    asked = shop.robots_start(text_robot(until="replied"))
    jump_clock(shop, 1)
    shop.connect_line("second", "79001112244")
    lines.pause(shop.runtime, 1)
    held = shop.robots_start(template_robot(PHONES[0], line="acmeshop"))
    other = shop.robots_start(template_robot(PHONES[1], line="second"))
    window = shop.robots_start(("robot.check_window", {"phone": OLGA}))
    jump_clock(shop, 2, 2)  # a portal's answers go together
    assert endings([held, other, window]) == [("", ""), ("accepted", ""), ("ok", "")]
    shop.gupshup_app = {"app_name": "acmeshop"}
    shop.client_replies(OLGA, "Да")
    jump_clock(shop, 2)
    assert ending(asked)[0] == "replied"
    # A second pause and a second end of it change nothing.
    assert (lines.pause(shop.runtime, 1), lines.unpause(shop.runtime, 1), lines.unpause(shop.runtime, 1)) == (
        False,
        True,
        False,
    )
    shop.advance_clock(2)
    assert ending(held) == ("accepted", "")


def test_what_waits_on_a_paused_line_is_nobodys_work(shop: World) -> None:
    """Else all that waits would be looked at again each second for as long as the pause lasts."""
    from messaging.worker.due_work import due_shards

    lines.pause(shop.runtime, 1)
    shop.robots_start(template_robot())
    jump_clock(shop, 1, 60)
    with shop.runtime.db.read() as session:
        assert due_shards(session, shop.runtime) == set()
        assert session.scalars(select(Message.send_at)).one() is None
    lines.remove(shop.runtime, 1)
    jump_clock(shop, 1)
    assert [message.status for message in shop.stored_rows(Message)] == ["dropped"]


def test_a_stop_ends_what_waits_also_on_a_paused_line(shop: World) -> None:
    lines.pause(shop.runtime, 1)
    flow = shop.robots_start(template_robot())
    jump_clock(shop, 1)
    shop.set_gupshup_faults(key_revoked=True)
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(stopped_at=shop.now, stop_code="gupshup_401", trial_at=None, probe_at=None))
    jump_clock(shop, 1)
    start_each(shop, template_robot(PHONES[0]))
    jump_clock(shop, 1)
    assert ending(flow) == ("failed", "gupshup_401")
    assert send_attempts(shop) == []


@ONE_DATABASE
def test_a_pause_shows_everywhere_and_says_whose_it_is(shop: World) -> None:
    assert "is paused" in _command(shop, "pause", "1")
    assert "was paused already" in _command(shop, "pause", "1")
    assert "администратор" in Frame(shop).page("lines")
    assert shop.now.isoformat(timespec="seconds") in _command(shop, "list")
    assert 'waba24_lines_paused{line="1"} 1.0' in shop.app.get("/metrics").text
    assert "goes on" in _command(shop, "unpause", "1")
    assert "was not paused" in _command(shop, "unpause", "1")
    frame = Frame(shop)
    page = frame.change("lines/1/pause")
    assert "На паузе" in page
    assert "вы, " in page
    assert "вы, " not in Frame(shop, EMPLOYEE).page("lines")
    assert shop.app.get(f"{APP}/app/lines", headers=frame.headers).status_code == 200
