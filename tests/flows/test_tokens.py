"""A portal's OAuth pair: refreshed once, healed when it died, never shown to a stranger (bitrix24.md 2, contract 5)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from messaging.portals import tokens
from messaging.store.models import Portal, Run
from tests.flows.scenes import (
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    host,
    jump_clock,
    set_portal_faults,
    start_each,
    template_robot,
)
from tests.support.world import AUTH, PORTAL, World


def _stored(world: World) -> Portal:
    with world.runtime.db.read() as session:
        return session.get_one(Portal, 1)


def _refreshes(world: World) -> int:
    return int(world.portal.counters.oauth.get("refresh", 0))


def test_many_threads_with_one_expired_token_refresh_it_once(shop: World) -> None:
    set_portal_faults(shop, expire_tokens=True)
    before, starting = _refreshes(shop), threading.Barrier(6)

    def call(_: int) -> Any:
        starting.wait(10)
        return tokens.portal_client(shop.runtime, 1).call("app.info").mapping()["CODE"]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, range(6)))
    assert len(set(answers)) == 1
    assert _refreshes(shop) - before == 1
    assert _stored(shop).status == "active"


def test_a_token_about_to_expire_is_refreshed_beforehand(shop: World) -> None:
    before = _stored(shop)
    jump_clock(shop, 3600 - 50)
    refused = shop.portal.counters.errors.get("expired_token", 0)
    flow = shop.robots_start(template_robot(phone=""))
    shop.advance_clock(1)
    after = _stored(shop)
    assert ending(flow) == ("accepted", "")
    assert _refreshes(shop) == 1
    assert shop.portal.counters.errors.get("expired_token", 0) == refused
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.token_version == before.token_version + 1


@ONE_DATABASE
def test_an_auth_server_in_trouble_delays_and_loses_nothing(shop: World) -> None:
    set_portal_faults(shop, expire_tokens=True, oauth_502=3)
    flow = shop.robots_start(template_robot(phone="", until="delivered"))
    jump_clock(shop, 0.1, 5, 10, 20, 40)
    assert ending(flow) == ("delivered", "")
    assert _stored(shop).status == "active"
    assert len(shop.sent) == 1


@ONE_DATABASE
def test_a_redis_that_forgets_its_locks_during_a_refresh_loses_nothing(shop: World) -> None:
    def forget(request: Any) -> None:
        if "oauth/token" in request.url:
            shop.runtime.redis.flushall()

    shop.net.broken[host(AUTH)] = forget
    set_portal_faults(shop, expire_tokens=True)
    flow = shop.robots_start(template_robot(phone="", until="delivered"))
    jump_clock(shop, 0.1, 5, 10)
    assert ending(flow) == ("delivered", "")


def test_a_dead_refresh_token_is_healed_by_the_next_robots_own_pair(shop: World) -> None:
    _kill_pair(shop)
    first = shop.robots_start(template_robot(PHONES[0], until="delivered"))
    jump_clock(shop, 0.1, 2)
    assert _stored(shop).status == "reauth"
    assert len(shop.sent) == 1, "sending needs no portal"
    assert ending(first) == ("", ""), "and the answer waits"
    runs = start_each(shop, template_robot(phone=""), template_robot(PHONES[1]))
    jump_clock(shop, 0.1, 2, 60, 60)
    assert _stored(shop).status == "active"
    assert endings([first, *runs]) == [("delivered", ""), ("accepted", ""), ("accepted", "")]
    assert len(shop.sent) == 3
    assert shop.stored_rows(Run)[-1].auth is None, "the pair a run brought is not kept longer than needed"


@ONE_DATABASE
def test_a_dead_refresh_token_is_not_healed_by_a_forged_pair(shop: World) -> None:
    _kill_pair(shop)
    shop.robots_start(template_robot(PHONES[0]))
    jump_clock(shop, 0.1, 2)
    good = next(request for request in reversed(shop.net.seen) if "/robots/send_template" in str(request.url))
    body = (good.body.decode() if isinstance(good.body, bytes) else str(good.body)).replace(
        "event_token=", "event_token=y"
    )
    for name in ("access_token", "refresh_token"):
        head, _, tail = body.partition(f"auth%5B{name}%5D=")
        body = f"{head}auth%5B{name}%5D=forged{tail[tail.index('&') :]}"
    assert shop.app.post("/robots/send_template", data=body).status_code == 200, "the application_token is right"
    jump_clock(shop, 1, 61)
    assert _stored(shop).status == "reauth"


def _kill_pair(world: World) -> None:
    """What we keep is worthless: another server has used the refresh token."""
    grant = world.bx.tokens.by_refresh(_stored(world).refresh_token)
    grant.replaced = True
    set_portal_faults(world, expire_tokens=True)


def test_a_portal_that_is_paid_again_works_again(shop: World) -> None:
    set_portal_faults(shop, expire_tokens=True, payment_required=True)
    shop.robots_start(template_robot(PHONES[0]))
    jump_clock(shop, 0.1, 2)
    assert _stored(shop).status == "inactive"
    set_portal_faults(shop, payment_required=False)
    with shop.bx.lock:
        shop.portal.raise_event("ONAPPPAYMENT", {"CODE": "x", "STATUS": "P"}, user_id=1, send_auth=False)
    jump_clock(shop, 1, 1)
    flow = shop.robots_start(template_robot(phone="", until="delivered"))
    jump_clock(shop, 1, 1, 1)
    assert _stored(shop).status == "active"
    assert ending(flow) == ("delivered", "")


@ONE_DATABASE
def test_a_renamed_portal_is_followed_once_the_auth_server_confirms_it(shop: World) -> None:
    new = "https://renamed.example"
    shop.net.apps[host(new)] = shop.bx.portal_app
    shop.bx.rename(shop.portal, new)
    flow = shop.robots_start(template_robot(phone="", until="delivered"))
    jump_clock(shop, 0.1, 1, 1)
    assert ending(flow) == ("delivered", "")
    assert _stored(shop).client_endpoint == f"{new}/rest/"
    before = len(shop.net.seen)
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone="")
    assert host(PORTAL) not in {host(str(request.url)) for request in shop.net.seen[before:]}


@ONE_DATABASE
def test_a_redirect_to_a_stranger_is_not_followed(shop: World) -> None:
    def lead_astray(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("302 Found", [("Location", f"https://evil.example{environ['PATH_INFO']}")])
        return [b""]

    shop.net.apps[host(PORTAL)] = lead_astray
    flow = shop.robots_start(template_robot(phone=""))
    jump_clock(shop, 0.1, 5, 5)
    assert "evil.example" not in shop.net.hosts()
    assert _stored(shop).client_endpoint == f"{PORTAL}/rest/"
    assert shop.sent == []
    shop.net.apps[host(PORTAL)] = shop.bx.portal_app
    jump_clock(shop, 60, 60, 60)
    assert ending(flow) == ("accepted", "")
    assert len(shop.sent) == 1
