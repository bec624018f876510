"""What one portal, or a stranger, does too often: refused runs, 429, and others who notice nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app import create_app
from messaging.limits import bounds
from messaging.limits.quotas import Buckets, CallQuota, FrameQuota
from messaging.store.models import Portal, Run
from tests.flows.scenes import OLGA, ONE_DATABASE, ending, template_robot
from tests.support.world import AUTH, World, returned
from tests.web.inside import Frame
from tests.web.posts import auth_of, encoded, frame_form, open_frame, robot_call
from tests.web.test_refusals import counted

PAGES = ("app", "install")
QUERY = "DOMAIN=acme.example&PROTOCOL=1&LANG=ru&APP_SID=0f"


class Clock:
    """In place of time.monotonic."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def strict_calls(shop: World, per_minute: int) -> Clock:
    """From now on the app takes so many calls of a portal."""
    clock = Clock()
    shop.runtime.config = replace(shop.runtime.config, calls_per_minute=per_minute)
    shop.runtime.__dict__["call_quota"] = CallQuota(per_minute, clock)
    return clock


def strict_frames(world: World, monkeypatch: pytest.MonkeyPatch, **limits: int) -> Clock:
    """From now on the app takes so many frames a minute: limits of `bounds`."""
    clock = Clock()
    for name, limit in limits.items():
        monkeypatch.setattr(bounds, name, limit)
    world.runtime.__dict__["frame_quota"] = FrameQuota(clock)
    return clock


def asked_auth_server(world: World) -> int:
    """How often the auth server was asked so far."""
    return sum(urlsplit(str(request.url)).netloc == urlsplit(AUTH).netloc for request in world.net.seen)


# ------------------------------------------------------------------ robot calls


def test_calls_over_the_quota_become_runs_that_say_so(shop: World) -> None:
    strict_calls(shop, 2)
    flows = [shop.robots_start(template_robot()) for _ in range(4)]
    shop.advance_clock(3)
    assert [ending(flow) for flow in flows] == [("accepted", "")] * 2 + [("failed", "limit_reached")] * 2
    assert "(2 в минуту)" in returned(flows[3])["error_text"]
    assert "CALLS_PER_MINUTE" in returned(flows[3])["error_text"]
    assert len(shop.sent) == 2
    refused = [run for run in shop.stored_rows(Run) if run.error_code]
    assert [(run.properties, run.auth, run.plan_tries) for run in refused] == [({}, None, 0)] * 2


def test_calls_far_over_the_quota_are_answered_429_and_not_stored(shop: World) -> None:
    clock = strict_calls(shop, 6)
    answers = [shop.app.post("/robots/send_template", data=robot_call(shop, token=f"wf|{n}|x.s")) for n in range(26)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200] * 6 * bounds.CALLS_AT_MOST + [429] * 2
    assert (answers[-1].data, answers[-1].headers["Retry-After"]) == (b"", "3"), "24 a minute: in 2.5 seconds"
    assert counted(shop) == {("runs", "quota"): 2}
    assert [run.error_code for run in shop.stored_rows(Run)] == [""] * 6 + ["limit_reached"] * 18
    clock.now += 3
    assert shop.app.post("/robots/send_template", data=robot_call(shop, token="wf|later|x.s")).status_code == 200


@ONE_DATABASE
def test_the_quota_is_each_portals_own(shop: World) -> None:
    other = shop.bx.add_portal("https://other.example")
    shop.net.apps["other.example"] = shop.bx.app_of(other)
    assert open_frame(shop, "install", frame_form(shop, other)).status_code == 200
    strict_calls(shop, 1)
    own = [shop.app.post("/robots/send_template", data=robot_call(shop, token=f"wf|{n}|x.s")) for n in range(5)]
    assert [answer.status_code for answer in own] == [200] * 4 + [429]
    assert (
        shop.app.post("/robots/send_template", data=robot_call(shop, **auth_of(shop, portal=other))).status_code == 200
    )
    with shop.runtime.db.read() as session:
        told = session.scalars(select(Run.error_code).join(Portal).where(Portal.member_id == other.member_id)).all()
    assert told == [""]


@ONE_DATABASE
def test_events_over_the_quota_are_not_stored(shop: World) -> None:
    """Each is a transaction of its own, and wakes the worker."""
    shop.runtime.event_quota = Buckets(2, lambda: 0.0)

    def post(event: str) -> int:
        form = encoded({"event": event, "data": {"CONNECTOR": "x"}, "ts": "1", "auth": auth_of(shop)})
        return int(
            shop.app.post("/bx24/events", data=form, content_type="application/x-www-form-urlencoded").status_code
        )

    assert [post("ONIMCONNECTORMESSAGEADD") for _ in range(4)] == [200, 200, 429, 429]
    assert counted(shop)["bx24", "quota"] == 2
    assert post("ONAPPUPDATE") == 200, "the app's own life goes on"


@ONE_DATABASE
def test_who_is_not_recognised_uses_up_nothing(shop: World) -> None:
    strict_calls(shop, 1)
    for _ in range(9):
        assert (
            shop.app.post("/robots/send_template", data=robot_call(shop, application_token="0" * 32)).status_code == 403
        )
        assert shop.app.post("/robots/send_template", data=robot_call(shop, code="robot.send_text")).status_code == 400
    assert ending(shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)) == (
        "accepted",
        "",
    )


# ------------------------------------------------------------------ frames


def forged(shop: World, number: int, **changes: str) -> dict[str, str]:
    """A frame with a token that nobody issued."""
    return {**frame_form(shop), "AUTH_ID": f"{number:040d}", **changes}


@ONE_DATABASE
def test_a_forger_with_fresh_tokens_asks_the_auth_server_a_bounded_number_of_times(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict_frames(shop, monkeypatch, FRAMES_OF_STRANGERS=3)
    before = asked_auth_server(shop)
    forms = [forged(shop, number, member_id=f"{number:032d}") for number in range(8)]
    answers = [open_frame(shop, PAGES[number % 2], form) for number, form in enumerate(forms)]
    assert [answer.status_code for answer in answers] == [403] * 3 + [429] * 5
    assert asked_auth_server(shop) - before == 3
    assert "Эту страницу открывали слишком часто" in answers[-1].text
    assert answers[-1].headers["Retry-After"] == "20"
    assert counted(shop) == {("bx24", "forbidden"): 3, ("bx24", "quota"): 5}
    event = {"event": "ONAPPINSTALL", "auth": auth_of(shop, access_token="f" * 70, member_id="7" * 32)}
    told = shop.app.post("/bx24/events", data=encoded(event))
    assert (told.status_code, told.data) == (429, b"")
    assert open_frame(shop, "app", frame_form(shop)).status_code == 200, "a true user of a known portal comes in"


@ONE_DATABASE
def test_who_came_in_before_comes_in_while_a_forger_names_his_portal(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = strict_frames(shop, monkeypatch, FRAMES_OF_PORTAL=3, FRAMES_OF_PERSON=4)
    true = frame_form(shop)
    assert open_frame(shop, "app", true).status_code == 200
    assert [open_frame(shop, "app", forged(shop, number)).status_code for number in range(4)] == [403, 403, 429, 429]
    assert open_frame(shop, "app", true).status_code == 200
    renewed = shop.app.post("/frame/session", json={"access_token": true["AUTH_ID"]}, headers=Frame(shop).headers)
    assert renewed.status_code == 200
    assert [open_frame(shop, "app", true).status_code for _ in range(4)] == [200, 200, 200, 429]
    settings = shop.app.post(f"/robots/send_text/settings?{QUERY}", data=forged(shop, 9))
    assert (settings.status_code, "слишком часто" in settings.text) == (429, True)
    clock.now += 60
    assert open_frame(shop, "app", frame_form(shop)).status_code == 200


@ONE_DATABASE
def test_a_session_is_not_renewed_without_end(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    strict_frames(shop, monkeypatch, FRAMES_OF_PERSON=2)
    before = asked_auth_server(shop)
    answers = [
        shop.app.post("/frame/session", json={"access_token": f"{number:040d}"}, headers=Frame(shop).headers)
        for number in range(4)
    ]
    assert [(answer.status_code, answer.data) for answer in answers] == [(401, b"")] * 2 + [(429, b"")] * 2
    assert asked_auth_server(shop) - before == 2
    assert answers[-1].headers["Retry-After"] == "30"
    other = Frame(shop, user_id=2).headers
    token = frame_form(shop, user_id=2)["AUTH_ID"]
    assert shop.app.post("/frame/session", json={"access_token": token}, headers=other).status_code == 200


@ONE_DATABASE
def test_a_call_from_a_portal_whose_token_is_unknown_asks_a_bounded_number_of_times(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.runtime.db.write() as session:
        session.scalars(select(Portal)).one().application_token = None
    strict_frames(shop, monkeypatch, FRAMES_OF_PORTAL=2)
    calls = [robot_call(shop, access_token=f"{number:070d}", token=f"wf|{number}|x.s") for number in range(4)]
    assert [shop.app.post("/robots/send_template", data=body).status_code for body in calls] == [403, 403, 429, 429]


def behind(world: World, proxies: int) -> Any:
    """A client of the app behind so many proxies of ours."""
    world.runtime.config = replace(world.runtime.config, trusted_proxies=proxies)
    return create_app(world.runtime).test_client()


#: Trusted proxies; X-Forwarded-For of a forger's nine requests, and of another's one; how many of the forger's are looked at,
#: and how the other's is answered: 403 if it is looked at, for its token is forged too.
ADDRESSES = [
    (0, "203.0.113.1", "203.0.113.2", 6, 429),
    (1, "203.0.113.1", "203.0.113.2", 3, 403),
    (1, "198.51.100.{n}, 203.0.113.1", "198.51.100.1, 203.0.113.2", 3, 403),
    (1, "203.0.113.{n}", "203.0.113.99", 6, 429),
    (1, "203.0.113.1, 10.0.0.1", "203.0.113.2, 10.0.0.1", 3, 429),
    (2, "203.0.113.1, 10.0.0.1", "203.0.113.2, 10.0.0.1", 3, 403),
]


@ONE_DATABASE
@pytest.mark.parametrize(("proxies", "forger", "other", "looked_at", "answered"), ADDRESSES)
def test_an_address_is_what_the_trusted_proxy_says(
    shop: World, monkeypatch: pytest.MonkeyPatch, proxies: int, forger: str, other: str, looked_at: int, answered: int
) -> None:
    strict_frames(shop, monkeypatch, FRAMES_OF_STRANGERS=6, STRANGERS_OF_ADDRESS=3)
    app = behind(shop, proxies)

    def strange(number: int, address: str) -> int:
        form = forged(shop, number, member_id=f"{number:032d}")
        headers = {"X-Forwarded-For": address.format(n=number)}
        return int(app.post(f"/bx24/app?{QUERY}", data=form, headers=headers).status_code)

    statuses = [strange(number, forger) for number in range(9)]
    assert statuses == [403] * looked_at + [429] * (9 - looked_at)
    assert strange(99, other) == answered
