"""The benchmark's own arithmetic, its stub and its baseline job; it is not run here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from bench import figures, load, one, report
from bench.figures import Goal, Row, percentile, verdicts
from messaging.store.models import Message, Run
from tests.flows.scenes import OLGA
from tests.support.world import APP, PORTAL, World, returned

FORM = "application/x-www-form-urlencoded"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stub() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.stub", "--delay-ms", "50"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.kill()


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([7], 0.99, 7),
        ([3, 1, 2], 0.5, 2),
        ([4, 1, 3, 2], 0.5, 2),
        (range(1, 101), 0.99, 99),
        (range(1, 102), 0.99, 100),
        (range(1, 101), 1.0, 100),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, expected: float) -> None:
    assert percentile(list(values), share) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"p": {"sqlite": {"x": 3}, "postgresql": {"x": 2.9}}}, ["met", "NOT MET"]),
        ({"p": {"sqlite": {"x": 2}}}, ["NOT MET", "not measured"]),
        ({"p": {"sqlite": {"x": True}}}, ["NOT MET", "not measured"]),
        ({}, ["not measured", "not measured"]),
    ],
)
def test_each_database_must_reach_a_goal(parts: dict[str, object], expected: list[str]) -> None:
    assert [one.word for one in verdicts(parts, [Goal("x", "p.{}.x", 3, True)])] == expected


def test_a_goal_may_be_a_ceiling_and_reaching_it_is_enough() -> None:
    goal = Goal("memory", "memory.web_mb", 100, False, " MB")
    assert [verdicts({"memory": {"web_mb": mb}}, [goal])[0].met for mb in (99, 100, 100.1)] == [True, True, False]


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.254, "0.25"), (12.34, "12.3"), (1076.4, "1,076"), (250, "250")]
)
def test_figures_are_short(value: float, shown: str) -> None:
    assert figures.number(value) == shown


def test_the_page_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    found = report.as_dict({"intake": {}}, [], [], 1.0)
    for figure in ("1 POST/s", "2 | POST/s"):
        page.write_text(page.read_text() if page.exists() else f"# Before\n{report.BEGIN}\n{report.END}\nafter\n")
        report.write_docs(found, [Row("intake", "calls", "sqlite", figure)], verdicts({}), tmp_path)
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("after\n")
    assert "2 \\| POST/s |" in text
    assert "1 POST/s" not in text
    with pytest.raises(ValueError, match="no lines"):
        report.between("a page without markers", "")


def test_our_own_page_has_its_markers() -> None:
    assert report.between((ROOT / "docs" / "performance.md").read_text(), "figures")


def test_the_stub_answers_late_and_keeps_book(stub: str) -> None:
    phones = [b"79120000001", b"79120000002", b"79120000001"]
    posts = [load.encode(f"{stub}/wa/api/v1/msg", b"channel=whatsapp&destination=%b&x=1" % phone) for phone in phones]
    result = load.paced(stub, posts, per_s=1000)
    assert result.statuses == {202: 3}
    assert 0.05 <= result.ended - result.started < 2
    with urlopen(f"{stub}/stub/count") as answer:
        assert json.load(answer) == {"accepted": 3, "duplicates": 1}
    with urlopen(f"{stub}/stub/arrivals") as answer:
        arrivals = json.load(answer)["arrivals"]
    assert sorted(phone.encode() for phone, _ in arrivals) == sorted(phones)
    # Arrival counts, not the answer 50 ms later.
    assert all(result.started <= at <= result.ended - 0.04 for _, at in arrivals), "noted when it was answered"


def test_a_held_call_is_carried_by_the_baselines_job_as_by_a_drain(shop: World) -> None:
    """The portal signs calls for us to post; one job does with a run what a drain does with many."""
    asked = {"code": "robot.send_template", "values": {"template": "order_ready", "params": ["Ольга", "512"]}}
    held = shop.control.post("/emulator/hold", json={**asked, "each": [{"phone": OLGA}]}, base_url=PORTAL).json["calls"]
    assert shop.bx.deliver_due() == 0, "the portal must not post it as well"
    (call,) = held
    answer = shop.app.post(call["url"].removeprefix(APP), data=call["body"], content_type=FORM)
    assert answer.status_code == 200

    (run,) = shop.stored_rows(Run)
    one.carry_with(shop.runtime, run.id)
    one.carry_with(shop.runtime, run.id)

    assert [message.destination for message in shop.sent] == [OLGA]
    (message,) = shop.stored_rows(Message)
    assert (message.status, message.gupshup_id) == ("accepted", shop.sent[0].id)
    shop.advance_clock(2)
    assert returned(shop.portal.workflows[call["workflow"]])["status"] == "accepted"
