"""What one portal may have in flight in a worker: a few threads of each stage, however much of it is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from requests import PreparedRequest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from messaging.limits.bounds import SLOW_REST_S, share_of_portal
from messaging.lines import circuit_breaker
from messaging.store.models import Line
from messaging.worker import due_work
from tests.flows.scenes import OLGA, ONE_DATABASE, ending, host, jump_clock, open_windows, start_each, template_robot
from tests.support.world import PORTAL, World

MANY = 6


def handed_out(world: World) -> list[str]:
    """The stages whose tasks go to threads in the next rounds, while nobody finishes one."""
    found: list[str] = []
    for _ in range(3):
        world.drain.renew()
        with world.runtime.db.read() as session:
            world.drain.hold(due_work.due_shards(session, world.runtime))
        world.drain.round([], lambda stage, _: found.append(stage.name))
    return found


def files_of_robots(shop: World) -> None:
    open_windows(shop)
    start_each(shop, *[("robot.send_file", {"file": "601", "phone": OLGA, "caption": str(n)}) for n in range(MANY)])
    shop.now += timedelta(seconds=1)  # the portal queues its calls
    shop.bx.deliver_due()


def files_of_replies(shop: World) -> None:
    for number in range(MANY):
        url = f"https://filemanager.gupshup.io/wa/media/{number}/a.png"
        shop.client_replies(OLGA, "", type="image", caption="", url=url)
    shop.gs.deliver_due()


def notices(shop: World) -> None:
    for number in range(MANY):
        shop.connect_line(f"another{number}", f"7900111220{number}")
    with shop.runtime.db.write() as session:
        for line in session.scalars(select(Line)):
            circuit_breaker.schedule_notice(line, "resumed", shop.now)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("make_due", "stage", "most"),
    [
        (files_of_robots, "plan", share_of_portal(4)),
        (files_of_replies, "fetch", share_of_portal(4)),
        (notices, "probe", 1),
    ],
)
def test_one_portal_holds_few_threads_of_a_stage(
    shop: World, make_due: Callable[[World], None], stage: str, most: int
) -> None:
    make_due(shop)
    assert handed_out(shop).count(stage) == most


@ONE_DATABASE
@pytest.mark.parametrize(("make_due", "stage"), [(files_of_replies, "fetch"), (notices, "probe")])
def test_a_round_that_was_not_committed_takes_nothing_of_the_share(
    shop: World, monkeypatch: pytest.MonkeyPatch, make_due: Callable[[World], None], stage: str
) -> None:
    """Else a portal whose rounds have failed would never be served again."""

    def away(*_: object) -> None:
        raise OperationalError("SELECT", None, Exception("the database is away"))

    make_due(shop)
    with monkeypatch.context() as broken:
        broken.setattr(shop.drain.answers, "claim", away)  # the last stage of a round
        with pytest.raises(OperationalError):
            handed_out(shop)
    assert handed_out(shop).count(stage) == (1 if stage == "probe" else share_of_portal(4))


@ONE_DATABASE
def test_a_portal_whose_answer_was_slow_gets_the_next_ones_after_a_pause(shop: World) -> None:
    def slow(request: PreparedRequest) -> None:
        if "batch" in str(request.url):
            shop.now += timedelta(seconds=SLOW_REST_S + 1)

    open_windows(shop)
    shop.net.broken[host(PORTAL)] = slow
    first = shop.robots_start(template_robot())
    jump_clock(shop, 1)
    assert ending(first) == ("accepted", "")
    shop.net.broken.clear()
    second = shop.robots_start(template_robot())
    jump_clock(shop, 1, 1)
    assert ending(second) == ("", "")
    jump_clock(shop, SLOW_REST_S, 1)
    assert ending(second) == ("accepted", "")
