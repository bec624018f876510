"""A portal's OAuth pair: refreshed once, healed when it died, never shown to a stranger (bitrix24.md 2, contract 5)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from messaging.portals import tokens
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE, PHONES, begin, end, ends, host, later, portal_faults, template
from tests.support.world import AUTH, PORTAL, World


def _stored(world: World) -> Portal:
    with world.runtime.db.read() as session:
        return session.get_one(Portal, 1)


def _refreshes(world: World) -> int:
    return int(world.portal.counters.oauth.get("refresh", 0))


def test_many_threads_with_one_expired_token_refresh_it_once(shop: World) -> None:
    portal_faults(shop, expire_tokens=True)
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
    later(shop, 3600 - 50)
    refused = shop.portal.counters.errors.get("expired_token", 0)
    flow = shop.start(template(phone=""))
    shop.go(1)
    after = _stored(shop)
    assert end(flow) == ("accepted", "")
    assert _refreshes(shop) == 1
    assert shop.portal.counters.errors.get("expired_token", 0) == refused
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.token_version == before.token_version + 1


@ONE_DATABASE
def test_an_auth_server_in_trouble_delays_and_loses_nothing(shop: World) -> None:
    portal_faults(shop, expire_tokens=True, oauth_502=3)
    flow = shop.start(template(phone="", until="delivered"))
    later(shop, 0.1, 5, 10, 20, 40)
    assert end(flow) == ("delivered", "")
    assert _stored(shop).status == "active"
    assert len(shop.sent) == 1


@ONE_DATABASE
def test_a_redis_that_forgets_its_locks_during_a_refresh_loses_nothing(shop: World) -> None:
    def forget(request: Any) -> None:
        if "oauth/token" in request.url:
            shop.runtime.redis.flushall()

    shop.net.broken[host(AUTH)] = forget
    portal_faults(shop, expire_tokens=True)
    flow = shop.start(template(phone="", until="delivered"))
    later(shop, 0.1, 5, 10)
    assert end(flow) == ("delivered", "")


def test_a_dead_refresh_token_is_healed_by_the_next_robots_own_pair(shop: World) -> None:
    _kill_pair(shop)
    first = shop.start(template(PHONES[0], until="delivered"))
    later(shop, 0.1, 2)
    assert _stored(shop).status == "reauth"
    assert len(shop.sent) == 1, "sending needs no portal"
    assert end(first) == ("", ""), "and the answer waits"
    runs = begin(shop, template(phone=""), template(PHONES[1]))
    later(shop, 0.1, 2, 60, 60)
    assert _stored(shop).status == "active"
    assert ends([first, *runs]) == [("delivered", ""), ("accepted", ""), ("accepted", "")]
    assert len(shop.sent) == 3
    assert shop.runs()[-1].auth is None, "the pair a run brought is not kept longer than needed"


@ONE_DATABASE
def test_a_dead_refresh_token_is_not_healed_by_a_forged_pair(shop: World) -> None:
    _kill_pair(shop)
    shop.start(template(PHONES[0]))
    later(shop, 0.1, 2)
    good = next(request for request in reversed(shop.net.seen) if "/robots/send_template" in str(request.url))
    body = (good.body.decode() if isinstance(good.body, bytes) else str(good.body)).replace(
        "event_token=", "event_token=y"
    )
    for name in ("access_token", "refresh_token"):
        head, _, tail = body.partition(f"auth%5B{name}%5D=")
        body = f"{head}auth%5B{name}%5D=forged{tail[tail.index('&') :]}"
    assert shop.app.post("/robots/send_template", data=body).status_code == 200, "the application_token is right"
    later(shop, 1, 61)
    assert _stored(shop).status == "reauth"


def _kill_pair(world: World) -> None:
    """What we keep is worthless: another server has used the refresh token."""
    grant = world.bx.tokens.by_refresh(_stored(world).refresh_token)
    grant.replaced = True
    portal_faults(world, expire_tokens=True)


def test_a_portal_that_is_paid_again_works_again(shop: World) -> None:
    portal_faults(shop, expire_tokens=True, payment_required=True)
    shop.start(template(PHONES[0]))
    later(shop, 0.1, 2)
    assert _stored(shop).status == "inactive"
    portal_faults(shop, payment_required=False)
    with shop.bx.lock:
        shop.portal.raise_event("ONAPPPAYMENT", {"CODE": "x", "STATUS": "P"}, user_id=1, send_auth=False)
    later(shop, 1, 1)
    flow = shop.start(template(phone="", until="delivered"))
    later(shop, 1, 1, 1)
    assert _stored(shop).status == "active"
    assert end(flow) == ("delivered", "")


@ONE_DATABASE
def test_a_renamed_portal_is_followed_once_the_auth_server_confirms_it(shop: World) -> None:
    new = "https://renamed.example"
    shop.net.apps[host(new)] = shop.bx.portal_app
    shop.bx.rename(shop.portal, new)
    flow = shop.start(template(phone="", until="delivered"))
    later(shop, 0.1, 1, 1)
    assert end(flow) == ("delivered", "")
    assert _stored(shop).client_endpoint == f"{new}/rest/"
    before = len(shop.net.seen)
    shop.run("robot.send_template", template="welcome", language="ru", phone="")
    assert host(PORTAL) not in {host(str(request.url)) for request in shop.net.seen[before:]}


@ONE_DATABASE
def test_a_redirect_to_a_stranger_is_not_followed(shop: World) -> None:
    def lead_astray(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("302 Found", [("Location", f"https://evil.example{environ['PATH_INFO']}")])
        return [b""]

    shop.net.apps[host(PORTAL)] = lead_astray
    flow = shop.start(template(phone=""))
    later(shop, 0.1, 5, 5)
    assert "evil.example" not in shop.net.hosts()
    assert _stored(shop).client_endpoint == f"{PORTAL}/rest/"
    assert shop.sent == []
    shop.net.apps[host(PORTAL)] = shop.bx.portal_app
    later(shop, 60, 60, 60)
    assert end(flow) == ("accepted", "")
    assert len(shop.sent) == 1
