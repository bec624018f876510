"""The doctor on the command line and on his page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging.doctor import server
from messaging.doctor.certificate import Certificate
from messaging.worker.pool import make_worker
from tests.flows.scenes import OLGA, ONE_DATABASE, post_webhook, set_portal_faults
from tests.support.world import PORTAL, World
from tests.web.inside import EMPLOYEE, Frame, seen

pytestmark = ONE_DATABASE


@pytest.fixture
def live(shop: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that looks like a live one from outside, and goes on while the doctor waits."""
    from datetime import timedelta

    outside = server.Outside(lambda *_: ["93.184.216.34"], lambda *_: Certificate(shop.now + timedelta(days=60)))
    monkeypatch.setattr(server, "Outside", lambda: outside)
    shop.runtime.sleep = shop.advance_clock
    make_worker(shop.runtime.redis).register_birth()
    return shop


def _run(world: World, *args: str) -> Any:
    return world.flask.test_cli_runner().invoke(args=["doctor", *args])


def test_the_whole_round_is_printed_and_nothing_failed(live: World) -> None:
    done = _run(live, "--lang", "ru")
    assert done.exit_code == 0, done.output
    for words in ("Сервер", "Портал 1", "Линия 1", "+ Вызовы от Битрикс24", "ошибок 0"):
        assert words in done.output
    assert "→ Укажите элемент CRM" in done.output


def test_what_failed_is_an_exit_code_and_says_what_to_do(live: World) -> None:
    set_portal_faults(live, undelivered=True)
    live.set_gupshup_faults(key_revoked=True)
    done = _run(live, "--lang", "en", "--portal", live.portal.member_id)
    assert done.exit_code == 1
    assert "x Calls from Bitrix24" in done.output
    assert "x Gupshup key" in done.output
    assert "→ Copy the App API Key again" in done.output
    assert "Traceback" not in done.output


def test_a_trial_is_started_by_a_workflow(live: World) -> None:
    step = {"code": "activity.check_window", "values": {"phone": OLGA}}
    made = live.control.post("/emulator/templates", json={"name": "Проба", "robots": [step]}, base_url=PORTAL).json
    done = _run(live, "--item", "deal 1", "--template", str(made["id"]), "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "+ Trial run of a robot: the call came" in done.output
    assert live.sent == []


def test_reports_are_json_without_names(live: World) -> None:
    post_webhook(live, {"who": OLGA}, kind="strange-event")
    for args in (["--json"], ["report"]):
        done = _run(live, *args)
        made = json.loads(done.stdout)
        assert made["worst"] != "failed"
        assert [row["kind"] for row in made["shapes"]] == ["webhook"]
        assert OLGA not in done.stdout
        assert "acme" not in done.stdout
    (row,) = json.loads(_run(live, "shapes", "--json").stdout)
    assert (row["why"], row["portal"]) == ("no known type: other", 1)
    assert "who: digits 11" in row["shape"]
    assert "who: digits 11" in _run(live, "shapes", "--portal", live.portal.member_id).output
    assert "in the traffic" in _run(live, "points", "--lang", "en").output


@pytest.mark.parametrize("args", [["--portal", "0" * 32], ["--item", "car 1"], ["shapes", "--portal", "0" * 32]])
def test_what_cannot_be_done_is_a_sentence(live: World, args: list[str]) -> None:
    done = _run(live, *args)
    assert done.exit_code in (1, 2)
    assert "Error" in done.output
    assert "Traceback" not in done.output


def test_the_country_of_numbers_is_shown_and_set(shop: World) -> None:
    def country(*args: str) -> Any:
        command = ["portals", "country", "--portal", shop.portal.member_id, *args]
        return shop.flask.test_cli_runner().invoke(args=command)

    assert country().output.strip() == "RU (the portal's own)"
    assert country("br").output.strip() == "BR"
    assert country().output.strip() == "BR"
    assert country("own").output.strip() == "RU (the portal's own)"
    refused = country("XX")
    assert refused.exit_code == 1
    assert "XX is no country" in refused.output


# --- the page ---------------------------------------------------------------------------------------------------------------


def test_the_page_is_the_administrators(live: World) -> None:
    assert "Проверить всё" in seen(Frame(live).page("doctor"))
    assert "Диагностика" not in seen(Frame(live, EMPLOYEE).page("health"))
    for path in ("doctor", "doctor/server", "doctor/portal", "doctor/lines/1", "doctor/echo", "doctor/templates"):
        Frame(live, EMPLOYEE).page(path, 403)
    Frame(live, EMPLOYEE).change("doctor/echo", 403)
    Frame(live, EMPLOYEE).change("doctor/trial", 403, item="DEAL_1")
    assert live.portal.events == [one for one in live.portal.events if one.event != "ONAPPTEST"]


def test_the_parts_of_the_page_say_what_is_wrong(live: World) -> None:
    frame = Frame(live)
    assert 'hx-get="/app/doctor/portal" hx-trigger="load"' in frame.get("/app/doctor", run="1").text
    assert "Адрес, база данных, очереди, воркеры" in seen(frame.page("doctor/server"))
    set_portal_faults(live, plan="project")
    live.set_gupshup_faults(key_revoked=True)
    assert "нет роботов и бизнес-процессов" in seen(frame.page("doctor/portal"))
    assert "Gupshup не принимает ключ" in seen(frame.page("doctor/lines/1"))
    frame.page("doctor/lines/99", 404)


def test_the_page_waits_for_the_event_and_for_the_trial(live: World) -> None:
    frame = Frame(live)
    assert "Ждём Битрикс24" in seen(frame.change("doctor/echo"))
    live.advance_clock(2)
    assert "событие пришло через" in seen(frame.page("doctor/echo"))
    assert "не элемент CRM" in seen(frame.change("doctor/trial", item="<b>car</b>"))
    assert "Теперь откройте DEAL_1" in seen(frame.change("doctor/trial", item="deal 1", template=""))
    live.robot_runs("robot.check_window")
    assert "Битрикс24 принял ответ" in seen(frame.page("doctor/trial"))
    step = {"code": "activity.check_window", "values": {"phone": OLGA}}
    live.control.post("/emulator/templates", json={"name": "<Проба>", "robots": [step]}, base_url=PORTAL)
    assert "&lt;Проба&gt; (DEAL)" in frame.page("doctor/templates")
