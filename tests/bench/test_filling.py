"""The portal that the benchmark fills is one that every page of ours can show."""

from datetime import timedelta

from bench.filling import fill
from bench.pages import ask, calls, frame_headers
from tests.support.world import World


def test_every_page_that_is_timed_shows_the_filled_portal(world: World) -> None:
    run_id = fill(world.runtime, 200, timedelta(days=30))
    headers = frame_headers(world.flask)
    answers = {call.name: ask(world.app, call, headers) for call in calls(run_id, 1)}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "order_1" in answers["templates"].text
    assert "/app/messages/200" in answers["messages"].text
