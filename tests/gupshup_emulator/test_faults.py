"""Prepared answers: what a caller sees, and whether the message was taken in."""

from __future__ import annotations

import pytest

from .conftest import KEY


@pytest.mark.parametrize(
    ("answer", "status", "accepted"),
    [
        ("429", 429, 0),
        ("400", 400, 0),
        ("401", 401, 0),
        ("403", 403, 0),
        ("413", 413, 0),
        ("500", 500, 0),
        ("502", 502, 0),
        ("503", 503, 0),
        ("504", 504, 0),
        ("html_502", 502, 0),
        ("500_after_accept", 500, 1),
        ("502_after_accept", 502, 1),
        ("504_after_accept", 504, 1),
        ("no_message_id", 202, 1),
    ],
)
def test_a_prepared_answer_is_given_once(world, answer, status, accepted):
    world.control("/faults", app="shopbot", next=[answer])
    first = world.post_message("template/msg", template={"id": "x"})
    assert (first.status_code, len(world.messages())) == (status, accepted)
    assert not (first.get_json(silent=True) or {}).get("messageId")
    assert world.post_message("template/msg", template={"id": "x"}).status_code == 202


@pytest.mark.parametrize(("answer", "accepted"), [("drop_after_accept", 1), ("refuse", 0)])
def test_a_broken_connection_rises_where_there_is_no_socket(world, answer, accepted):
    world.control("/faults", next=[answer])
    with pytest.raises(ConnectionAbortedError):
        world.post_message("template/msg", template={"id": "x"})
    assert len(world.messages()) == accepted


def test_several_answers_come_in_order_with_retry_after(world):
    world.control("/faults", next=[{"answer": "429", "times": 2, "retry_after": 7}, "500"])
    answers = [world.post_message("template/msg", template={"id": "x"}) for _ in range(4)]
    assert [a.status_code for a in answers] == [429, 429, 500, 202]
    assert [a.headers.get("Retry-After") for a in answers] == ["7", "7", None, None]


def test_a_message_that_is_refused_anyway_is_not_accepted_by_a_fault(world):
    world.control("/faults", next=["500_after_accept"])
    assert world.post_message("template/msg", template={"id": "x"}, destination="abc").status_code == 400
    assert world.messages() == []


def test_template_lists_have_answers_of_their_own(world):
    world.control("/faults", next=[{"answer": "503", "on": "templates"}])
    assert world.post_message("template/msg", template={"id": "x"}).status_code == 202
    codes = [world.http.get("/wa/app/app-shopbot/template", headers={"apikey": KEY}).status_code for _ in range(2)]
    assert codes == [503, 200]


def test_faults_of_one_app_leave_the_other_alone(world):
    world.control("/faults", app="shopbot", next=["500"])
    other = {"key": "other-key", "source": "79995556677", "src.name": "otherbot"}
    assert world.post_message("template/msg", template={"id": "x"}, **other).status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [
        {"next": ["418"]},
        {"next": "429"},
        {"next": [{"answer": "429", "on": "moon"}]},
        {"latency": 5},
        {"latency_ms": "5"},
        {"latency_ms": True},
        {"order": "random"},
        {"destinations": {"7": {"code": "x"}}},
        {"app": "nobody", "latency_ms": 5},
    ],
)
def test_an_unknown_fault_is_an_error_and_changes_nothing(world, wrong):
    assert world.http.post("/emulator/faults", json=wrong).status_code == 400
    assert world.http.get("/emulator/faults").get_json() == {}


def test_a_revoked_key_opens_nothing_until_it_is_healed(world):
    world.control("/faults", app="shopbot", key_revoked=True)
    template_list = "/wa/app/app-shopbot/template"
    assert world.post_message("template/msg", template={"id": "x"}).status_code == 401
    assert world.http.get(template_list, headers={"apikey": KEY}).status_code == 401
    world.control("/faults", app="shopbot", key_revoked=False)
    assert world.http.get(template_list, headers={"apikey": KEY}).status_code == 200
    assert world.post_message("template/msg", template={"id": "x"}).status_code == 202
