"""The page of robots and activities: what the portal has, why it has not, and putting it right."""

from __future__ import annotations

import json

import pytest

from activities import ACTIVITIES
from robots import ROBOTS
from tests.flows.scenes import OLGA, ONE_DATABASE, set_portal_faults
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

pytestmark = ONE_DATABASE

#: What is registered: each action as a robot and as an activity.
ALL = len(ROBOTS) + len(ACTIVITIES)


def test_after_the_install_everything_is_registered(shop: World) -> None:
    page = Frame(shop).get("/app/robots")
    assert page.status_code == 200
    assert f"Зарегистрировано {ALL} из {ALL}." in seen(page)
    assert "Не зарегистрирован" not in seen(page)
    assert "btn-primary" not in page.text, "nothing needs repairing"


def test_what_somebody_deleted_is_found_by_the_check_and_put_back_by_one_click(shop: World) -> None:
    del shop.portal.robots["robot.send_list"]

    checked = Frame(shop).post("/app/robots/check")
    assert f"Зарегистрировано {ALL - 1} из {ALL}." in seen(checked)
    assert "btn-primary" in checked.text
    assert 'hx-vals=\'{"code": "robot.send_list"}\'' in checked.text

    repaired = Frame(shop).post("/app/robots/repair", code="robot.send_list")
    assert f"Зарегистрировано {ALL} из {ALL}." in seen(repaired)
    assert "robot.send_list" in shop.portal.robots


def test_repairing_all_is_done_by_a_worker_and_the_page_waits_for_it(shop: World) -> None:
    shop.portal.robots.clear()
    page = Frame(shop).post("/app/robots/repair")
    assert "Роботы регистрируются" in seen(page)
    shop.advance_clock(1)
    assert "Роботы регистрируются" not in seen(Frame(shop).get("/app/robots"))
    assert len(shop.portal.robots) == ALL


def test_an_employee_reads_and_changes_nothing(shop: World) -> None:
    shop.portal.robots.clear()
    page = Frame(shop, EMPLOYEE).get("/app/robots")
    assert "Менять настройки могут администраторы портала" in seen(page)
    assert "Восстановить всё" not in seen(page)
    refused = Frame(shop, EMPLOYEE).post("/app/robots/repair")
    assert refused.status_code == 403
    assert shop.portal.robots == {}


def test_a_code_that_is_not_ours_registers_nothing(shop: World) -> None:
    assert Frame(shop).post("/app/robots/repair", code="robot.evil").status_code == 404
    assert "robot.evil" not in shop.portal.robots


@pytest.mark.parametrize(
    ("lang", "words"), [("ru", "Запрос к Битрикс24 не удался"), ("en", "The request to Bitrix24 failed")]
)
def test_a_portal_that_does_not_answer_says_what_to_do(shop: World, lang: str, words: str) -> None:
    set_portal_faults(shop, html_502=20)
    page = Frame(shop, lang=lang).post("/app/robots/check")
    assert page.status_code == 200
    assert words in seen(page)


def test_the_week_counts_runs_and_those_that_failed(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="order_ready", phone=OLGA, params=["Анна", "512"])
    shop.robot_runs("robot.send_template", template="nowhere", phone=OLGA)
    told = json.loads(Frame(shop).get("/app/robots/week").headers["HX-Trigger"])["waba24:fill"]
    assert told["week-send_template"] == "2, 1 с ошибкой"
    assert told["week-send_text"] == "0"


def test_without_a_token_or_for_another_portal_there_is_nothing(shop: World) -> None:
    outside = shop.app.get("/app/robots", headers={"Accept-Language": "ru"})
    assert outside.status_code == 401
    assert "Откройте эту страницу из Битрикс24." in seen(outside)
    assert Frame(shop, member_id="f" * 32).get("/app/robots").status_code == 403
