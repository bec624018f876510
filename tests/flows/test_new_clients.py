"""How many clients a line may write to first in 24 hours: counted, shown, and a known limit is kept (contract 9, 13)."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.lines import lines
from messaging.policy import tier
from messaging.policy.tier import Use
from messaging.store.models import Conversation, Line
from tests.flows.scenes import (
    ONE_DATABASE,
    PHONES,
    endings,
    open_windows,
    post_webhook,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import World
from tests.web.inside import Frame

REACHED = ("failed", "limit_reached")
SENT = ("accepted", "")


def _use(shop: World) -> Use:
    with shop.runtime.db.read() as session:
        return tier.use(session, session.get_one(Line, shop.line.id), shop.now)


def _tell(shop: World, limit: str) -> None:
    post_webhook(shop, {"type": "tier-event", "event": "x", "currentLimit": limit}, kind="account-event")
    shop.advance_clock(1)


def _templates(shop: World, *phones: str) -> list[tuple[str, str]]:
    flows = start_each(shop, *(template_robot(phone) for phone in phones))
    shop.advance_clock(2 + len(phones) / 10)  # the pace of a line
    return endings(flows)


def _written(shop: World, count: int, first: int = 1) -> None:
    """So many clients were written to a moment ago."""
    with shop.runtime.db.write() as session:
        for number in range(first, first + count):
            phone = f"7916300{number:04}"
            key = shop.runtime.phone_key(phone)
            session.add(Conversation(line_id=shop.line.id, phone=phone, phone_key=key, opened_at=shop.now))


def test_a_client_counts_once_a_day_and_not_while_his_window_is_open(shop: World) -> None:
    open_windows(shop, PHONES[0])
    assert _templates(shop, *PHONES[:3], PHONES[1]) == [SENT] * 4
    start_each(shop, text_robot(PHONES[0]))
    shop.advance_clock(2)
    assert _use(shop) == Use(2, 250, is_known=False)  # the first has written himself, the second got two
    shop.advance_clock(24 * 3600)
    assert _use(shop).written == 0


def test_a_known_limit_is_kept_and_a_client_counted_already_may_be_written_to(shop: World) -> None:
    _tell(shop, "TIER_50")
    with shop.runtime.db.write() as session:
        session.get_one(Line, shop.line.id).tier = 2
    open_windows(shop, PHONES[5])
    assert _templates(shop, *PHONES[:2]) == [SENT] * 2
    assert _templates(shop, PHONES[2], PHONES[0], PHONES[5]) == [REACHED, SENT, SENT]
    shop.advance_clock(24 * 3600)
    assert _templates(shop, PHONES[2]) == [SENT]
    assert len(shop.sent) == 5


@ONE_DATABASE
def test_at_once_only_as_many_leave_as_the_limit_allows(shop: World) -> None:
    _tell(shop, "TIER_50")
    _written(shop, 45)
    assert sorted(_templates(shop, *PHONES)) == [SENT] * 5 + [REACHED] * 3
    assert _use(shop) == Use(50, 50, is_known=True)


@ONE_DATABASE
def test_what_counts_is_who_is_written_to_when_it_leaves(shop: World) -> None:
    """Planned while the line is paused, everything is planned before anything has left."""
    _tell(shop, "TIER_50")
    _written(shop, 48)
    lines.pause(shop.runtime, shop.line.id, None)
    flows = start_each(shop, *(template_robot(phone, wait_minutes="60") for phone in [PHONES[0]] * 3 + PHONES[:4]))
    shop.advance_clock(30)
    lines.unpause(shop.runtime, shop.line.id)
    shop.advance_clock(5)
    assert endings(flows) == [SENT] * 5 + [REACHED] * 2
    assert _use(shop) == Use(50, 50, is_known=True)


@ONE_DATABASE
def test_a_client_who_was_not_reached_does_not_count(shop: World) -> None:
    _tell(shop, "TIER_50")
    _written(shop, 49)
    shop.set_gupshup_faults(next=["413"])
    assert _templates(shop, PHONES[0])[0][0] == "failed"
    assert _use(shop).written == 49
    assert _templates(shop, PHONES[1]) == [SENT]


@ONE_DATABASE
def test_a_late_event_does_not_lower_the_limit_again(shop: World) -> None:
    _tell(shop, "TIER_10K")
    early = {"type": "tier-event", "event": "x", "currentLimit": "TIER_250"}
    post_webhook(shop, early, kind="account-event", timestamp=1_000_000_000_000)
    shop.advance_clock(1)
    assert _use(shop).limit == 10_000


@ONE_DATABASE
def test_an_unknown_limit_holds_nobody_up(shop: World) -> None:
    _written(shop, 250)
    assert _templates(shop, PHONES[0]) == [SENT]
    assert _use(shop) == Use(251, 250, is_known=False)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("told", "set_by_hand", "shown"),
    [
        ("TIER_UNLIMITED", None, "0, без предела"),
        ("TIER_10K", None, "0 из 10 000"),
        ("TIER_10K", "2000", "0 из 2 000"),
        ("TIER_10K", "", "0 из 250"),
        ("TIER_10K", "7", "0 из 10 000"),
    ],
)
def test_the_lines_page_shows_the_limit_and_changes_it(
    shop: World, told: str, set_by_hand: str | None, shown: str
) -> None:
    _tell(shop, told)
    frame = Frame(shop)
    page = frame.page("lines/1") if set_by_hand is None else frame.change("lines/1/tier", tier=set_by_hand)
    assert shown in page.replace("\xa0", " ")


@ONE_DATABASE
def test_a_line_near_its_limit_is_told_on_the_start_page(shop: World) -> None:
    _tell(shop, "TIER_50")
    _written(shop, 39)
    assert "новых клиентов" not in Frame(shop).page("start")
    _written(shop, 1, first=40)
    assert "40 из 50 новых клиентов" in Frame(shop).page("start")


def test_the_command_sets_the_limit(shop: World) -> None:
    def run(*args: str) -> Any:
        return shop.flask.test_cli_runner().invoke(args=["lines", "set", *args])

    assert "2000 new clients" in run("1", "--tier", "2000").output
    assert _use(shop) == Use(0, 2000, is_known=True)
    assert "say what to set" in run("1").output
    assert run("1", "--tier", "-1").exit_code == 2
