"""Idempotency-Key: one message and one answer, however often, however many at once, and whatever dies in between."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from messaging.api import idempotency
from messaging.api.idempotency import Answer, Busy, Keyed, Work
from messaging.store.api import IdempotencyKey
from messaging.store.models import Run
from messaging.worker import api_retention
from tests.api.caller import TEMPLATE, Program
from tests.support.world import World

KEY = {"Idempotency_Key": "order-512"}


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def test_the_same_key_and_body_get_the_same_answer_and_one_message(shop: World, program: Program) -> None:
    first = program.post("/messages", TEMPLATE, **KEY)
    shop.advance_clock(60)
    second = program.post("/messages", TEMPLATE, **KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json == first.json
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    shop.advance_clock(5)
    assert len(shop.sent) == 1


def test_another_body_under_the_key_is_a_conflict(shop: World, program: Program) -> None:
    program.post("/messages", TEMPLATE, **KEY)
    answer = program.post("/messages", {**TEMPLATE, "params": ["Ольга", "513"]}, **KEY)
    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_conflict")
    assert len(shop.stored_rows(Run)) == 1


def test_a_key_belongs_to_its_token(shop: World, program: Program) -> None:
    assert program.post("/messages", TEMPLATE, **KEY).json != Program(shop).post("/messages", TEMPLATE, **KEY).json
    assert len(shop.stored_rows(Run)) == 2


def test_what_was_refused_is_not_kept(shop: World, program: Program) -> None:
    assert program.post("/messages", {**TEMPLATE, "phone": "12"}, **KEY).status_code == 422
    assert program.post("/messages", TEMPLATE, **KEY).status_code == 202


def test_after_two_days_the_key_makes_a_new_message(shop: World, program: Program) -> None:
    first = program.post("/messages", TEMPLATE, **KEY).json["id"]
    shop.now += timedelta(hours=48)
    again = program.post("/messages", TEMPLATE, **KEY)
    assert again.status_code == 202
    assert again.json["id"] != first
    assert "Idempotent-Replayed" not in again.headers


def test_old_keys_are_deleted_by_the_worker(shop: World, program: Program) -> None:
    program.post("/messages", TEMPLATE, **KEY)
    shop.now += timedelta(hours=47)
    program.post("/messages", TEMPLATE, Idempotency_Key="another")
    shop.now += timedelta(hours=2)
    with shop.runtime.db.write() as session:
        assert api_retention.idempotency_keys(session, shop.runtime, 100) == 1
        assert api_retention.idempotency_keys(session, shop.runtime, 100) == 0
    assert len(shop.stored_rows(IdempotencyKey)) == 1


def post_together(program: Program, count: int, **headers: str) -> list[Any]:
    """The answers to so many POSTs at the same moment."""
    together, answers = threading.Barrier(count), []

    def post() -> None:
        together.wait()
        answers.append(program.post("/messages", TEMPLATE, **headers))

    threads = [threading.Thread(target=post) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_twenty_at_once_make_one_message_and_one_answer(shop: World, program: Program) -> None:
    answers = post_together(program, 20, **KEY)
    assert Counter(answer.status_code for answer in answers) == {202: 20}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len(shop.stored_rows(Run)) == 1
    shop.advance_clock(5)
    assert len(shop.sent) == 1


def test_a_crash_between_commit_and_answer_loses_nothing_and_repeats_nothing(
    shop: World, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("web.api.messages.jsonify", dies)
        with pytest.raises(SystemExit):
            program.post("/messages", TEMPLATE, **KEY)
    assert len(shop.stored_rows(Run)) == 1
    answers = post_together(program, 20, **KEY)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert all(answer.headers["Idempotent-Replayed"] == "true" for answer in answers)
    assert len(shop.stored_rows(Run)) == 1


def test_a_crash_before_the_commit_leaves_neither_the_key_nor_the_message(shop: World, program: Program) -> None:
    def dies(_: Any) -> None:
        raise SystemExit

    engine = shop.runtime.intake.engine
    event.listen(engine, "commit", dies, once=True)
    with pytest.raises(SystemExit):
        program.post("/messages", TEMPLATE, **KEY)
    assert not shop.stored_rows(Run)
    assert not shop.stored_rows(IdempotencyKey)
    assert program.post("/messages", TEMPLATE, **KEY).status_code == 202


def keyed(program: Program, body: bytes = b"{}") -> Keyed:
    return Keyed.of(program.made.id, "POST /things", "key", "/things", body)


def test_work_that_is_begun_is_busy_then_answered(shop: World, program: Program) -> None:
    work = idempotency.begin(shop.runtime, keyed(program))
    assert isinstance(work, Work)
    with pytest.raises(Busy):
        idempotency.begin(shop.runtime, keyed(program))
    with shop.runtime.db.write() as session:
        work.answered(session, 201, {"id": 5})
    assert idempotency.begin(shop.runtime, keyed(program)) == Answer(201, {"id": 5}, None)
    with pytest.raises(idempotency.Conflict):
        idempotency.begin(shop.runtime, keyed(program, b"[]"))


def test_what_a_dead_process_left_busy_is_begun_anew(shop: World, program: Program) -> None:
    idempotency.begin(shop.runtime, keyed(program))
    shop.now += idempotency.BUSY_FOR
    assert isinstance(idempotency.begin(shop.runtime, keyed(program)), Work)


def test_work_that_was_refused_is_forgotten(shop: World, program: Program) -> None:
    work = idempotency.begin(shop.runtime, keyed(program))
    assert isinstance(work, Work)
    work.end(422, None)
    assert isinstance(idempotency.begin(shop.runtime, keyed(program, b"[]")), Work)
