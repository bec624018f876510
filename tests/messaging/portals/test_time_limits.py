"""Every exchange with a portal or the authorization server has a total time, and a worker's are timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bx24.errors import Unavailable
from messaging.limits.bounds import PAGE_ANSWER_BYTES, PAGE_TOTAL_S, REST_TOTAL_S
from messaging.portals import portals, tokens
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE, host
from tests.support.world import AUTH, PORTAL, World
from tests.web.posts import frame_form, open_frame, post_frame


@pytest.fixture
def limits(shop: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Host and seconds of each request that is made within a total time; (host, 0) of one without."""
    seen: list[tuple[str, float]] = []
    current = [0.0]

    @contextmanager
    def within(seconds: float) -> Iterator[None]:
        current.append(seconds)
        try:
            yield
        finally:
            current.pop()

    for module in (portals, tokens):
        monkeypatch.setattr(module, "within", within)
    for name in (AUTH, PORTAL):
        shop.net.broken[host(name)] = lambda _, name=name: seen.append((name, current[-1]))
    return seen


def opened(shop: World) -> None:
    assert post_frame(shop, "/bx24/app?LANG=ru").status_code == 200


def called(shop: World) -> None:
    tokens.portal_client(shop.runtime, shop.stored_rows(Portal)[0].id).call("user.admin")


@ONE_DATABASE
@pytest.mark.parametrize(
    ("act", "expected"),
    [(opened, {(AUTH, PAGE_TOTAL_S), (PORTAL, PAGE_TOTAL_S)}), (called, {(PORTAL, REST_TOTAL_S)})],
    ids=["page", "worker"],
)
def test_no_question_lasts_for_ever(
    shop: World, limits: list[tuple[str, float]], act: Callable[[World], None], expected: set[tuple[str, float]]
) -> None:
    act(shop)
    assert set(limits) == expected


@ONE_DATABASE
def test_rest_calls_of_a_worker_are_timed(shop: World) -> None:
    """Also one that ends without an answer."""

    def after_10_s(_: Any) -> Exception:
        shop.now += timedelta(seconds=10)
        return TimeoutError("read timed out")

    (portal,) = shop.stored_rows(Portal)
    shop.net.broken[host(PORTAL)] = after_10_s
    with pytest.raises(Unavailable):
        tokens.portal_client(shop.runtime, portal.id).call("user.admin")
    assert shop.runtime.slow_portals.pause_s(portal.id) > 0


@ONE_DATABASE
def test_a_page_reads_no_long_answer_of_a_portal(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    long = b'{"result": true, "more": "' + b"x" * PAGE_ANSWER_BYTES + b'"}'
    plain = shop.net.apps[host(PORTAL)]

    def portal(environ: dict[str, Any], start_response: Any) -> Any:
        if "user.admin" not in environ["PATH_INFO"]:
            return plain(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [long]

    monkeypatch.setitem(shop.net.apps, host(PORTAL), portal)
    assert open_frame(shop, "app", frame_form(shop)).status_code == 403
