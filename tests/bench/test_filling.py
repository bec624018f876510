"""The portal that the benchmark fills is one that every page of ours can show."""

from datetime import timedelta

import pytest

from bench import reports
from bench.filling import fill
from bench.pages import ask, calls, frame_headers
from messaging.insight.reports import By
from tests.messaging.insight.reporting import of_the_worker, sums
from tests.support.world import World


def test_every_page_that_is_timed_shows_the_filled_portal(world: World) -> None:
    run_id = fill(world.runtime, 200, timedelta(days=30))
    headers = frame_headers(world.flask)
    answers = {call.name: ask(world.app, call, headers) for call in calls(run_id, 1)}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "order_1" in answers["templates"].text
    assert "/app/messages/200" in answers["messages"].text


def test_every_report_that_is_timed_adds_up_the_counted_days(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world.runtime, 60, timedelta(hours=1))
    count, rows = reports.fill_reports(world.runtime, 60)
    assert (count, rows) == (sums(of_the_worker(world, monkeypatch, By.LINE, days=59)).total, 60 * 126)
    headers = frame_headers(world.flask)
    answers = {call.name: ask(world.app, call, headers) for call in reports.calls(world.now.date())}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "template_1" in answers["400 days, by template and robot"].text
