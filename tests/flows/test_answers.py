"""Every run that waits is answered, once (contract, promise 3; bitrix24.md 5.4)."""

from __future__ import annotations

from typing import Any

from bx24.emulator.rules.workflow_engine import Engine
from messaging.store.models import Run
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    jump_clock,
    open_windows,
    rest_calls,
    set_portal_faults,
    start_each,
    template_robot,
)
from tests.support.world import APP, World, returned


def _sent_back(flow: Any) -> list[tuple[str, str]]:
    """What became of each `bizproc.event.send`, with the status it carried."""
    return [(answer.effect, answer.values["status"]) for answer in flow.answers]


def test_an_answer_is_sent_twice_with_the_same_values_and_never_again(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="delivered"))
    shop.advance_clock(2)
    first = flow.answers[0]
    assert first.effect == "accepted"
    shop.advance_clock(17)
    assert len(flow.answers) == 1, "not before 20 seconds have passed"
    shop.advance_clock(45)
    assert len(flow.answers) == 2
    again = flow.answers[1]
    assert 20 <= again.at - first.at <= 60
    assert (again.token, again.values) == (first.token, first.values)
    shop.client_replies(OLGA, "Спасибо")
    jump_clock(shop, 600, 3600)
    assert len(flow.answers) == 2
    assert flow.state == "completed"
    assert shop.stored_rows(Run)[0].answer_at is None


def test_a_repeated_call_is_the_same_run(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="delivered"))
    shop.advance_clock(2)
    post = next(request for request in shop.net.seen if str(request.url) == f"{APP}/robots/send_template")
    for _ in range(3):
        answer = shop.app.post(
            "/robots/send_template", data=post.body, content_type="application/x-www-form-urlencoded"
        )
        assert (answer.status_code, answer.data) == (200, b"")
    shop.advance_clock(40)
    assert len(shop.stored_rows(Run)) == len(shop.sent) == 1
    assert _sent_back(flow) == [("accepted", "delivered"), ("finished", "delivered")]


@ONE_DATABASE
def test_an_answer_that_was_lost_without_a_word_arrives_by_its_repetition(shop: World) -> None:
    set_portal_faults(shop, event_send_lost=1)
    flow = shop.robots_start(template_robot(until="delivered"))
    shop.advance_clock(2)
    assert flow.state == "running"
    shop.advance_clock(60)
    assert _sent_back(flow) == [("lost", "delivered"), ("accepted", "delivered")]
    assert flow.state == "completed"


def test_a_locked_workflow_is_answered_when_it_is_free_again(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="delivered"))
    set_portal_faults(shop, locked=[flow.id])
    shop.advance_clock(2)
    jump_clock(shop, 25, 25, 25)
    assert flow.state == "running"
    assert all(effect == "locked" for effect, _ in _sent_back(flow))
    set_portal_faults(shop, locked=[])
    jump_clock(shop, 25, 25, 35)
    assert flow.state == "completed"
    assert [effect for effect, _ in _sent_back(flow)].count("accepted") == 1
    assert {status for _, status in _sent_back(flow)} == {"delivered"}


@ONE_DATABASE
def test_a_workflow_that_is_gone_is_told_once_and_left_alone(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="read"))
    shop.advance_clock(2)
    with shop.bx.lock:
        Engine(shop.portal).terminate(flow)
    shop.set_gupshup_faults(auto_read_ms=0)
    other = shop.robots_start(template_robot(PHONES[0], "read"))
    shop.gs.look(shop.gs.chat(shop.sent[0].app, OLGA))
    shop.advance_clock(2)
    assert ending(other) == ("read", "")
    before = len(rest_calls(shop, "bizproc.event.send"))
    jump_clock(shop, 60, 600, 3600)
    assert [effect for effect, _ in _sent_back(flow)] == ["finished"]
    assert len(rest_calls(shop, "bizproc.event.send")) <= before + 1, "only the repetition for the other workflow"


TROUBLES = {
    "html_502": 3,
    "query_limit": 3,
    "internal_error": 3,
    "connection_error": 3,
    "drop_before": 3,
    "drop_after": 2,
}


@ONE_DATABASE
def test_a_portal_in_trouble_is_answered_when_it_is_well_again(shop: World) -> None:
    for number, (trouble, times) in enumerate(TROUBLES.items(), 1):
        flow = shop.robots_start(template_robot(until="delivered"))
        jump_clock(shop, 0.1)
        set_portal_faults(shop, **{trouble: times})
        shop.advance_clock(2)
        jump_clock(shop, *[4] * 8, 60)
        assert flow.state == "completed", trouble
        assert [effect for effect, _ in _sent_back(flow)].count("accepted") == 1, trouble
        assert {status for _, status in _sent_back(flow)} == {"delivered"}, trouble
        assert len(shop.sent) == number, trouble


@ONE_DATABASE
def test_a_method_that_used_up_its_time_is_asked_again_later(shop: World) -> None:
    set_portal_faults(shop, time_limit={"bizproc.event.send": shop.now.timestamp() + 90})
    flow = shop.robots_start(template_robot(until="accepted"))
    shop.advance_clock(2)
    before = len(rest_calls(shop, "bizproc.event.send"))
    jump_clock(shop, *[10] * 7)
    assert flow.answers == []
    assert len(rest_calls(shop, "bizproc.event.send")) - before <= 9
    jump_clock(shop, *[30] * 5)
    assert ending(flow) == ("accepted", "")


@ONE_DATABASE
def test_many_answers_of_one_moment_share_few_calls(shop: World) -> None:
    flows = start_each(shop, *(template_robot(f"7916333{number:04d}", "delivered") for number in range(101, 119)))
    jump_clock(shop, 0.1, 0.1)
    before = len(rest_calls(shop, "bizproc.event.send"))
    jump_clock(shop, 2)
    assert {ending(flow) for flow in flows} == {("delivered", "")}
    posts = rest_calls(shop, "bizproc.event.send")[before:]
    assert len(posts) <= 3, "18 answers with their log lines fit into one batch"


def test_a_run_that_does_not_wait_is_carried_out_and_not_answered(shop: World) -> None:
    open_windows(shop)
    shop.robots_start(template_robot(until="delivered"))
    shop.advance_clock(2)
    post = next(request for request in shop.net.seen if str(request.url) == f"{APP}/robots/send_template")
    body = post.body.decode() if isinstance(post.body, bytes) else str(post.body)
    fresh = body.replace("use_subscription=Y", "use_subscription=N").replace("event_token=", "event_token=x")
    assert shop.app.post("/robots/send_template", data=fresh).status_code == 200
    before = len(rest_calls(shop, "bizproc.event.send"))
    shop.advance_clock(2)
    assert len(shop.sent) == 2
    run = shop.stored_rows(Run)[1]
    assert (run.outcome, run.answer_at, run.answers_sent) == ("delivered", None, 0)
    assert len(rest_calls(shop, "bizproc.event.send")) == before


@ONE_DATABASE
def test_results_feed_the_next_robot_of_the_workflow(shop: World) -> None:
    open_windows(shop)
    question = template_robot(until="replied")
    answer = ("robot.send_text", {"text": "Вы написали: {=Question:reply_text}", "phone": "{=Question:reply_from}"})
    with shop.bx.lock:
        flow = shop.robots_start(question, answer)
        flow.steps[0].name = "Question"
    shop.advance_clock(2)
    shop.client_replies(OLGA, "Завтра")
    shop.advance_clock(3)
    assert [(m.destination, (m.message or {}).get("text")) for m in shop.sent] == [
        (OLGA, None),
        (OLGA, "Вы написали: Завтра"),
    ]
    assert returned(flow, 1)["status"] == "accepted"
    assert flow.state == "completed"
