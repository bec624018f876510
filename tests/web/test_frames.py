"""Frames: whose they are, what their pages hold, and what they leave for others."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from messaging.limits import concurrency
from messaging.portals import portals
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE, webhook_path
from tests.support.world import AUTH, PORTAL, World
from tests.web.posts import frame_form, open_frame, post_frame, robot_call


@ONE_DATABASE
def test_a_page_is_framed_by_its_own_portal_only_and_shows_no_secret(shop: World) -> None:
    answer = open_frame(shop, "app", frame_form(shop))
    assert answer.status_code == 200
    assert f"frame-ancestors {PORTAL}" in answer.headers["Content-Security-Policy"]
    assert "Приложение установлено" in answer.text
    for secret in (*_secrets(shop), webhook_path(shop, shop.line).rpartition("/")[2]):
        assert secret not in answer.text
    reader = open_frame(shop, "app", frame_form(shop, user_id=2))
    assert reader.status_code == 200
    for url in ("/bx24/app", "/bx24/install"):
        assert shop.app.get(url).status_code == 200, "a reload inside the frame"
        assert "acmeshop" not in shop.app.get(url).text


def _secrets(world: World) -> set[str]:
    with world.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        return {
            world.bx.client_secret,
            portal.access_token or "-",
            portal.refresh_token or "-",
            portal.application_token or "-",
            portal.lines[0].api_key or "-",
        }


@ONE_DATABASE
def test_the_install_status_is_for_the_page_that_was_opened(shop: World) -> None:
    page = open_frame(shop, "install", frame_form(shop)).text
    found = re.search(r'"([A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{20,})"', page)
    assert found, page[:500]
    token = found[1]
    good = shop.app.get("/bx24/install/status", headers={"X-Waba24-Frame": token})
    assert good.status_code == 200
    assert set(good.json) == {"registered", "failed", "tries"}
    for bad in ("", "x", token[:-2], token + "x"):
        assert shop.app.get("/bx24/install/status", headers={"X-Waba24-Frame": bad}).status_code == 401


@pytest.mark.parametrize("slow", [AUTH, PORTAL])
def test_frames_that_wait_for_a_slow_bitrix24_leave_threads_to_robots(
    shop: World, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """The auth server is asked by three threads; a portal by one, since any number of its users may open pages."""
    for name in ("_auth_threads", "_page_threads"):
        monkeypatch.setattr(portals, name, concurrency.ConcurrencyLimit(patience_s=0.05, now=lambda: 0.0))
    held, go_on, timeouts = threading.Semaphore(0), threading.Event(), []
    send = shop.net.send

    def hang(request: Any, *args: Any, **kwargs: Any) -> Any:
        timeouts.append(kwargs["timeout"])
        if urlsplit(str(request.url)).netloc == urlsplit(slow).netloc:
            held.release()
            go_on.wait(30)
        return send(request, *args, **kwargs)

    monkeypatch.setattr(shop.net, "send", hang)
    pages = ("/bx24/app?LANG=ru", "/bx24/install?LANG=ru", "/robots/send_template/settings?LANG=ru")
    most = concurrency.THREADS_PER_VENDOR if slow == AUTH else 1
    with ThreadPoolExecutor(concurrency.THREADS_PER_VENDOR) as people:
        opened = [people.submit(post_frame, shop, page) for page in pages[:most]]
        assert all(held.acquire(timeout=10) for _ in opened)
        for page in pages:
            refused = post_frame(shop, page)
            assert (refused.status_code, "не отвечает" in refused.text) == (403, True), refused.text
        robot = robot_call(shop)
        form = "application/x-www-form-urlencoded"
        assert shop.app.post("/robots/send_template", data=robot, content_type=form).status_code == 200
        go_on.set()
        assert opened[0].result().status_code == 200
        assert {one.result().status_code for one in opened[1:]} <= {200, 403}, "then all three ask one portal"
    assert set(timeouts) == {concurrency.PAGE_TIMEOUT}
    assert post_frame(shop, pages[0]).status_code == 200, "the seats were given back"


@ONE_DATABASE
def test_a_forged_frame_posted_again_is_refused_without_asking_the_auth_server(shop: World) -> None:
    forged = {**frame_form(shop), "AUTH_ID": "0" * 40}
    asked = []
    for _ in range(5):
        assert open_frame(shop, "app", forged).status_code == 403
        asked.append(sum(urlsplit(str(request.url)).netloc == urlsplit(AUTH).netloc for request in shop.net.seen))
    assert asked == asked[:1] * 5
    assert open_frame(shop, "app", frame_form(shop)).status_code == 200
