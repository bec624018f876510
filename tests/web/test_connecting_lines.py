"""Connecting lines: what is typed, what Gupshup says to it, and in which country numbers are read."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from messaging.store.models import Line
from tests.flows.scenes import ONE_DATABASE, ending, gupshup_control, jump_clock
from tests.support.world import World
from tests.web.inside import EMPLOYEE, NEW_LINE, Frame, seen


def _line(world: World, line_id: int = 1) -> Line:
    with world.runtime.db.read() as session:
        return session.get_one(Line, line_id)


def _app_at_gupshup(world: World) -> str:
    """The key of an app that Gupshup knows by the name and number of NEW_LINE."""
    made = gupshup_control(world, "apps", {"app_name": NEW_LINE["app_name"], "phone": "79005556677", "templates": []})
    return str(made["api_key"])


# --- connecting -----------------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_no_lines_yet(world: World) -> None:
    world.install_app()
    assert "Линий пока нет" in Frame(world).page("lines")
    assert "Подключить линию" in Frame(world).page("lines")
    assert "Подключить линию" not in Frame(world, EMPLOYEE).page("lines")


@ONE_DATABASE
def test_a_line_is_connected_by_what_was_pasted(shop: World) -> None:
    key = _app_at_gupshup(shop)
    page = Frame(shop).change("lines", **{**NEW_LINE, "api_key": f"  {key[:16]} {key[16:]}\n", "app_name": " newshop "})
    line = _line(shop, 2)
    assert (line.api_key, line.app_name, line.phone, line.name) == (key, "newshop", "79005556677", "Сервис")
    assert "Линия подключена" in page
    assert key not in page


@ONE_DATABASE
@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"api_key": "k" * 32}, "api_key", "Gupshup не принял этот ключ"),
        ({"app_name": "NewShop"}, "app_name", "нет приложения с таким именем"),
        ({"phone": "+7 900 555-66-78"}, "phone", "У этого приложения другой номер"),
    ],
)
def test_what_gupshup_refuses_is_not_stored(shop: World, wrong: dict[str, str], field: str, words: str) -> None:
    given = {**NEW_LINE, "api_key": _app_at_gupshup(shop), **wrong}
    page = Frame(shop).change("lines", **given)
    assert page.count(words) == 2, "in the summary and beside the field"
    assert f'href="#f-{field}"' in page
    assert given["api_key"] not in page
    assert "Введите ключ ещё раз" in page
    with shop.runtime.db.read() as session:
        assert session.scalars(select(Line.id)).all() == [1]


@ONE_DATABASE
def test_a_gupshup_that_does_not_answer_is_not_the_fault_of_what_was_typed(shop: World) -> None:
    given = {**NEW_LINE, "api_key": _app_at_gupshup(shop)}
    frame, key = Frame(shop), _line(shop).api_key
    shop.net.broken["api.gupshup.example"] = requests.exceptions.ReadTimeout("silence")
    page = frame.change("lines", **given)
    assert "Gupshup не отвечает" in page
    assert "Исправьте" not in page
    assert 'value="newshop"' in page
    assert "Gupshup не отвечает" in frame.change("lines/1/key", api_key="x" * 32)
    assert _line(shop).api_key == key
    shop.net.broken.clear()
    assert "Линия подключена" in frame.change("lines", **given)


@ONE_DATABASE
def test_the_badge_of_a_line_shows_the_worst_of_its_checks(shop: World) -> None:
    frame = Frame(shop)
    for name in ("key", "webhook", "templates"):
        frame.page(f"lines/1/checks/{name}")
    assert "Работает" in frame.page("lines")
    jump_clock(shop, 20)
    shop.net.broken["api.gupshup.example"] = requests.exceptions.ReadTimeout("silence")
    assert frame.get("/app/lines/1/checks/key").headers["HX-Trigger"] == "waba24-checked"
    assert "Не удалось проверить" in frame.page("lines/1/state")
    silent_since = shop.now
    jump_clock(shop, 60)
    row = seen(frame.page("lines/1/checks/key"))
    assert f"Gupshup не отвечает с {silent_since:%d.%m.%Y %H:%M} UTC" in row, "not since the last try"
    assert "Готово приложение acmeshop" in row, "what was known before"
    shop.net.broken.clear()
    jump_clock(shop, 20)
    shop.set_gupshup_faults(key_revoked=True)
    frame.page("lines/1/checks/key")
    for path in ("lines", "lines/1", "lines/1/state"):
        assert "Ключ не подходит" in frame.page(path), path
        assert "Работает" not in frame.page(path), path
    jump_clock(shop, 20)
    shop.net.broken["api.gupshup.example"] = requests.exceptions.ReadTimeout("silence")
    frame.page("lines/1/checks/key")
    assert "Ключ не подходит" in frame.page("lines"), "a key that was refused is not better when nobody can ask"


@ONE_DATABASE
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"api_key": " "}, "App API Key: Заполните"),
        ({"api_key": "ключ"}, "только латинские буквы"),
        ({"app_name": ""}, "App name: Заполните"),
        ({"app_name": "x" * 101}, "не больше 100 знаков"),
        ({"phone": "89123"}, "Это не похоже на номер"),
        ({"phone": "нет"}, "Это не похоже на номер"),
        ({"app_id": "x" * 65}, "не больше 64 знаков"),
        ({"name": "x" * 101}, "не больше 100 знаков"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(shop: World, wrong: dict[str, str], words: str) -> None:
    given = {**NEW_LINE, "name": "Мой <b>отдел</b>", **wrong}
    page = Frame(shop).change("lines", **given)
    assert "<title>Ошибка: " in page
    assert "Исправьте 1 поле" in page
    assert page.count(words.split(": ", 1)[-1]) == 2, "in the summary and beside the field"
    assert 'aria-invalid="true"' in page
    if "name" not in wrong:
        assert "Мой &lt;b&gt;отдел&lt;/b&gt;" in page
    assert NEW_LINE["api_key"] not in page
    with shop.runtime.db.read() as session:
        assert session.scalars(select(Line.id)).all() == [1]


@ONE_DATABASE
def test_a_key_is_renewed_and_shown_by_its_end_only(shop: World) -> None:
    frame, old = Frame(shop), _line(shop)
    key = shop.gupshup_app["api_key"]
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(api_key="the former key"))
    assert "Gupshup не принял этот ключ" in frame.change("lines/1/key", api_key="x" * 32)
    assert _line(shop).api_key == "the former key"
    page = frame.change("lines/1/key", api_key=f" {key} ", app_id=old.app_id)
    assert _line(shop).api_key == key
    assert key[-4:] in page
    assert key not in page
    frame.change("lines/1/key", api_key="", app_id="22222222-2222-4222-8222-222222222222")
    assert (_line(shop).api_key, _line(shop).app_id) == (key, "22222222-2222-4222-8222-222222222222")
    assert "только латинские буквы" in frame.change("lines/1/key", api_key="ключ")
    assert _line(shop).api_key == key


@ONE_DATABASE
def test_a_name_that_another_line_has_is_refused_at_every_door(shop: World) -> None:
    frame = Frame(shop)
    taken = {**NEW_LINE, "name": "acmeshop"}
    page = frame.change("lines", **taken)
    assert "Так называется другая линия" in page
    assert 'value="newshop"' in page, "what was typed"
    args = ("--api-key", "k" * 32, "--app-name", "newshop", "--phone", "79005556677", "--name", "acmeshop")
    result = shop.flask.test_cli_runner().invoke(args=["lines", "add", "--portal", shop.portal.member_id, *args])
    assert result.exit_code != 0
    assert "name: another connected line" in result.output
    with shop.runtime.db.read() as session:
        assert len(session.scalars(select(Line)).all()) == 1
    accepted = {**NEW_LINE, "api_key": _app_at_gupshup(shop)}
    frame.change("lines", **accepted)
    frame.change("lines", **accepted)
    assert _line(shop, 2).name == NEW_LINE["name"], "the same app again keeps its own name"


# --- the country of numbers -------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_the_country_in_which_numbers_are_read_is_shown_and_chosen(shop: World) -> None:
    frame = Frame(shop)
    assert 'читаются как номера страны: <strong data-country="RU">' in frame.page("lines")
    typed = {"side": "robots", "action": "send_text", "values": {"phone": "8 495 123-45-67", "text": "Добрый день"}}

    def said() -> Any:
        return shop.app.post("/settings/check", json=typed, headers=frame.headers).json

    assert (said()["problems"], said()["recipient"]) == ([], "Отправим на +7 495 123-45-67")
    assert "Страна сохранена" in frame.change("lines/country", country="US")
    assert '<strong data-country="US">' in frame.page("lines")
    assert [one["code"] for one in said()["problems"]] == ["invalid_phone"]
    assert said()["recipient"] == "Номера без кода страны читаются как номера страны: {country}"
    assert said()["country"] == "US"
    flow = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone="8 495 123-45-67")
    assert ending(flow) == ("failed", "invalid_phone")
    frame.change("lines/country", country="RU")
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone="8 495 123-45-67")
    assert [message.destination for message in shop.sent] == ["74951234567"]
    frame.change("lines/country", 404, country="XX")
    Frame(shop, EMPLOYEE).change("lines/country", 403, country="US")
    assert '<strong data-country="RU">' in frame.page("lines")
