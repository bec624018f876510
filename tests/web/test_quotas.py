"""What one portal, or a stranger, does too often: refused runs, 429, and others who notice nothing."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from messaging.limits import bounds
from messaging.limits.quotas import CallQuota
from messaging.store.models import Portal, Run
from tests.flows.scenes import OLGA, ONE_DATABASE, ending, template_robot
from tests.support.world import World, returned
from tests.web.posts import auth_of, frame_form, open_frame, robot_call
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
