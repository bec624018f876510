"""Who may come in: forged and wrong requests (contract, sections 3, 6 and 8; bitrix24.md 11)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from messaging.store.models import Portal, Run
from tests.flows.scenes import ONE_DATABASE, host, rest_calls, webhook_path
from tests.support.world import AUTH, PORTAL, World
from tests.web.posts import auth_of, count_of, encoded, frame_form, open_frame, robot_call

EVIL = "https://evil.example"
FORGERIES: dict[str, dict[str, str]] = {
    "unknown token": {"AUTH_ID": "f" * 70},
    "no token": {"AUTH_ID": ""},
    "attacker's auth server": {"AUTH_ID": "f" * 70, "SERVER_ENDPOINT": f"{EVIL}/rest/"},
    "somebody else's portal": {"member_id": "0" * 32},
}


@ONE_DATABASE
@pytest.mark.parametrize("page", ["install", "app"])
def test_a_forged_frame_learns_nothing_and_makes_us_call_nobody(world: World, page: str) -> None:
    for what, forged in FORGERIES.items():
        answer = open_frame(world, page, {**frame_form(world), **forged}, domain="evil.example")
        assert answer.status_code == 403, what
        assert world.portal.member_id not in answer.text, what
        assert f"frame-ancestors {PORTAL}" not in answer.headers["Content-Security-Policy"], what
        assert world.net.hosts() <= {host(AUTH)}, what
    assert count_of(world, Portal) == 0


@ONE_DATABASE
def test_a_true_token_beside_a_forged_address_leads_to_the_true_portal(world: World) -> None:
    install = encoded(
        {
            "event": "ONAPPINSTALL",
            "data": {"VERSION": "1", "LANGUAGE_ID": "ru"},
            "auth": auth_of(
                world, client_endpoint=f"{EVIL}/rest/", server_endpoint=f"{EVIL}/rest/", domain="evil.example"
            ),
        }
    )
    assert world.app.post("/bx24/events", data=install).status_code == 200
    world.advance_clock(5)
    assert "evil.example" not in world.net.hosts()
    with world.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
    assert (portal.client_endpoint, portal.server_endpoint) == (f"{PORTAL}/rest/", f"{AUTH}/rest/")


@ONE_DATABASE
def test_a_token_of_another_app_or_another_portal_installs_nothing(world: World) -> None:
    other = world.bx.add_portal("https://other.example")
    world.net.apps["other.example"] = world.bx.app_of(other)
    mixed = {**frame_form(world), "member_id": other.member_id}
    assert open_frame(world, "install", mixed).status_code == 403
    other.installation.client_id = "local.of.somebody.else"
    assert open_frame(world, "install", frame_form(world, other)).status_code == 403
    assert world.net.hosts() == {host(AUTH)}
    assert count_of(world, Portal) == 0


@ONE_DATABASE
def test_the_secret_is_sent_to_the_auth_server_alone(shop: World) -> None:
    shop.control.post("/emulator/faults", json={"expire_tokens": True}, base_url=PORTAL)
    shop.robot_runs("robot.send_template", template="welcome", language="ru")
    shown = {
        host(str(request.url))
        for request in shop.net.seen
        if shop.bx.client_secret in f"{request.url}{request.body!r}{request.headers}"
    }
    assert shown == {host(AUTH)}


def test_calls_are_refused_without_a_word(shop: World) -> None:
    other = {"application_token": shop.portal.installation.application_token}
    cases = [
        ("/robots/send_template", robot_call(shop, application_token="0" * 32), 403),
        ("/robots/send_template", robot_call(shop, application_token=""), 403),
        ("/robots/send_template", robot_call(shop, member_id="1" * 32, **other), 403),
        ("/activities/send_template", robot_call(shop, code="activity.send_template", application_token="x"), 403),
        ("/robots/send_template", robot_call(shop, code="robot.send_text"), 400),
        ("/robots/send_template", robot_call(shop, code="activity.send_template"), 400),
        ("/activities/send_template", robot_call(shop), 400),
        ("/robots/send_telegram", robot_call(shop, code="robot.send_telegram"), 404),
        ("/robots/../robots/send_text", robot_call(shop), 404),
        ("/robots/send_template", "", 400),
        ("/robots/send_template", robot_call(shop, token=""), 400),
        ("/robots/send_template", robot_call(shop, member_id=""), 400),
        ("/bx24/events", encoded({"event": "ONAPPUNINSTALL", "auth": auth_of(shop, application_token="0" * 32)}), 403),
        ("/bx24/events", encoded({"event": "ONAPPUPDATE", "auth": auth_of(shop, member_id="1" * 32)}), 403),
        ("/bx24/events", encoded({"event": "ONAPPINSTALL", "auth": auth_of(shop, access_token="f" * 70)}), 403),
        ("/bx24/events", "event=ONAPPUPDATE", 400),
        ("/bx24/app", "", 400),
        ("/gupshup/wrong-secret", "{}", 404),
        ("/gupshup/", "{}", 404),
    ]
    found = [(path, shop.app.post(path, data=body)) for path, body, _ in cases]
    assert [(path, answer.status_code) for path, answer in found] == [(path, status) for path, _, status in cases]
    refused = [answer for path, answer in found if answer.status_code == 403]
    assert {answer.data for answer in refused} == {b""}
    assert count_of(shop, Run) == 0
    assert shop.app.post("/robots/send_template", data=robot_call(shop)).status_code == 200
    assert count_of(shop, Run) == 1, "the same call with the right token"


@ONE_DATABASE
def test_before_the_install_every_call_is_refused(world: World) -> None:
    assert world.app.post("/robots/send_template", data=robot_call(world)).status_code == 403
    event = encoded({"event": "ONAPPUPDATE", "auth": auth_of(world)})
    assert world.app.post("/bx24/events", data=event).status_code == 403
    assert world.net.seen == [], "nobody is asked about an unknown portal"


@ONE_DATABASE
def test_what_bitrix24_sends_is_answered_200_and_empty(shop: World) -> None:
    answers = [
        shop.app.post("/robots/send_template", data=robot_call(shop)),
        shop.app.post("/bx24/events", data=encoded({"event": "ONAPPTEST", "auth": auth_of(shop)})),
        shop.app.post(webhook_path(shop, shop.line), data=b"{}"),
        shop.app.get(webhook_path(shop, shop.line)),
    ]
    assert [(answer.status_code, answer.data) for answer in answers] == [(200, b"")] * 4


@ONE_DATABASE
def test_rest_is_called_with_tokens_in_bodies_only(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru")
    with shop.runtime.db.read() as session:
        token = session.scalars(select(Portal)).one().access_token or ""
    assert rest_calls(shop, "batch")
    assert not [
        request.url for request in shop.net.seen if token in str(request.url) and host(AUTH) not in str(request.url)
    ]
