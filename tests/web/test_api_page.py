"""API: an administrator makes a token, sees it once, and revokes it; nobody else sees the page."""

from __future__ import annotations

import re

import pytest

from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame

pytestmark = ONE_DATABASE
FORM = {"name": "Магазин", "scope": ["messages:write", "lines:read"]}


def status(shop: World, token: str, path: str = "/api/v1/lines") -> int:
    return shop.flask.test_client().get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def made(page: str) -> str:
    found = re.search(r'id="new-token">([^<]+)<', page)
    assert found, page
    return found[1]


def test_a_token_is_shown_once_works_and_is_revoked(shop: World) -> None:
    frame = Frame(shop)
    page = frame.post("/app/api/add", FORM).text
    token = made(page)
    assert 'data-copy="new-token"' in page
    assert status(shop, token) == 200
    assert status(shop, token, "/api/v1/messages") == 200
    later = frame.get("/app/api").text
    assert token not in later
    assert f"…{token[-4:]}" in later
    assert "Магазин" in later
    revoking = re.search(r'hx-post="(/app/api/\d+/revoke)"', later)
    assert revoking
    assert "отозван" in frame.post(revoking[1]).text
    assert status(shop, token) == 401
    assert "Магазин" not in frame.get("/app/api").text


def test_a_token_may_do_what_was_ticked_and_no_more(shop: World) -> None:
    token = made(Frame(shop).post("/app/api/add", {"name": "Отчёты", "scope": ["lines:read"]}).text)
    assert status(shop, token) == 200
    assert status(shop, token, "/api/v1/messages") == 403


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({**FORM, "name": " "}, "Дайте название"),
        ({**FORM, "name": "x" * 101}, "Не больше 100"),
        ({"name": "Магазин"}, "хотя бы одно право"),
        ({"name": "Магазин", "scope": ["everything"]}, "хотя бы одно право"),
    ],
)
def test_a_form_that_lacks_something_says_so_and_makes_nothing(
    shop: World, form: dict[str, object], words: str
) -> None:
    page = Frame(shop).post("/app/api/add", form).text
    assert words in page
    assert "new-token" not in page


def test_only_administrators_see_and_change_tokens(shop: World) -> None:
    administrator, employee = Frame(shop), Frame(shop, EMPLOYEE)
    administrator.post("/app/api/add", FORM)
    assert employee.get("/app/api").status_code == 403
    assert employee.post("/app/api/add", FORM).status_code == 403
    assert employee.post("/app/api/1/revoke").status_code == 403


def test_another_portals_token_cannot_be_revoked(shop: World) -> None:
    Frame(shop).post("/app/api/add", FORM)
    assert Frame(shop).post("/app/api/999/revoke").status_code == 404
