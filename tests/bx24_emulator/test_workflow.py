"""The engine: one robot after another, answers, time limits, locks, and everything that gets lost."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.rules import event_tokens
from bx24.emulator.state.workflow import PlacedRobot, Workflow
from tests.bx24_emulator.conftest import ROBOT, PortalDriver, log_kinds


def two_robots(**first: Any) -> list[PlacedRobot]:
    return [
        PlacedRobot("robot.say", {"text": "1"}, "Первый", **first),
        PlacedRobot("robot.say", {"text": "{=Первый:status} / {=Первый:minutes_left} / {=Первый:IsTimeout}"}, "Второй"),
    ]


def test_the_next_robot_starts_after_the_answer_and_may_use_it(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots())
    driver.advance_clock(60)
    assert len(driver.inbox.received) == 1
    driver.answer_workflow(
        flow, log="Сообщение доставлено", STATUS="delivered", minutes_left="12 минут", unknown="x", text="y"
    )
    assert flow.returned[flow.steps[0].name] == {"IsTimeout": 0, "status": "delivered", "minutes_left": 12}
    driver.advance_clock()
    assert driver.inbox.last.form["properties[text]"] == "delivered / 12 / 0"
    driver.answer_workflow(flow)
    assert flow.state == "completed"
    assert log_kinds(flow) == [
        "started",
        "robot_started",
        "delivered",
        "message",
        "returned",
        "robot_started",
        "delivered",
        "message",
        "finished",
    ]
    assert [line.text for line in flow.log if line.kind == "message"] == [
        "Сообщение доставлено",
        "Получен ответ от приложения",
    ]


def test_a_robot_that_does_not_wait_lets_the_next_one_start_at_once(driver: PortalDriver) -> None:
    driver.result("bizproc.robot.add", {**ROBOT, "USE_SUBSCRIPTION": "N"})
    flow = driver.start_workflow(*two_robots())
    driver.advance_clock()
    assert flow.state == "completed"
    assert len(driver.inbox.received) == 2
    driver.answer_workflow(flow, token=flow.tokens[0], status="late")
    assert flow.answers[0].effect == "finished"


def test_the_second_answer_for_a_token_is_ignored(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots())
    first = flow.event_token
    driver.answer_workflow(flow, status="delivered")
    driver.answer_workflow(flow, token=first, status="failed")
    assert [answer.effect for answer in flow.answers] == ["accepted", "not_waiting"]
    assert flow.returned[flow.steps[0].name]["status"] == "delivered"
    assert flow.to_dict()["sends"] == {first: 2, flow.event_token: 0}


def test_a_time_limit_goes_on_without_the_answer(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots(timeout_s=30))
    first = flow.event_token
    driver.advance_clock(29.9)
    assert "timeout" not in log_kinds(flow)
    driver.advance_clock(0.1)
    driver.advance_clock()
    assert driver.inbox.last.form["properties[text]"] == " /  / 1"
    driver.answer_workflow(flow, token=first, status="late")
    assert flow.answers[0].effect == "not_waiting"


def test_an_answer_in_time_disarms_the_limit(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots(timeout_s=30))
    driver.answer_workflow(flow)
    driver.advance_clock(31)
    assert "timeout" not in log_kinds(flow)


@pytest.mark.parametrize(("fault", "effect"), [({"locked": ["*"]}, "locked"), ({"event_send_lost": 1}, "lost")])
def test_true_proves_nothing(driver: PortalDriver, robot: str, fault: dict[str, Any], effect: str) -> None:
    flow = driver.start_workflow(PlacedRobot(robot))
    driver.control("faults", fault)
    driver.answer_workflow(flow, status="sent")
    assert flow.waiting
    driver.control("faults", {"locked": []})
    driver.answer_workflow(flow, status="sent")
    assert [answer.effect for answer in flow.answers] == [effect, "accepted"]
    assert flow.state == "completed"


@pytest.mark.parametrize("token", ["", "a|b|c.d", "workflow", None, ["x"]])
@pytest.mark.parametrize("method", ["bizproc.event.send", "bizproc.activity.log"])
def test_a_token_with_a_bad_signature(driver: PortalDriver, robot: str, method: str, token: Any) -> None:
    assert driver.error(method, {"EVENT_TOKEN": token, "LOG_MESSAGE": "x"}) == (403, "ACCESS_DENIED")


def test_a_tampered_token(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(PlacedRobot(robot))
    assert driver.error("bizproc.event.send", {"EVENT_TOKEN": flow.event_token[:-1] + "-"}) == (403, "ACCESS_DENIED")
    assert flow.answers == []


def test_a_token_of_another_portal_has_another_signature(driver: PortalDriver, robot: str) -> None:
    other = driver.emulator.add_portal("https://other.example")
    token = event_tokens.sign(other, "1.2|A|" + "x" * 32)
    assert driver.error("bizproc.event.send", {"EVENT_TOKEN": token}) == (403, "ACCESS_DENIED")


def test_any_user_may_answer(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(PlacedRobot(robot))
    assert driver.result("bizproc.event.send", {"event_token": flow.event_token}, user=2) is True
    assert flow.state == "completed"


def test_activity_log_reports_what_event_send_swallows(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(PlacedRobot(robot))
    note = {"EVENT_TOKEN": flow.event_token, "LOG_MESSAGE": "Принято"}
    assert driver.error("bizproc.activity.log", {**note, "LOG_MESSAGE": ""}) == (400, "ERROR_EMPTY_LOG_MESSAGE")
    assert driver.result("bizproc.activity.log", note) is True
    assert (flow.log[-1].kind, flow.log[-1].text) == ("note", "Принято")
    driver.control("faults", {"locked": [flow.id]})
    assert driver.error("bizproc.activity.log", note) == (400, "423")
    driver.control("faults", {"locked": []})
    driver.answer_workflow(flow)
    assert driver.error("bizproc.activity.log", note) == (400, "404")


@pytest.mark.parametrize(
    ("descriptor", "value", "kept"),
    [
        ({"Type": "string"}, 5, "5"),
        ({"Type": "int"}, "12,5", 12),
        ({"Type": "int"}, "garbage", None),
        ({"Type": "double"}, "12,5", 12.5),
        ({"Type": "double"}, "x", None),
        ({"Type": "bool"}, "1", "Y"),
        ({"Type": "bool"}, "no", "N"),
        ({"Type": "select", "Options": {"a": "A"}}, "a", "a"),
        ({"Type": "select", "Options": {"a": "A"}}, "b", None),
        ({"Type": "string"}, ["first", "second"], "first"),
        ({"Type": "string", "Multiple": "Y"}, "one", ["one"]),
        ({"Type": "string", "Multiple": "Y"}, ["a", "b"], ["a", "b"]),
        ({"Type": "string"}, "", ""),
    ],
)
def test_returned_values_take_the_type_of_their_property(
    driver: PortalDriver, descriptor: dict[str, Any], value: Any, kept: Any
) -> None:
    driver.result("bizproc.robot.add", {**ROBOT, "RETURN_PROPERTIES": {"out": {"Name": "Out", **descriptor}}})
    flow = driver.start_workflow(PlacedRobot("robot.say"))
    driver.answer_workflow(flow, OUT=value)
    assert flow.returned[flow.steps[0].name]["out"] == kept


@pytest.mark.parametrize("failure", [500, 302, ConnectionError("refused")])
def test_a_failed_call_is_not_repeated(driver: PortalDriver, robot: str, failure: int | Exception) -> None:
    driver.inbox.answers = [failure]
    flow = driver.start_workflow(PlacedRobot(robot))
    driver.advance_clock()
    driver.advance_clock(600)
    assert len(driver.inbox.received) == 1
    assert "not_delivered" in log_kinds(flow)
    assert flow.waiting
    attempt = driver.control("calls")["outgoing"][0]
    assert (attempt["label"], attempt["status"]) == ("robot robot.say", failure if isinstance(failure, int) else 0)


def test_crash_tests_may_ask_for_repeats_with_the_same_token(driver: PortalDriver, robot: str) -> None:
    driver.control("faults", {"retry_until_200": True})
    driver.inbox.answers = [ConnectionError("down"), 500]
    flow = driver.start_workflow(PlacedRobot(robot))
    for _ in range(5):
        driver.advance_clock(1)
    assert [sent.form["event_token"] for sent in driver.inbox.received] == [flow.event_token] * 3
    assert driver.emulator.next_due() is None


def test_an_unregistered_robot_is_blocked_and_the_rest_goes_on(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(PlacedRobot("gone"), PlacedRobot(robot))
    driver.advance_clock()
    assert log_kinds(flow) == ["started", "blocked", "robot_started", "delivered"]


def test_moving_a_deal_runs_the_stage_and_ends_the_former_one(driver: PortalDriver, robot: str) -> None:
    driver.control("stage-robots", {"stage": "PREPARATION", "robots": [{"code": robot, "values": {"text": "hi"}}]})
    first = driver.control("deals/1/move", {"stage": "PREPARATION"})["workflow"]
    assert (first["state"], first["waiting"], first["stage"]) == ("running", True, "PREPARATION")
    assert driver.control("deals/1/move", {"stage": "WON"}) == {"workflow": None}
    flow = driver.control(f"log?workflow_id={first['id']}")["workflows"][0]
    assert flow["state"] == "terminated"
    driver.result("bizproc.event.send", {"EVENT_TOKEN": first["event_token"]})
    assert driver.control("log")["workflows"][0]["answers"][0]["effect"] == "finished"
    assert driver.result("crm.deal.get", {"id": 1})["STAGE_ID"] == "WON"


def test_a_workflow_can_be_terminated(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(PlacedRobot(robot))
    assert driver.control(f"workflows/{flow.id}/terminate", {})["workflow"]["state"] == "terminated"
    assert driver.control("workflows/none/terminate", {}, status=404)["error"]


def test_the_log_speaks_the_portals_language() -> None:
    driver = PortalDriver(lang="en")
    driver.result("bizproc.robot.add", ROBOT)
    flow = driver.start_workflow(PlacedRobot("robot.say"))
    assert [line.text for line in flow.log] == ["Workflow started", "Robot “Say” started"]


def ignored_lines(flow: Workflow) -> list[tuple[str, str]]:
    """Kind and robot of the log lines about answers that had no effect."""
    return [(line.kind, line.robot) for line in flow.log if line.kind in ("answer_repeated", "answer_ignored")]


def test_a_repeated_answer_is_logged_as_already_taken(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots())
    first = flow.event_token
    driver.answer_workflow(flow, status="delivered", minutes_left=12)
    driver.answer_workflow(flow, token=first, status="delivered", minutes_left=12)
    second = flow.event_token
    driver.answer_workflow(flow, status="read")
    driver.answer_workflow(flow, token=second, log="Ещё раз", status="read")
    assert [answer.effect for answer in flow.answers] == ["accepted", "not_waiting", "accepted", "finished"]
    assert ignored_lines(flow) == [("answer_repeated", "Первый"), ("answer_repeated", "Второй")]
    assert flow.log[-1].text == "Повторный ответ, уже учтён"
    assert '<tr class="quiet">' in driver.http("GET", "/log").text
    assert '<tr class="warn">' not in driver.http("GET", "/log").text


def test_another_answer_for_a_used_token_stays_a_warning(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots())
    first = flow.event_token
    driver.answer_workflow(flow, status="delivered")
    driver.answer_workflow(flow, token=first, status="failed")
    assert ignored_lines(flow) == [("answer_ignored", "Второй")]
    assert '<tr class="warn">' in driver.http("GET", "/log").text


def test_an_answer_that_was_never_taken_stays_a_warning(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots(timeout_s=30))
    first = flow.event_token
    driver.advance_clock(30)
    for _ in range(2):
        driver.answer_workflow(flow, token=first, status="late")
    assert ignored_lines(flow) == [("answer_ignored", "Второй")] * 2


def test_a_repeated_answer_that_a_fault_swallows_is_not_called_taken(driver: PortalDriver, robot: str) -> None:
    flow = driver.start_workflow(*two_robots())
    first = flow.event_token
    driver.answer_workflow(flow, status="delivered")
    driver.control("faults", {"event_send_lost": 1})
    driver.answer_workflow(flow, token=first, status="delivered")
    assert ignored_lines(flow) == [("answer_ignored", "Второй")]
