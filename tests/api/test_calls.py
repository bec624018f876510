"""What holds for every route: tokens, scopes, limits, errors, sizes, other portals."""

import time
from typing import Any

import pytest
from redis.exceptions import RedisError
from sqlalchemy import update

from messaging.api import ids, tokens
from messaging.api.ids import Kind
from messaging.store.api import ApiToken
from messaging.store.models import Portal
from tests.api.caller import TEMPLATE, Program
from tests.messaging.intake.outage import away
from tests.support.world import World


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def test_a_token_is_stored_as_a_digest_and_nothing_else(shop: World, program: Program) -> None:
    with shop.runtime.db.read() as session:
        (row,) = tokens.listed(session)
    stored = {column.name: getattr(row, column.name) for column in ApiToken.__table__.columns}
    assert program.made.token not in repr(stored)
    assert row.tail == program.made.token[-4:]


def test_without_a_good_token_the_answer_is_401(shop: World, program: Program) -> None:
    for header in (
        "",
        "Bearer",
        "Bearer x",
        f"Basic {program.made.token}",
        f"Bearer {program.made.token}x",
        "Bearer \xff",
    ):
        answer = program.get("/lines", Authorization=header)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), header
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert program.get("/lines").status_code == 200


def test_a_revoked_token_and_one_of_a_portal_without_the_app_open_nothing(shop: World, program: Program) -> None:
    other = Program(shop)
    tokens.revoke(shop.runtime, other.made.id)
    assert other.get("/lines").status_code == 401
    with shop.runtime.db.write() as session:
        session.execute(update(Portal).values(status="inactive"))
    assert program.get("/lines").status_code == 401


def test_the_scope_is_asked_before_the_object_and_before_the_body(shop: World) -> None:
    reader = Program(shop, "lines:read")
    for method, path in (("GET", "/messages/nothing"), ("POST", "/messages"), ("GET", "/messages?colour=red")):
        answer = reader.call(method, path, b"{" if method == "POST" else None)
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden"), path
        assert "messages:" in answer.json["detail"]


def test_write_includes_read_and_read_does_not_write(shop: World) -> None:
    assert Program(shop, "messages:write").get("/messages").status_code == 200
    assert Program(shop, "messages:read").post("/messages", TEMPLATE).status_code == 403


BAD: list[tuple[str, str, Any, dict[str, str], int, str]] = [
    ("GET", "/nothing", None, {}, 404, "not_found"),
    ("DELETE", "/lines", None, {}, 405, "method_not_allowed"),
    ("GET", "/messages/nothing", None, {}, 404, "not_found"),
    ("GET", "/lines?colour=red", None, {}, 422, "invalid"),
    ("GET", "/messages?colour=red", None, {}, 422, "invalid"),
    ("GET", "/messages?limit=0", None, {}, 422, "invalid"),
    ("GET", "/messages?limit=201", None, {}, 422, "invalid"),
    ("GET", "/messages?cursor=x", None, {}, 422, "invalid"),
    ("GET", "/messages?phone=%00", None, {}, 422, "invalid"),
    ("GET", "/messages?since=yesterday", None, {}, 422, "invalid"),
    ("GET", "/messages?line=99999999999999999999", None, {}, 422, "invalid"),
    ("GET", "/replies?phone=12", None, {}, 422, "invalid_phone"),
    ("POST", "/messages", b"{", {}, 422, "invalid"),
    ("POST", "/messages", b"[]", {}, 422, "invalid"),
    ("POST", "/messages", b'{"type": NaN}', {}, 422, "invalid"),
    ("POST", "/messages", b"\xff\xfe", {}, 422, "invalid"),
    ("POST", "/messages", b'{"type": "text", "text": "\\u0000"}', {}, 422, "invalid"),
    ("POST", "/messages", b'{"type": "text", "text": "\\ud800"}', {}, 422, "invalid"),
    ("POST", "/messages", b"[" * 100_000, {}, 422, "invalid"),
    ("POST", "/messages", b"x" * 300_000, {}, 413, "too_large"),
    ("POST", "/messages", b"{}", {"Content_Type": "text/plain"}, 415, "unsupported_media_type"),
    ("POST", "/messages", TEMPLATE, {"Idempotency_Key": ""}, 422, "invalid"),
    ("POST", "/messages", TEMPLATE, {"Idempotency_Key": "x" * 256}, 422, "invalid"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "code"), BAD)
def test_bad_input_is_refused_as_a_problem_in_both_languages(
    shop: World, program: Program, method: str, path: str, body: Any, headers: dict[str, str], status: int, code: str
) -> None:
    said = {}
    for lang in ("ru", "en"):
        answer = program.call(method, path, body, Accept_Language=lang, **headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
        problem = answer.json
        assert (problem["status"], problem["code"]) == (status, code)
        assert problem["type"].endswith(f"#{code}")
        assert set(problem) == {"type", "title", "status", "detail", "code", "errors"}
        assert status != 422 or problem["errors"]
        said[lang] = (problem["title"], problem["detail"])
    assert said["ru"] != said["en"]


def test_pages_and_webhooks_never_see_a_problem(shop: World) -> None:
    assert shop.app.get("/app/nothing").mimetype == "text/html"
    assert shop.app.post("/gupshup/nothing").data == b""


def test_a_token_that_calls_too_often_is_told_when_to_come_back(shop: World, program: Program) -> None:
    first = program.get("/lines")
    assert first.headers["RateLimit-Policy"] == '"burst";q=60;w=3'
    assert first.headers["RateLimit"].startswith('"burst";r=59')
    _empty(shop, f"{program.made.id}")
    answer = program.get("/lines")
    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == "1"
    assert Program(shop).get("/lines").status_code == 200


def test_all_tokens_of_a_portal_together_call_no_more_than_its_share(shop: World, program: Program) -> None:
    _empty(shop, f"portal:{program.portal_id}")
    assert program.get("/lines").status_code == 429


def test_without_redis_every_call_is_let_through(
    shop: World, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise RedisError

    monkeypatch.setattr(shop.runtime.redis, "eval", away)
    assert [program.get("/lines").status_code for _ in range(100)] == [200] * 100


def _empty(shop: World, bucket: str) -> None:
    """Nothing is left in a bucket, and nothing flows in for an hour."""
    in_an_hour = int(time.time() + 3600) * 1000
    shop.runtime.redis.hset(f"waba24:api:{bucket}", mapping={"left": "0", "at": in_an_hour})


def test_ids_tell_nothing_and_open_nothing_for_another_portal(shop: World, program: Program) -> None:
    made = program.post("/messages", TEMPLATE).json["id"]
    with shop.runtime.db.write() as session:
        session.add(Portal(member_id="other", client_endpoint="https://other.example/rest/", installed_at=shop.now))
    other = Program(shop, member_id="other")
    assert other.get(f"/messages/{made}").status_code == 404
    assert other.get("/messages").json["items"] == []
    assert ids.decode(shop.runtime, program.portal_id, made) == (Kind.RUN, 1)
    assert ids.encode(shop.runtime, Kind.RUN, other.portal_id, 1) != made
    for wrong in (made.swapcase(), made[1:], f"{made}=", made[:-1] + chr(ord(made[-1]) + 1)):
        assert program.get(f"/messages/{wrong}").status_code == 404, wrong


def test_when_a_token_was_used_is_written_once_a_minute(shop: World, program: Program) -> None:
    def last() -> Any:
        with shop.runtime.db.read() as session:
            return next(row.last_used_at for row in tokens.listed(session) if row.id == program.made.id)

    program.get("/lines")
    first = last()
    shop.advance_clock(30)
    program.get("/lines")
    assert last() == first
    shop.advance_clock(31)
    program.get("/lines")
    assert last() > first


def test_while_the_database_is_away_every_call_is_told_to_come_back(shop: World, program: Program) -> None:
    """Nobody repeats a robot's call but us, so that waits in the spool; a program repeats its own, with its key."""
    key = {"Idempotency_Key": "order-512"}
    with away(shop.runtime):
        for answer in (
            program.get("/lines"),
            program.post("/messages", TEMPLATE, **key),
            program.get("/messages/1", Accept_Language="ru"),
        ):
            assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
            assert answer.json["code"] == "unavailable"
            assert int(answer.headers["Retry-After"]) > 0
    assert program.post("/messages", TEMPLATE, **key).status_code == 202
    shop.advance_clock(5)
    assert len(shop.sent) == 1
