"""The session of a page: what it is good for, for how long, and that only Bitrix24's word makes a new one."""

from __future__ import annotations

import pytest

from tests.flows.scenes import ONE_DATABASE
from tests.web.inside import Frame
from tests.web.test_settings import holds
from tests.world import World
from web import frames


@ONE_DATABASE
def test_a_page_asked_for_by_a_session_gives_no_newer_one(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever was an administrator once could stay one for ever, a page an hour."""
    first = Frame(shop).headers[frames.HEADER]
    monkeypatch.setattr(frames, "issue", lambda viewer: "a newer one")
    page = shop.app.get("/app/start", headers={frames.HEADER: first})
    assert holds(page, "frame")["token"] == first
