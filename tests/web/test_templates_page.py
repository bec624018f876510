"""The page of templates: what the lines may send, found, looked at and refreshed."""

from __future__ import annotations

import pytest
import requests
from werkzeug.test import Client

from messaging.store.models import Line
from messaging.templates.catalogue import ASK_EVERY
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import GUPSHUP, World
from tests.web.inside import Frame, seen

pytestmark = ONE_DATABASE


@pytest.fixture
def listed(shop: World) -> World:
    """A line with its three templates, and one that WhatsApp paused."""
    made = Client(shop.gs_app).post(
        "/emulator/apps/acmeshop/templates",
        json={
            "name": "promo_may",
            "language": "ru",
            "body": "Скидка {{1}} на {{2}}",
            "samples": {"1": "15 %", "2": ""},
            "category": "MARKETING",
            "status": "PAUSED",
        },
        base_url=GUPSHUP,
    )
    assert made.status_code == 201, made.json
    Frame(shop).post("/app/templates/refresh")
    return shop


def test_a_new_line_has_no_list_until_gupshup_is_asked(shop: World) -> None:
    assert "Шаблонов пока нет" in seen(Frame(shop).get("/app/templates"))
    page = seen(Frame(shop).post("/app/templates/refresh"))
    assert "3 шаблона" in page
    assert "order_ready" in page
    asked = len(shop.net.seen)
    assert "order_ready" in seen(Frame(shop, user_id=2).post("/app/templates/refresh"))
    assert len(shop.net.seen) == asked, "Gupshup hands out ten lists a minute, robots need them too"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["order_ready", "promo_may", "welcome", "welcome"]),
        ({"text": "заявку"}, ["welcome"]),
        ({"text": "СПАСИБО за"}, ["welcome"]),
        ({"text": "promo"}, ["promo_may"]),
        ({"language": "en_US"}, ["welcome"]),
        ({"status": "PAUSED"}, ["promo_may"]),
        ({"category": "MARKETING"}, ["promo_may"]),
        ({"text": "такого нет"}, []),
        ({"line": "999"}, []),
    ],
)
def test_filters(listed: World, asked: dict[str, str], found: list[str]) -> None:
    page = Frame(listed).get("/app/templates", **asked)
    names = [part.split("<")[0] for part in page.text.split('hx-target="#main">')[1:]]
    assert [name for name in names if name in ("order_ready", "promo_may", "welcome")] == found
    assert ("Ничего не нашлось" in seen(page)) == (not found)


def test_one_template_is_shown_as_the_client_sees_it_and_a_paused_one_says_so(listed: World) -> None:
    page = Frame(listed).get("/app/templates")
    address = next(
        part.split('"')[0] for part in page.text.split('hx-get="')[1:] if part.split("</a>")[0].endswith(">promo_may")
    )
    shown = seen(Frame(listed).get(address))
    assert "Скидка 15 % на {{2}}" in shown, "samples stand in place of the variables"
    assert "WhatsApp приостановил его" in shown


def test_a_key_that_is_refused_keeps_the_old_list_and_names_the_line(listed: World) -> None:
    with listed.runtime.db.write() as session:
        session.get_one(Line, listed.line.id).api_key = "not the key"
    listed.now += ASK_EVERY * 2
    page = seen(Frame(listed).post("/app/templates/refresh"))
    assert "не обновлены" in page
    assert "Gupshup не принял ключ API этой линии" in page, "in words, none of Gupshup's English"
    assert "order_ready" in page


def test_a_gupshup_that_does_not_answer_leaves_the_list_and_says_of_when_it_is(listed: World) -> None:
    listed.net.broken["api.gupshup.example"] = requests.exceptions.ReadTimeout("silence")
    told = listed.now
    listed.now += ASK_EVERY * 2
    page = seen(Frame(listed).post("/app/templates/refresh"))
    assert "Ключ менять не нужно" in page
    assert f"прислал в последний раз: {told:%d.%m.%Y %H:%M} UTC" in page
    assert "timed out" not in page
    assert "order_ready" in page


def test_another_portals_templates_are_not_there(listed: World) -> None:
    assert Frame(listed, member_id="f" * 32).get("/app/templates").status_code == 403
    assert Frame(listed).get("/app/templates/999/nothing").status_code == 404


def test_refresh_says_what_came_of_it(shop: World) -> None:
    frame = Frame(shop)
    shop.advance_clock(60)
    assert "Список обновлён." in seen(frame.post("/app/templates/refresh"))
    shop.advance_clock(3)
    assert "Нажмите ещё раз чуть позже." in seen(frame.post("/app/templates/refresh"))
    assert "Список обновлён." not in seen(frame.page("templates"))
