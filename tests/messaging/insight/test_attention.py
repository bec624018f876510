"""What needs a person: each fault is named, the worst first, and nothing that is right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from messaging.campaigns import changes
from messaging.insight import attention, line_checks
from messaging.insight.attention import Kind
from messaging.lines import lines
from messaging.store.models import Line, Portal, Template
from tests.flows.mailing import Mailing
from tests.flows.scenes import ONE_DATABASE, PHONES, jump_clock, start_each, template_robot
from tests.support.world import World

pytestmark = ONE_DATABASE


def _found(shop: World) -> list[tuple[Any, ...]]:
    with shop.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        found = attention.problems(session, shop.runtime, portal)
    return [
        (one.kind, *(value for value in (one.count, one.code, *one.names) if value))
        for one in found
        if one.line is None or one.line.id == 1
    ]


def _set(shop: World, model: type[Line | Portal], **values: Any) -> None:
    with shop.runtime.db.write() as session:
        session.execute(update(model).values(**values))


def _stop(shop: World) -> None:
    _set(shop, Line, stopped_at=shop.now, stop_code="1003", paused_at=shop.now)


def _refuse_key(shop: World) -> None:
    shop.set_gupshup_faults(key_revoked=True)
    line_checks.ask(shop.runtime, shop.line, "key")


def _pause(shop: World) -> None:
    lines.pause(shop.runtime, 1)
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]))
    jump_clock(shop, 1, 120)


def _silence(shop: World) -> None:
    shop.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered", "read"])
    start_each(shop, template_robot())
    jump_clock(shop, 1, 700)


def _hang(shop: World) -> None:
    shop.net.broken["api.gupshup.example"] = ConnectionError("silence")
    line_checks.ask(shop.runtime, shop.line, "key")


def _unregister(shop: World) -> None:
    _set(shop, Portal, registration={"failed": {"robot.send_list": "Activity already added!"}})


def _unregister_all(shop: World) -> None:
    _set(shop, Portal, registration={"error": "ACCESS_DENIED"})


def _reject(shop: World) -> None:
    made = {"line_id": 1, "language": "ru", "data": {}}
    with shop.runtime.db.write() as session:
        for name, status in (("a", "PAUSED"), ("b", "REJECTED"), ("c", "REJECTED"), ("d", "PENDING")):
            session.execute(insert(Template).values(**made, template_id=name, name=name, status=status))


def _throttle(shop: World) -> None:
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 300}])
    start_each(shop, template_robot())
    jump_clock(shop, 1, 90)


def _fail(shop: World) -> None:
    start_each(*(shop, *[template_robot(phone, template="nothing") for phone in PHONES[:2]]))
    start_each(shop, ("robot.send_text", {"text": "?", "phone": PHONES[2]}))
    jump_clock(shop, 2)


def _fail_long_ago(shop: World) -> None:
    _fail(shop)
    shop.now += timedelta(hours=25)


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (lambda shop: None, []),
        (_stop, [(Kind.LINE_STOPPED,)]),
        (_refuse_key, [(Kind.LINE_BROKEN, 1)]),
        (_pause, [(Kind.LINE_PAUSED, 2)]),
        (_silence, [(Kind.LINE_SILENT,)]),
        (_hang, [(Kind.GUPSHUP_SILENT,)]),
        (_unregister, [(Kind.ROBOTS, 1, "Activity already added!")]),
        (_unregister_all, [(Kind.ROBOTS, "ACCESS_DENIED")]),
        (_reject, [(Kind.TEMPLATES, 2, "REJECTED", "b", "c"), (Kind.TEMPLATES, 1, "PAUSED", "a")]),
        (_throttle, [(Kind.WAITING, 1)]),
        (_fail, [(Kind.REASON, 2, "template_not_found"), (Kind.REASON, 1, "window_closed")]),
        (_fail_long_ago, []),
    ],
)
def test_each_fault_is_named(shop: World, happens: Callable[[World], None], expected: list[tuple[Any, ...]]) -> None:
    happens(shop)
    assert _found(shop) == expected


def test_what_stopped_a_line_is_told_once(shop: World) -> None:
    shop.set_gupshup_faults(wallet_empty=True)
    start_each(shop, template_robot())
    jump_clock(shop, 2, 1)
    assert _found(shop) == [(Kind.LINE_STOPPED,)]


def test_the_worst_comes_first(shop: World) -> None:
    _fail(shop)
    _reject(shop)
    _unregister(shop)
    _stop(shop)
    kinds = [kind for kind, *_ in _found(shop)]
    assert list(dict.fromkeys(kinds)) == [Kind.LINE_STOPPED, Kind.ROBOTS, Kind.TEMPLATES, Kind.REASON]


def test_campaigns_that_stand_still_are_named_unless_somebody_wanted_it(shop: World) -> None:
    waits, wanted = Mailing(shop, PHONES[:3]), Mailing(shop, PHONES[3:5], per_minute=1)
    waits.do(changes.set_budget, 41_000, "USD")
    waits.start(seconds=3)
    wanted.start(seconds=3)
    wanted.do(changes.pause)
    assert waits.state == ("paused", "budget")
    assert _found(shop) == [(Kind.CAMPAIGN, "budget", waits.key, "Майская акция")]
    waits.do(changes.set_budget, None, "")
    shop.advance_clock(5)
    assert _found(shop) == []
