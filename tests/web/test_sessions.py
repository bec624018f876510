"""The session of a page: what it is good for, for how long, and that only Bitrix24's word makes a new one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import Frame
from tests.web.test_settings import holds
from web import frames


@ONE_DATABASE
def test_a_page_asked_for_by_a_session_gives_no_newer_one(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever was an administrator once could stay one for ever, a page an hour."""
    first = Frame(shop).headers[frames.HEADER]
    monkeypatch.setattr(frames, "issue", lambda viewer: "a newer one")
    page = shop.app.get("/app/start", headers={frames.HEADER: first})
    assert holds(page, "frame")["token"] == first


@ONE_DATABASE
def test_a_session_is_renewed_for_its_own_user_of_its_own_portal_only(shop: World) -> None:
    """An employee's page must not become the administrator's, nor one portal's another's."""
    for page_of in (1, 2):
        for token_of in (1, 2):
            access = shop.bx.tokens.issue(shop.portal, token_of).access_token
            made = _renewed(shop, Frame(shop, user_id=page_of), access)
            assert made.status_code == (200 if page_of == token_of else 401), (page_of, token_of)
            if made.status_code == 200:
                with shop.flask.test_request_context():
                    viewer = frames.read(made.json["token"])
                assert (viewer.user_id, viewer.is_admin) == (page_of, page_of == 1)
    stranger = Frame(shop, member_id="f" * 32)
    assert _renewed(shop, stranger, shop.bx.tokens.issue(shop.portal, 1).access_token).status_code == 401
    assert _renewed(shop, Frame(shop), "forged").status_code == 401


def _renewed(shop: World, frame: Frame, access: str) -> Any:
    return shop.app.post("/frame/session", json={"access_token": access}, headers=frame.headers)
