"""Install, update, uninstall, lines that come and go (contract, section 8: portals, lines)."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import func, select, text

from bx24.errors import Bx24Error
from messaging.intake import portal_events
from messaging.lines import lines
from messaging.portals import hand_places, portals, robots, tokens, uninstalling
from messaging.portals.tokens import PortalTokens
from messaging.stages import registration
from messaging.store.models import Base, Line, Portal, Run
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    host,
    jump_clock,
    open_windows,
    rest_calls,
    send_attempts,
    set_portal_faults,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import APP, AUTH, PORTAL, World, returned
from tests.web.posts import frame_form, open_frame


def _portal(world: World) -> Portal:
    with world.runtime.db.read() as session:
        return session.scalars(select(Portal)).one()


def _count(world: World) -> dict[str, int]:
    with world.runtime.db.read() as session:
        tables = Base.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def _uninstall(world: World, clean: int) -> None:
    assert world.control.post("/emulator/uninstall", json={"clean": clean}, base_url=PORTAL).json["sent"] == 1
    world.advance_clock(1)


@ONE_DATABASE
def test_cards_and_lists_of_the_crm_lead_to_our_page_until_the_app_is_removed(world: World) -> None:
    stale = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": "https://old.example/bx24/hand", "TITLE": "WhatsApp"}
    world.install_app()
    cards = {f"CRM_{kind}_{where}" for kind in hand_places.KINDS for where in ("DETAIL_TAB", "LIST_MENU")}
    kinds = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE")
    lists = {f"CRM_{kind}_LIST_TOOLBAR" for kind in kinds}
    codes = cards | lists

    def bound() -> list[tuple[str, str]]:
        return sorted((row.placement, row.handler) for row in world.portal.placements if row.placement in codes)

    pages = {**dict.fromkeys(cards, "hand"), **dict.fromkeys(lists, "campaign")}
    expected = sorted((code, f"{APP}/bx24/{name}") for code, name in pages.items())
    assert bound() == expected
    tokens.portal_client(world.runtime, _portal(world).id).call("placement.bind", stale)
    with world.runtime.db.write() as session:
        portals.register_again(session, session.scalars(select(Portal)).one(), world.runtime)
    world.advance_clock(2)
    assert bound() == expected, "bound once, and no more under an old address"
    assert (_portal(world).registration or {})["failed"] == {}
    _uninstall(world, clean=0)
    assert bound() == []


def test_an_install_registers_everything_and_hears_what_happens_to_the_app(world: World) -> None:
    world.install_app()
    offered = {offer.code for offer in robots.offers(APP, "ru", {}, False)}
    assert set(world.portal.robots) == offered
    assert {"robot.send_text", "activity.send_template"} <= offered
    granted = portal_events.wanted(world.portal.installation.scope)
    assert {row.event for row in world.portal.events} == {*registration.EVENTS, *granted}
    assert {row.handler for row in world.portal.events} == {f"{APP}/bx24/events"}
    for code, record in world.portal.robots.items():
        side, name = code.split(".")
        assert record.handler == f"{APP}/{'robots' if side == 'robot' else 'activities'}/{name}"
        assert record.fields["USE_SUBSCRIPTION"] == "Y"
        assert {"RU", "EN"} <= {key.upper() for key in record.fields["NAME"]}
        assert record.is_robot is (side == "robot")


@ONE_DATABASE
def test_an_install_by_somebody_who_is_no_administrator_is_refused(world: World) -> None:
    for user, status in ((2, 403), (3, 200)):
        made = world.control.post(
            "/emulator/install",
            json={"install_url": f"{APP}/bx24/install", "app_url": f"{APP}/bx24/app", "user_id": user, "finish": False},
            base_url=PORTAL,
        ).json
        assert made["status"] == status, made
        world.advance_clock(1)
        assert bool(world.portal.robots) is (status == 200)
        assert _count(world)["portal"] == int(status == 200)


def test_an_update_and_a_portal_that_lost_its_robots_are_registered_again(shop: World) -> None:
    codes = set(shop.portal.robots)
    set_portal_faults(shop, html_502=2)
    assert shop.control.post("/emulator/update", json={}, base_url=PORTAL).json["sent"] == 1
    assert shop.portal.robots == {}
    jump_clock(shop, 1, 15, 30, 60)
    assert set(shop.portal.robots) == codes
    assert ending(shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)) == (
        "accepted",
        "",
    )


@ONE_DATABASE
def test_the_lines_of_a_portal_are_the_options_of_its_robots(shop: World) -> None:
    def options() -> dict[str, str]:
        found: dict[str, str] = shop.portal.robots["robot.send_text"].properties()["line"]["OPTIONS"]
        return {key: value for key, value in found.items() if key}

    assert options() == {str(shop.line.id): "acmeshop (+79001112233)"}
    other = shop.connect_line("othershop", "79001114455")
    assert set(options()) == {"1", str(other.id)}
    lines.remove(shop.runtime, 1)
    shop.advance_clock(1)
    assert set(options()) == {str(other.id)}


def test_when_a_line_is_removed_its_waiting_runs_are_answered_and_nothing_leaves(shop: World) -> None:
    open_windows(shop)
    other = shop.connect_line("othershop", "79001114455")
    one = str(1)
    waiting = shop.robots_start(template_robot(PHONES[0], "read", line=one))
    shop.advance_clock(2)
    shop.set_gupshup_faults(app="acmeshop", next=[{"answer": "429", "retry_after": 30, "times": 5}])
    queued = start_each(shop, *(template_robot(phone, line=one) for phone in PHONES[1:3]))
    unaffected = shop.robots_start(template_robot(PHONES[3], "read", line=str(other.id)))
    jump_clock(shop, 0.1, 1)
    offered = len(send_attempts(shop))
    result = shop.flask.test_cli_runner().invoke(args=["lines", "remove", one])
    assert result.exit_code == 0
    assert "3 waiting runs" in result.output
    shop.advance_clock(2)
    assert endings([waiting, *queued]) == [("failed", "line_not_connected")] * 3
    assert ending(unaffected) == ("", "")
    assert returned(waiting)["message_id"], "what was sent is told"
    assert [returned(flow)["message_id"] for flow in queued] == ["", ""]
    jump_clock(shop, 60, 600)
    assert len(send_attempts(shop)) == offered
    assert len(shop.sent) == 2
    with shop.runtime.db.read() as session:
        assert session.get_one(Line, 1).api_key is None, "the key of a removed line is forgotten"


def test_before_the_install_and_after_the_uninstall_every_call_is_refused(shop: World) -> None:
    waiting = shop.robots_start(template_robot(until="read"))
    queued = shop.robots_start(template_robot(PHONES[1], until="read"))
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 30}])
    jump_clock(shop, 0.1)
    body = next(request.body for request in shop.net.seen if "/robots/send_template" in str(request.url))
    _uninstall(shop, clean=0)
    sent = len(send_attempts(shop))
    before = len(rest_calls(shop, "bizproc"))
    late = shop.app.post("/robots/send_template", data=body)
    assert (late.status_code, late.data) == (403, b"")
    jump_clock(shop, 60, 600, 3600)
    assert len(send_attempts(shop)) == sent
    assert len(rest_calls(shop, "bizproc")) == before, "nobody there to answer, and no token to do it with"
    assert endings([waiting, queued]) == [("", ""), ("", "")]
    assert {run.error_code for run in shop.stored_rows(Run)} == {"portal_inactive"}


def test_an_uninstall_keeps_the_lines_and_a_reinstall_finds_them(shop: World) -> None:
    open_windows(shop)
    shop.robots_start(template_robot())
    shop.advance_clock(1)
    before = _count(shop)
    _uninstall(shop, clean=0)
    portal = _portal(shop)
    assert portal.status == "inactive"
    kept = (portal.access_token, portal.refresh_token, portal.previous_refresh_token, portal.application_token)
    assert kept == (None,) * 4
    assert {name: count for name, count in _count(shop).items() if count < before[name]} == {}
    shop.install_app()
    shop.advance_clock(1)
    flow = shop.robots_start(text_robot(until="delivered"))
    shop.advance_clock(2)
    assert ending(flow) == ("delivered", ""), "the line, its key and the open window are still there"
    assert _portal(shop).default_line_id == shop.line.id


def test_an_uninstall_with_clean_leaves_nothing_but_the_portals_name(shop: World) -> None:
    open_windows(shop, OLGA, PHONES[0])
    start_each(shop, template_robot(until="replied"), text_robot(PHONES[0]), template_robot(PHONES[1], until="read"))
    shop.advance_clock(2)
    shop.client_replies(OLGA, "Да")
    shop.client_replies(PHONES[0], "Стоп")
    shop.advance_clock(40)
    _uninstall(shop, clean=1)
    left = {name: count for name, count in _count(shop).items() if count and name not in ("lease", "setting", "portal")}
    assert left == {}
    assert _portal(shop).default_line_id is None
    jump_clock(shop, 60, 600)
    shop.install_app()
    assert ending(shop.robot_runs("robot.send_template", template="welcome", phone=OLGA)) == (
        "failed",
        "line_not_connected",
    )


def test_a_webhook_of_a_cleaned_line_is_unknown(shop: World) -> None:
    path = lines.webhook_url(shop.runtime, shop.line).removeprefix(APP)
    assert shop.app.post(path, data=b"{}").status_code == 200
    _uninstall(shop, clean=1)
    assert shop.app.post(path, data=b"{}").status_code == 404


def test_an_uninstall_that_races_with_a_refresh_stays_an_uninstall(shop: World) -> None:
    def uninstall_meanwhile(request: Any) -> None:
        if "oauth/token" in request.url:
            uninstalling.uninstall(shop.runtime, 1, clean=False)

    stale = _portal(shop).access_token or ""
    shop.net.broken[host(AUTH)] = uninstall_meanwhile
    PortalTokens(shop.runtime, 1).renew(stale)
    portal = _portal(shop)
    assert (portal.status, portal.access_token, portal.refresh_token) == ("inactive", None, None)
    with pytest.raises(Bx24Error):
        PortalTokens(shop.runtime, 1).renew(stale)
    assert _portal(shop).status == "inactive", "not even when the auth server refuses the token that is gone"


@ONE_DATABASE
def test_an_application_token_that_old_frames_do_not_carry_is_learned(world: World) -> None:
    set_portal_faults(world, old_frames=True)
    made: dict[str, Any] = world.control.post(
        "/emulator/install",
        json={"install_url": f"{APP}/bx24/install", "app_url": f"{APP}/bx24/app", "finish": False},
        base_url=PORTAL,
    ).json
    assert made["status"] == 200
    world.advance_clock(1)
    assert _portal(world).application_token is None
    world.connect_line()
    flow = world.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    assert ending(flow) == ("accepted", "")
    assert _portal(world).application_token == world.portal.installation.application_token


@ONE_DATABASE
def test_a_reinstall_by_old_frames_after_a_lost_uninstall_learns_the_new_application_token(shop: World) -> None:
    shop.robots_start(template_robot())
    jump_clock(shop, 1)
    call = next(request.body for request in shop.net.seen if "/robots/send_template" in str(request.url))
    former = _portal(shop).application_token
    lost = requests.exceptions.ConnectionError("the app is away")
    shop.net.broken[host(APP)] = lambda request: lost if "/bx24/events" in str(request.url) else None
    _uninstall(shop, clean=0)
    shop.net.broken.clear()
    set_portal_faults(shop, old_frames=True)
    addresses = {"install_url": f"{APP}/bx24/install", "app_url": f"{APP}/bx24/app", "finish": False}
    assert shop.control.post("/emulator/install", json=addresses, base_url=PORTAL).json["status"] == 200
    shop.advance_clock(1)
    assert shop.app.post("/robots/send_template", data=call).status_code == 403, "the former token opens nothing"
    flow = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    assert ending(flow) == ("accepted", "")
    assert _portal(shop).application_token == shop.portal.installation.application_token != former
    assert shop.app.post("/robots/send_template", data=call).status_code == 403


@ONE_DATABASE
def test_a_fresh_pair_from_a_frame_without_application_token_leaves_the_known_one(shop: World) -> None:
    known = _portal(shop).application_token
    with shop.runtime.db.write() as session:
        session.get_one(Portal, 1).status = "reauth"
    assert open_frame(shop, "app", frame_form(shop)).status_code == 200
    assert (_portal(shop).status, _portal(shop).application_token) == ("active", known)


@ONE_DATABASE
def test_leases_are_there_for_each_shard(world: World) -> None:
    with world.runtime.db.read() as session:
        assert session.execute(text("SELECT count(*) FROM lease")).scalar() == 64
