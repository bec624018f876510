"""Questions that add up many rows of a portal: one of a portal at a time, so that the others keep their threads."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from messaging.limits.concurrency import ConcurrencyLimit
from messaging.store.campaigns import Campaign, Recipient
from tests.api import test_switching
from tests.api.caller import Program
from tests.api.test_switching import LINE, days, draft
from tests.flows.scenes import ONE_DATABASE, PHONES
from tests.support.world import World
from tests.web.inside import Frame, second_portal

LONG_METHODS = (
    *("messages.status.get", "messages.history.list", "messages.stats.get", "templates.analytics.get"),
    *("campaigns.stats.get", "campaigns.recipients.list", "campaigns.recipients.add"),
)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> ConcurrencyLimit:
    made = ConcurrencyLimit(2, patience_s=0.01, now=lambda: 0.0)
    monkeypatch.setattr("web.turns._questions", made)
    return made


@ONE_DATABASE
@pytest.mark.parametrize("path", ["/campaigns", "/campaigns/x", "/reports/messages?group_by=day"])
def test_a_second_question_of_a_portal_waits_its_turn(shop: World, limit: ConcurrencyLimit, path: str) -> None:
    program = Program(shop)
    with limit.acquire(str(program.portal_id)):
        refused = program.get(path)
        assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "5")
        assert program.get("/lines").status_code == 200, "short questions go on"
    with limit.acquire(str(second_portal(shop))):
        assert program.get(path).status_code == (404 if path.endswith("/x") else 200)
    assert 'waba24_requests_refused_total{door="api",reason="busy"} 1.0' in shop.app.get("/metrics").text


@ONE_DATABASE
@pytest.mark.parametrize("method", LONG_METHODS)
def test_so_does_one_of_a_program_of_the_former_product(shop: World, limit: ConcurrencyLimit, method: str) -> None:
    program = test_switching.Program(shop)
    asked = {"line_number": LINE, **days(shop), "phone": PHONES[0], "campaign_id": "x"}
    with limit.acquire(str(shop.line.portal_id)):
        assert program.error(method, **asked) == (503, "unavailable")
        assert program.call(method, **asked).headers["Retry-After"] == "5"
    assert program.call(method, **asked).status_code in (200, 404)


@ONE_DATABASE
def test_the_page_of_reports_says_that_it_is_not_its_turn(shop: World, limit: ConcurrencyLimit) -> None:
    frame = Frame(shop)
    with limit.acquire(str(shop.line.portal_id)):
        assert frame.get("/app/reports").status_code == 503
        assert frame.get("/app/lines").status_code == 200
    assert frame.get("/app/reports").status_code == 200


def test_whoever_asked_for_long_rests_as_long() -> None:
    now = [0.0]
    limit = ConcurrencyLimit(2, patience_s=0.01, now=lambda: now[0], slow_s=2.0)
    with limit.acquire("1"):
        now[0] = 7.0
    with limit.acquire("1") as is_free, limit.acquire("2") as is_others:
        assert (is_free, is_others) == (False, True)
    now[0] = 14.1
    with limit.acquire("1") as is_free:
        assert is_free


def test_the_last_page_of_a_list_reads_no_row_of_the_pages_before(shop: World) -> None:
    """Each row that is read is decrypted: ten thousand of them kept a process busy for a second."""
    shop.robot_runs("robot.send_template", template="order_ready", params=["Ольга", "512"], phone=PHONES[7])
    program = test_switching.Program(shop)
    key = draft(program, *PHONES[:5])
    drafts = [key, *(draft(program) for _ in range(3))]
    read: list[Any] = []

    def hear(row: Any, _context: Any) -> None:
        read.append(row)

    for model in (Recipient, Campaign):
        event.listen(model, "load", hear)
    try:
        page = program.result("campaigns.recipients.list", campaign_id=key, page=3, page_size=2)
        assert [one["phone"] for one in page["recipients"]] == [PHONES[4]]
        assert sum(isinstance(row, Recipient) for row in read) == 1
        read.clear()
        listed = program.result("campaigns.list", status="draft", page=4, page_size=1)["campaigns"]
        assert [one["campaign_id"] for one in listed] == drafts[:1]
        assert len(read) == 1
        assert program.result("campaigns.list", status="running")["campaigns"] == []
        assert len(program.result("campaigns.list")["campaigns"]) == 4
    finally:
        for model in (Recipient, Campaign):
            event.remove(model, "load", hear)
