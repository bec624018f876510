"""A line stops at the first refusal that speaks of it; who waits is told what to do; it goes on by itself, or by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from sqlalchemy import select, update
from urllib3.exceptions import NewConnectionError

from bx24.emulator.rules import frames
from messaging.lines import lines
from messaging.store.models import Line, Message
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    host,
    jump_clock,
    open_windows,
    post_webhook,
    send_attempts,
    start_each,
    status_payload,
    template_robot,
)
from tests.support.world import APP, PORTAL, World, returned

REVOKED, EMPTY = {"key_revoked": True}, {"wallet_empty": True}
HEALED: dict[str, Any] = {"key_revoked": False, "wallet_empty": False, "account_code": None}


def _line(world: World, line_id: int = 1) -> Line:
    with world.runtime.db.read() as session:
        return session.get_one(Line, line_id)


def _slowly(world: World) -> None:
    """One message a second, so that a queue forms."""
    with world.runtime.db.write() as session:
        session.execute(update(Line).values(pace=1.0, burst=1))


def _stop(world: World, code: str = "", **faults: Any) -> None:
    """The line is stopped by its first message."""
    world.set_gupshup_faults(**(faults or EMPTY))
    flow = world.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    assert _line(world).stopped_at is not None, ending(flow)
    assert _line(world).stop_code == (code or "1003")


def _command(world: World, *args: str) -> str:
    result = world.flask.test_cli_runner().invoke(args=["lines", *args])
    assert result.exit_code == 0, result.output
    return result.output


def _told(world: World) -> list[str]:
    return [notice.message for notice in world.portal.notices]


def _try_one(world: World, phone: str = PHONES[0], seconds: float = 2, **more: Any) -> tuple[str, str]:
    flow = world.robots_start(template_robot(phone, **more))
    world.advance_clock(seconds)
    return ending(flow)


@pytest.mark.parametrize(
    ("fault", "code", "remedy"),
    [
        (REVOKED, "gupshup_401", "Скопируйте действующий ключ"),
        (EMPTY, "1003", "Пополните"),
        ({"account_code": 131048}, "131048", "Остановите рекламу"),
    ],
    ids=["key", "wallet", "spam"],
)
def test_the_first_refusal_stops_the_line_and_the_queue_is_answered(
    shop: World, fault: dict[str, Any], code: str, remedy: str
) -> None:
    _slowly(shop)
    shop.set_gupshup_faults(**fault)
    flows = start_each(shop, *(template_robot(phone, until="delivered") for phone in PHONES[:5]))
    shop.advance_clock(0.9)
    jump_clock(shop, 10)
    assert endings(flows) == [("failed", code)] * 5
    found_out = len(send_attempts(shop))
    # The key is refused when the list of templates is asked for, before any send.
    assert found_out == (0 if fault is REVOKED else 1), "one found out for all of them"
    waiting = returned(flows[-1])
    assert "«acmeshop» остановлена" in waiting["error_text"]
    assert remedy in waiting["error_text"]
    assert (waiting["message_id"], waiting["sent_to"]) == ("", "")
    assert _try_one(shop) == ("failed", code)
    assert len(send_attempts(shop)) == found_out
    assert [message.status for message in shop.stored_rows(Message)] == (
        [] if fault is REVOKED else ["failed", *["dropped"] * 4]
    )
    (told,) = _told(shop)
    assert "+79001112233" in told
    assert remedy in told
    assert shop.portal.notices[0].user_id == 1


@ONE_DATABASE
def test_one_clients_trouble_stops_nobody_else(shop: World) -> None:
    codes = [131049, 131026, 4003, 1001, 1004]
    shop.set_gupshup_faults(destinations={phone: {"code": code} for phone, code in zip(PHONES, codes, strict=False)})
    flows = start_each(shop, *(template_robot(phone, until="delivered") for phone in PHONES[: len(codes) + 1]))
    shop.advance_clock(2)
    assert [code for _, code in endings(flows)] == [*map(str, codes), ""]
    assert ending(flows[-1]) == ("delivered", "")
    assert _told(shop) == []


def test_a_key_is_asked_for_and_the_line_goes_on_by_itself(shop: World) -> None:
    _stop(shop, "gupshup_401", **REVOKED)
    first = _line(shop).probe_at
    assert first is not None
    shop.advance_clock(70)
    assert _line(shop).stopped_at is not None
    assert _line(shop).probe_tries == 1
    shop.set_gupshup_faults(**HEALED)
    assert _try_one(shop) == ("failed", "gupshup_401"), "nobody has asked yet"
    jump_clock(shop, 120)
    shop.advance_clock(1)
    assert _line(shop).stopped_at is None
    assert _try_one(shop, until="delivered") == ("delivered", "")
    assert len(shop.sent) == 1
    assert ["снова работает" in told for told in _told(shop)] == [False, True], "each once"


def test_where_nothing_can_be_asked_one_message_tries_it(shop: World) -> None:
    _stop(shop)
    before = len(send_attempts(shop))
    jump_clock(shop, 200)
    assert _try_one(shop) == ("failed", "1003")
    assert len(send_attempts(shop)) == before, "too early for a trial"
    jump_clock(shop, 100)
    flows = start_each(shop, template_robot(PHONES[1]), template_robot(PHONES[2]))
    shop.advance_clock(2)
    assert len(send_attempts(shop)) == before + 1, "one tries it"
    assert ending(flows[1]) == ("failed", "1003")
    line = _line(shop)
    assert (line.probe_tries, line.trial_run_id) == (1, None)
    assert line.trial_at is not None
    assert 9 * 60 < (line.trial_at - shop.now).total_seconds() <= 10 * 60, "5, 10, 30, 60 minutes"
    shop.set_gupshup_faults(**HEALED)
    jump_clock(shop, 600)
    assert _try_one(shop, until="delivered") == ("delivered", "")
    assert _line(shop).stopped_at is None
    assert _try_one(shop, PHONES[3], until="delivered") == ("delivered", "")
    assert ["снова работает" in told for told in _told(shop)] == [False, True]


def test_a_paused_line_is_not_tried_until_it_goes_on(shop: World) -> None:
    _stop(shop)
    before = len(send_attempts(shop))
    lines.pause(shop.runtime, 1)
    jump_clock(shop, 400)
    assert _try_one(shop) == ("failed", "1003"), "due, but a trial would wait for the end of the pause"
    assert (_line(shop).trial_run_id, len(send_attempts(shop))) == (None, before)
    shop.set_gupshup_faults(**HEALED)
    lines.unpause(shop.runtime, 1)
    assert _try_one(shop, PHONES[1], until="delivered") == ("delivered", "")
    assert _line(shop).stopped_at is None


def test_a_trial_without_events_passes_when_no_refusal_comes(shop: World) -> None:
    _stop(shop)
    shop.set_gupshup_faults(**HEALED, drop_statuses=["enqueued", "sent", "delivered", "read"])
    jump_clock(shop, 310)
    assert _try_one(shop) == ("accepted", "")
    assert _line(shop).stopped_at is not None, "a refusal may still come"
    assert _try_one(shop, PHONES[1]) == ("failed", "1003"), "one at a time"
    shop.advance_clock(62)
    assert _line(shop).stopped_at is None


@ONE_DATABASE
@pytest.mark.parametrize("odd", ["no whatsapp", "unclear"])
def test_a_trial_that_fails_for_another_reason_decides_nothing(shop: World, odd: str) -> None:
    _stop(shop)
    shop.set_gupshup_faults(**HEALED, not_on_whatsapp=[PHONES[0]])
    if odd == "unclear":
        shop.set_gupshup_faults(next=["502"])
    jump_clock(shop, 310)
    _try_one(shop)
    shop.advance_clock(62)
    assert _line(shop).stopped_at is not None
    assert _try_one(shop, PHONES[1], until="delivered") == ("delivered", ""), "the next one is the trial"
    assert _line(shop).stopped_at is None


@ONE_DATABASE
def test_a_spam_limit_is_tried_seldom_and_less_and_less(shop: World) -> None:
    _stop(shop, "131048", account_code=131048)
    pauses = []
    for _ in range(6):
        line = _line(shop)
        assert line.trial_at is not None
        pauses.append(round((line.trial_at - shop.now).total_seconds() / 3600))
        jump_clock(shop, (line.trial_at - shop.now).total_seconds())
        _try_one(shop)
    assert pauses == [1, 2, 4, 8, 12, 12]
    assert len(_told(shop)) == 1
    assert len(shop.sent) == 7


def test_by_hand_a_line_goes_on_at_once(shop: World) -> None:
    _stop(shop)
    listed = json.loads(_command(shop, "list", "--json"))[0]
    assert listed["why"].startswith("1003 The Gupshup wallet is empty.")
    assert listed["stopped"] < listed["next_probe"]
    assert listed["told"] == ""
    shop.set_gupshup_faults(**HEALED)
    assert "stays stopped" in _command(shop, "check", "1"), "a good key does not fill a wallet"
    assert "goes on" in _command(shop, "resume", "1")
    assert _try_one(shop, until="delivered") == ("delivered", "")
    assert "was not stopped" in _command(shop, "resume", "1")
    assert json.loads(_command(shop, "list", "--json"))[0]["why"] == ""
    assert "снова работает" in _told(shop)[-1]


@ONE_DATABASE
def test_what_left_before_the_line_went_on_does_not_stop_it_again(shop: World) -> None:
    shop.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered", "failed"], **EMPTY)
    early = start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]))
    shop.advance_clock(2)
    first, second = shop.stored_rows(Message)
    post_webhook(
        shop, status_payload("failed", str(first.gupshup_id), PHONES[0], code=1003, reason="Wallet Balance Low")
    )
    shop.advance_clock(1)
    _command(shop, "resume", "1")
    shop.advance_clock(1)
    post_webhook(
        shop, status_payload("failed", str(second.gupshup_id), PHONES[1], code=1003, reason="Wallet Balance Low")
    )
    shop.advance_clock(1)
    assert [message.status for message in shop.stored_rows(Message)] == ["failed", "failed"]
    assert endings(early) == [("accepted", "")] * 2
    assert _line(shop).stopped_at is None


@ONE_DATABASE
def test_a_key_that_was_checked_or_changed_lets_the_line_go_on(shop: World) -> None:
    _stop(shop, "gupshup_401", **REVOKED)
    shop.set_gupshup_faults(**HEALED)
    assert "goes on" in _command(shop, "check", "1")
    _stop(shop, "gupshup_401", **REVOKED)
    shop.set_gupshup_faults(**HEALED)
    same = lines.NewLine(shop.gupshup_app["api_key"], "acmeshop", "79001112233")
    lines.add(shop.runtime, shop.portal.member_id, same)
    assert _line(shop).stopped_at is not None, "nothing new"
    with shop.runtime.db.write() as session:
        session.execute(update(Line).values(api_key="the-revoked-one"))
    lines.add(shop.runtime, shop.portal.member_id, same)
    assert _line(shop).stopped_at is None
    assert _try_one(shop, until="delivered") == ("delivered", "")


def test_no_other_number_steps_in_by_itself(shop: World) -> None:
    open_windows(shop, PHONES[0])
    _stop(shop)
    other = shop.connect_line("othershop", "79005556677")
    shop.set_gupshup_faults(app="othershop", **HEALED)
    assert _try_one(shop) == ("failed", "1003"), "the client's last line"
    assert _try_one(shop, PHONES[1]) == ("failed", "1003"), "the default line"
    flow = shop.robots_start(("robot.check_window", {"phone": PHONES[0]}))
    shop.advance_clock(2)
    assert returned(flow)["window_open"] == "Y", "what sends nothing works"
    assert _try_one(shop, line=str(other.id), until="delivered") == ("delivered", ""), "asked for by name"


@ONE_DATABASE
def test_without_the_permission_nobody_is_told_and_nothing_is_blocked(shop: World) -> None:
    scope = shop.portal.installation.scope
    shop.portal.installation.scope = tuple(name for name in scope if name != "im")
    _stop(shop)
    jump_clock(shop, 60)
    assert _try_one(shop) == ("failed", "1003")
    assert _told(shop) == []
    assert "insufficient_scope" in json.loads(_command(shop, "list", "--json"))[0]["told"]
    calls = shop.portal.counters.methods.get("im.notify.system.add", 0)
    jump_clock(shop, 3600)
    assert shop.portal.counters.methods.get("im.notify.system.add", 0) == calls, "final: not asked again and again"


@ONE_DATABASE
def test_a_portal_that_is_away_is_told_later(shop: World) -> None:
    away = requests.exceptions.ConnectionError(NewConnectionError(None, "refused"))
    shop.net.broken[host(PORTAL)] = lambda request: away if "im.notify" in str(request.url) else None
    _stop(shop)
    assert _told(shop) == []
    assert json.loads(_command(shop, "list", "--json"))[0]["told"] != ""
    shop.net.broken.clear()
    jump_clock(shop, 60, 1)
    assert len(_told(shop)) == 1
    assert json.loads(_command(shop, "list", "--json"))[0]["told"] == ""


@ONE_DATABASE
def test_a_late_130429_lowers_the_pace_and_a_131056_the_clients_lane(shop: World) -> None:
    shop.set_gupshup_faults(destinations={OLGA: {"code": 130429}, PHONES[0]: {"code": 131056}})
    fast, often = start_each(shop, template_robot(until="delivered"), template_robot(PHONES[0], until="delivered"))
    shop.advance_clock(2)
    assert [ending(fast), ending(often)] == [("failed", "130429"), ("failed", "131056")], "final for the run"
    shop.runtime.counters.flush(shop.runtime.redis)
    assert 'waba24_line_pace{line="1"} 5.0' in shop.app.get("/metrics").text
    assert "waba24_lines_stopped{" not in shop.app.get("/metrics").text
    shop.set_gupshup_faults(destinations={OLGA: None, PHONES[0]: None})
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]))
    shop.advance_clock(2)
    assert [message.destination for message in shop.sent[2:]] == [PHONES[1]], "this client waits, the others do not"
    shop.advance_clock(6)
    assert [message.destination for message in shop.sent[3:]] == [PHONES[0]]
    jump_clock(shop, 120)
    assert 'waba24_line_pace{line="1"} 10.0' in shop.app.get("/metrics").text
    _stop(shop)
    assert 'waba24_lines_stopped{code="1003",line="1"} 1.0' in shop.app.get("/metrics").text


@ONE_DATABASE
def test_the_stop_is_on_the_apps_page_and_gone_with_the_line(shop: World) -> None:
    _stop(shop)
    with shop.bx.lock:
        made = frames.new_frame(shop.portal, f"{APP}/bx24/app", user_id=2)
    page = shop.app.post(made.url.removeprefix(APP), data=made.form).text
    assert "остановлена" in page
    assert "На балансе Gupshup нет денег. Пополните" in page
    lines.remove(shop.runtime, 1)
    with shop.runtime.db.read() as session:
        (line,) = session.scalars(select(Line))
        assert (line.stopped_at, line.trial_at, line.stop_code) == (None, None, "")
