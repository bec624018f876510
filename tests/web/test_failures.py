"""What people and machines get when something of ours is away or does not exist."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from sqlalchemy.exc import OperationalError

from messaging.limits import bounds
from messaging.store.database import Database
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import Frame, opened
from tests.web.posts import frame_form, open_frame
from tests.web.test_settings import opened as settings_opened
from web import failures

pytestmark = ONE_DATABASE


def _without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(_self: Database) -> NoReturn:
        raise OperationalError("SELECT 1", None, Exception("away"))

    monkeypatch.setattr(Database, "read", is_away)
    monkeypatch.setattr(Database, "write", is_away)


def _is_explained(answer: Any, status: int, words: str) -> None:
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors *" in answer.headers["Content-Security-Policy"], "a blank frame explains nothing"
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'id="frame"' not in answer.text


def test_without_the_database_pages_say_what_to_do(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, logged = Frame(shop), []
    monkeypatch.setattr(failures, "log", SimpleNamespace(error=lambda _event, **facts: logged.append(facts["number"])))
    _without_database(monkeypatch)
    for answer in (opened(shop), settings_opened(shop), shop.app.get("/app/lines", headers=frame.headers)):
        _is_explained(answer, 500, "На нашей стороне что-то сломалось")
        number = answer.text.split("назовите поддержке номер: ")[1][:8]
        assert number in logged
    assert "<!doctype" not in shop.app.get("/app/lines", headers=frame.headers).text, "a part, as htmx asked for"


def test_machines_get_a_status_and_no_page(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, status in (("/nowhere", 404), ("/static/x/nothing.js", 404), ("/gupshup/unknown", 404)):
        assert (shop.app.post(path).status_code, shop.app.post(path).data) in ((status, b""), (405, b"")), path
    refused = shop.app.delete("/healthz")
    assert (refused.status_code, refused.data) == (405, b"")
    assert "GET" in refused.headers["Allow"]
    _without_database(monkeypatch)
    run = shop.app.post("/robots/send_text", data={"auth[member_id]": shop.portal.member_id, "event_token": "x"})
    assert run.data == b""


def test_a_body_that_is_too_large_is_explained_to_people(shop: World) -> None:
    frame = Frame(shop)
    long = {"name": "x" * (bounds.PAGE_BYTES + 1)}
    told = shop.app.post("/app/lines/1/name", data=long, headers=frame.headers)
    _is_explained(told, 413, "Отправлено больше 512 КБ, поэтому ничего не изменено")
    english = shop.app.post("/app/lines/1/name", data=long, headers=Frame(shop, lang="en").headers)
    _is_explained(english, 413, "larger than 512 KB")
    call = {**frame_form(shop), "PLACEMENT_OPTIONS": "x" * bounds.FRAME_BYTES}
    _is_explained(open_frame(shop, "app", call), 413, "больше 4 МБ данных")
    settings = shop.app.post("/robots/send_text/settings?LANG=en", data=call)
    _is_explained(settings, 413, "Bitrix24 sent more than 4 MB")


def test_a_script_gets_an_empty_413(shop: World) -> None:
    long = b"x" * (bounds.PAGE_BYTES + 1)
    for path in ("/settings/check", "/frame/session"):
        answer = shop.app.post(path, data=long, headers=Frame(shop).headers)
        assert (answer.status_code, answer.data) == (413, b""), path


def test_an_address_that_is_none_is_explained_too(shop: World) -> None:
    frame = Frame(shop)
    _is_explained(shop.app.get("/app/nothing", headers=frame.headers), 404, "This is no longer here")
    _is_explained(shop.app.get("/app/nothing?LANG=ru"), 404, "Этого здесь больше нет")
