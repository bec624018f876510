"""Every refused request is counted with its door and its reason, and says when to come back if that makes sense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.queue.group_commit import DiskFull, Intake, Unavailable
from messaging.store.database import Database
from tests.flows.scenes import ONE_DATABASE, webhook_path
from tests.support.world import World
from tests.web.inside import Frame
from tests.web.posts import auth_of, encoded, frame_form, open_frame, robot_call
from web import context
from web.api import RESOURCES
from web.refusals import DOORS, OTHER, Reason

pytestmark = ONE_DATABASE
LONG = b"x" * (bounds.WEBHOOK_BYTES + 1)
ROBOT, CHECK = "/robots/send_template", "/settings/check"


def counted(world: World) -> dict[tuple[str, str], float]:
    """(door, reason) → how often, as Prometheus sees it."""
    families = text_string_to_metric_families(world.app.get("/metrics").text)
    return {
        (sample.labels["door"], sample.labels["reason"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "waba24_requests_refused_total"
    }


#: What is posted where, and how it is counted. A door takes its header from a true frame.
REFUSED: list[tuple[str, Any, int, str, str]] = [
    (ROBOT, LONG, 413, "runs", "too_large"),
    (ROBOT, b"", 400, "runs", "malformed"),
    (ROBOT, "forged", 403, "runs", "forbidden"),
    ("/robots/send_telegram", b"", 404, "runs", "unknown_address"),
    ("/gupshup/nobody", b"{}", 404, "webhooks", "unknown_address"),
    ("/bx24/events", b"x" * (bounds.EVENT_BYTES + 1), 413, "bx24", "too_large"),
    ("/bx24/events", b"event=ONAPPUPDATE", 400, "bx24", "malformed"),
    ("/bx24/events", "forged event", 403, "bx24", "forbidden"),
    ("/bx24/app?LANG=ru", LONG, 413, "bx24", "too_large"),
    ("/robots/send_template/settings", b"", 400, "settings", "malformed"),
    (CHECK, b"[]", 400, "settings", "malformed"),
    (CHECK, LONG, 413, "settings", "too_large"),
    ("/app/messages", LONG, 413, "pages", "too_large"),
    ("/app/lines/77/name", b"name=x", 404, "pages", "unknown_address"),
    ("/frame/session", LONG, 413, "frames", "too_large"),
    ("/healthz", b"", 405, "other", "malformed"),
    ("/nowhere/door=runs", b"", 404, "other", "unknown_address"),
]


@pytest.mark.parametrize(("path", "body", "status", "door", "reason"), REFUSED)
def test_a_refused_request_is_counted(shop: World, path: str, body: Any, status: int, door: str, reason: str) -> None:
    if body == "forged":
        body = robot_call(shop, application_token="0" * 32)
    if body == "forged event":
        body = encoded({"event": "ONAPPUPDATE", "auth": auth_of(shop, application_token="0" * 32)})
    form = "application/x-www-form-urlencoded"
    answer = shop.app.post(path, data=body, headers=Frame(shop).headers, content_type=form)
    assert answer.status_code == status
    assert "Retry-After" not in answer.headers, "the same again would be refused again"
    assert counted(shop) == {(door, reason): 1}


def test_files_metrics_and_forged_frames_are_counted(shop: World) -> None:
    assert shop.app.get("/files/nobody").status_code == 404
    assert shop.app.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 403
    assert shop.app.get("/app/lines").status_code == 401
    assert open_frame(shop, "app", frame_form(shop, AUTH_ID="0" * 40)).status_code == 403
    assert counted(shop) == {
        ("files", "unknown_address"): 1,
        ("health", "forbidden"): 1,
        ("pages", "no_session"): 1,
        ("bx24", "forbidden"): 1,
    }


@pytest.mark.parametrize(
    ("error", "reason", "again_s"),
    [(Unavailable("away"), "unavailable", bounds.AGAIN_S), (DiskFull("full"), "disk_full", bounds.AGAIN_DISK_FULL_S)],
)
def test_what_cannot_be_stored_says_when_to_come_back(
    shop: World, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, again_s: int
) -> None:
    def store(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(Intake, "store", store)
    shop.runtime.spool.most_bytes = 0
    answers = [shop.app.post(ROBOT, data=robot_call(shop)), shop.app.post(webhook_path(shop, shop.line), data=b"{}")]
    assert [(one.status_code, one.headers["Retry-After"]) for one in answers] == [(503, str(again_s))] * 2
    assert counted(shop) == {("runs", reason): 1, ("webhooks", reason): 1}


def test_a_door_without_a_free_place_says_when_to_come_back(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_long_bodies", ConcurrencyLimit(0, patience_s=0))
    answer = shop.app.post(webhook_path(shop, shop.line), data=b"x" * (bounds.WEBHOOK_BYTES // 2))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(bounds.AGAIN_BUSY_S))
    assert counted(shop) == {("webhooks", "busy"): 1}


def test_an_app_that_is_not_ready_says_when_to_ask_again(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.system.disk.free_bytes", lambda _: 1_000_000)
    answer = shop.app.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(bounds.AGAIN_DISK_FULL_S))
    monkeypatch.undo()
    assert counted(shop) == {("health", "disk_full"): 1}


def test_a_fault_of_ours_is_counted_as_one(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(_self: Database) -> NoReturn:
        raise OperationalError("SELECT 1", None, Exception("away"))

    frame = Frame(shop)
    with monkeypatch.context() as away:
        away.setattr(Database, "read", is_away)
        assert shop.app.get("/app/lines", headers=frame.headers).status_code == 500
    assert counted(shop) == {("pages", "fault"): 1}


def test_a_stranger_makes_no_label_of_his_own(shop: World) -> None:
    def addresses() -> Iterator[str]:
        for number in range(40):
            yield f"/{number}|runs|{number}"
            yield f"/robots/x{number}|y"
            yield f"/gupshup/{number}|busy"
            yield f"/files/{number}%7C"

    for address in addresses():
        for method in ("GET", "POST", "BREW"):
            shop.app.open(address, method=method, data=b"x=1", headers={"X-Waba24-Frame": "|", "Host": "a|b"})
    labels = counted(shop)
    assert {door for door, _ in labels} <= {*DOORS, OTHER}
    assert {reason for _, reason in labels} <= set(Reason)
    assert sum(labels.values()) >= 400


def test_every_door_has_a_name(shop: World) -> None:
    of_api = {resource.name for resource in RESOURCES} | {"api_docs"}
    assert set(shop.flask.blueprints) - of_api | {"api"} == DOORS
