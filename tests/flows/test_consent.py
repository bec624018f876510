"""Consent and caps: who is written to no more, from when on, and what still goes (contract sections 9 and 14)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy import text as sql

from messaging.lines import lines
from messaging.policy import consent, phone_lists
from messaging.policy.consent import Cause, Changed
from messaging.stages import status_changes
from messaging.store.models import Line, Message, Portal, Run
from messaging.store.opt_outs import OptOut, Source
from messaging.store.states import Origin, PortalStatus
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    add_template,
    ending,
    endings,
    gupshup_control,
    jump_clock,
    open_windows,
    post_webhook,
    send_attempts,
    start_each,
    template_robot,
    text_payload,
    text_robot,
)
from tests.support.world import World, returned
from tests.web.inside import Frame

HELD = ("failed", "opted_out")
CAPPED = ("failed", "marketing_cap")
SENT = ("accepted", "")


@pytest.fixture
def shop(shop: World) -> World:
    for name, category in (("sale", "MARKETING"), ("code", "AUTHENTICATION")):
        add_template(shop, name, category)
    return shop


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Changed]:
    """What observers are told."""
    told: list[Changed] = []
    monkeypatch.setattr(consent, "OBSERVERS", (lambda _session, _runtime, change: told.append(change),))
    return told


def sale_robot(phone: str = OLGA, **more: Any) -> tuple[str, dict[str, Any]]:
    return template_robot(phone, template="sale", **more)


def action_robot(phone: str = OLGA, **more: Any) -> tuple[str, dict[str, Any]]:
    return "robot.opt_out", {"phone": phone, **more}


def run_each(world: World, *robots: tuple[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Start a workflow for each robot; how they ended."""
    flows = start_each(world, *robots)
    jump_clock(world, 2, 2, 2, 2)
    return endings(flows)


def says(world: World, text: str, phone: str = OLGA, **more: Any) -> None:
    world.client_replies(phone, text, **more)
    jump_clock(world, 1)


def entries(world: World) -> list[OptOut]:
    with world.runtime.db.read() as session:
        return list(session.scalars(select(OptOut).order_by(OptOut.id)))


def set_policy(world: World, **values: Any) -> None:
    with world.runtime.db.write() as session:
        session.execute(update(Portal).values(policy=values))


def test_after_stop_only_service_templates_go_until_the_client_starts_again(shop: World, heard: list[Changed]) -> None:
    says(shop, " Стоп! 🙏")
    robots = (sale_robot(), text_robot(), template_robot(), template_robot(template="code"), sale_robot(PHONES[0]))
    assert run_each(shop, *robots) == [HELD, HELD, SENT, SENT, SENT]
    set_policy(shop, stops_utility=True)
    assert run_each(shop, template_robot(), template_robot(template="code")) == [HELD, HELD]
    says(shop, "СТАРТ")
    assert run_each(shop, sale_robot(), text_robot(), template_robot()) == [SENT, SENT, SENT]
    assert [(one.opted_out, one.cause.source, one.cause.why) for one in heard] == [
        (True, "word", "Стоп! 🙏"),
        (False, "word", "СТАРТ"),
    ]
    assert entries(shop) == []


def test_a_refusal_says_since_when_why_and_what_to_do(shop: World) -> None:
    says(shop, "Отписаться")
    flow = shop.robots_start(sale_robot())
    jump_clock(shop, 2)
    error = returned(flow)["error_text"]
    assert error.startswith(
        "Ничего не отправлено: клиент отказался от сообщений 23.11.2026 (клиент написал «Отписаться»)"
    )
    assert "«start»" in error
    assert "на странице приложения «Отказы»" in error
    assert returned(flow)["sent_to"] == ""


@ONE_DATABASE
@pytest.mark.parametrize(
    "text",
    [
        "стоп, машина не приедет",
        "не стоп",
        "отмена",
        "cancel",
        "end",
        "нет",
        "stop " * 30,
        "🙏",
    ],
)
def test_what_stops_nothing(shop: World, text: str) -> None:
    says(shop, text)
    assert entries(shop) == []


@ONE_DATABASE
def test_yes_starts_nothing(shop: World) -> None:
    says(shop, "stop")
    for text in ("да", "yes", "Ок"):
        says(shop, text)
    assert len(entries(shop)) == 1


@ONE_DATABASE
def test_an_opt_out_weighs_more_than_a_closed_window(shop: World) -> None:
    assert run_each(shop, text_robot()) == [("failed", "window_closed")]
    assert run_each(shop, action_robot()) == [("ok", "")]
    assert run_each(shop, text_robot(), text_robot(PHONES[0])) == [HELD, ("failed", "window_closed")]


@ONE_DATABASE
def test_a_button_stops_by_its_id_or_its_title(shop: World) -> None:
    set_policy(shop, stop_words=["no_ads", "Остановить рекламу"], start_words=["start"])
    open_windows(shop, OLGA, PHONES[0])
    buttons = {"text": "Писать вам?", "buttons": ["Да|yes", "Больше не надо|no_ads", "Остановить рекламу|2"]}
    shop.robots_start(("robot.send_buttons", {**buttons, "phone": OLGA}))
    shop.robots_start(("robot.send_buttons", {**buttons, "phone": PHONES[0]}))
    jump_clock(shop, 2)
    says(shop, "", type="button", title="Больше не надо", context_gs_id=shop.sent[0].id)
    says(shop, "", PHONES[0], type="button", title="Остановить рекламу", context_gs_id=shop.sent[1].id)
    assert [(entry.source, entry.why) for entry in entries(shop)] == [
        ("button", "no_ads"),
        ("button", "Остановить рекламу"),
    ]


def test_a_stop_word_overtakes_a_message_that_waits(shop: World) -> None:
    """Planned, but its turn has not come: it ends with its run and never leaves."""
    open_windows(shop)
    lines.pause(shop.runtime, shop.line.id)
    flows = start_each(shop, text_robot(until="read"), sale_robot(), template_robot())
    jump_clock(shop, 2)
    assert endings(flows) == [("", "")] * 3
    says(shop, "stop")
    lines.unpause(shop.runtime, shop.line.id)
    jump_clock(shop, 2, 2)
    assert endings(flows) == [HELD, HELD, SENT]
    assert len(shop.sent) == 1
    assert [(row.status, row.error_code) for row in shop.stored_rows(Message)][:2] == [("dropped", "opted_out")] * 2


def test_a_message_without_a_run_ends_too_and_its_listener_is_told(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    listen = {Origin.CAMPAIGN: lambda _changes, _runtime, message: told.append((message.status, message.error_code))}
    monkeypatch.setattr(status_changes, "LISTENERS", {**status_changes.LISTENERS, **listen})
    assert run_each(shop, sale_robot()) == [SENT]
    says(shop, "stop")
    kept = {"origin_id": 7, "run_id": None, "status": "queued", "send_at": shop.now, "gupshup_id": None, "priority": 1}
    with shop.runtime.db.write() as session:
        row = session.scalars(select(Message)).one()
        columns = {
            column.name: getattr(row, column.name) for column in Message.__table__.columns if column.name != "id"
        }
        columns |= {**kept, "origin": Origin.CAMPAIGN, "whatsapp_id": None, "attempts": 0}
        session.execute(insert(Message), [columns, {**columns, "origin_id": 8, "category": "UTILITY"}])
    jump_clock(shop, 2, 2)
    assert told[0] == ("failed", "opted_out")
    assert {status for status, _ in told[1:]} == {"accepted", "sent", "delivered"}
    assert len(shop.sent) == 2


def test_twenty_repeats_in_any_order_and_a_killed_worker_change_nothing(shop: World, heard: list[Changed]) -> None:
    words = [
        text_payload(OLGA, "стоп", id="in.1"),
        text_payload(OLGA, "старт", id="in.2"),
        text_payload(OLGA, "стоп", id="in.3"),
    ]
    for number in range(20):
        for late, payload in enumerate(words[::-1] if number % 2 else words):
            at = shop.now + timedelta(seconds=words.index(payload))
            post_webhook(shop, payload, kind="message", timestamp=int(at.timestamp() * 1000))
            if late == number % 3:
                shop.replace_worker()
        jump_clock(shop, 40)
    assert [entry.why for entry in entries(shop)] == ["стоп"]
    assert [one.opted_out for one in heard] == [True, False, True]
    assert run_each(shop, sale_robot()) == [HELD]


def test_what_no_key_opens_neither_lifts_an_opt_out_nor_stands_in_the_way(shop: World) -> None:
    """Of one client the entry cannot be read, of the other an old reply."""
    says(shop, "здравствуйте", PHONES[0])
    says(shop, "стоп")
    with shop.runtime.db.write() as session:
        session.execute(sql("UPDATE opt_out SET why = 'gAAAAABbroken', phone = 'gAAAAABbroken'"))
        session.execute(sql("UPDATE reply SET content = 'gAAAAABbroken'"))
    says(shop, "стоп", PHONES[0])
    assert run_each(shop, sale_robot(), sale_robot(PHONES[0]), template_robot()) == [HELD, HELD, SENT]
    says(shop, "старт")
    assert run_each(shop, sale_robot()) == [SENT]


@ONE_DATABASE
def test_a_late_stop_does_not_undo_a_later_start(shop: World) -> None:
    for text, seconds in (("старт", 5), ("стоп", 0)):
        at = int((shop.now + timedelta(seconds=seconds)).timestamp() * 1000)
        post_webhook(shop, text_payload(OLGA, text), kind="message", timestamp=at)
        jump_clock(shop, 1)
    assert entries(shop) == []


def hears(world: World, words: str, seconds: float, line: Any = None) -> None:
    """A client's words that he wrote so many seconds after the test's first moment."""
    at = int((world.now.replace(minute=0, second=0, microsecond=0) + timedelta(seconds=seconds)).timestamp() * 1000)
    post_webhook(world, text_payload(OLGA, words, id=f"in.{seconds}"), kind="message", timestamp=at, line=line)
    jump_clock(world, 1)


@ONE_DATABASE
@pytest.mark.parametrize("again", ["on another line", "by an administrator"])
def test_a_late_start_does_not_lift_a_later_stop(shop: World, again: str) -> None:
    shop.now = shop.now.replace(minute=10)
    hears(shop, "стоп", 0)
    first = shop.line
    if again == "on another line":
        shop.connect_line("second", "79001112244")
        hears(shop, "стоп", 100)
    else:
        Frame(shop).change("opt-outs/add", phone=OLGA)
    hears(shop, "старт", 50, first)
    assert len(entries(shop)) == 1
    hears(shop, "старт", 700, first)
    assert entries(shop) == []


def test_what_the_client_stops_in_whatsapp_holds_for_that_line_and_only_the_client_lifts_it(
    shop: World, heard: list[Changed]
) -> None:
    shop.set_gupshup_faults(destinations={OLGA: {"code": 131050}}, duplicate=True)
    run_each(shop, sale_robot())
    shop.set_gupshup_faults(destinations={OLGA: None}, duplicate=False)
    first = shop.line.id
    shop.connect_line("second", "79001112244")
    add_template(shop, "sale", "MARKETING")
    open_windows(shop)
    says(shop, "старт")
    robots = [sale_robot(line=str(first)), template_robot(line=str(first)), sale_robot(line=str(shop.line.id))]
    assert run_each(shop, *robots, action_robot(mode="allow", line=str(first))) == [HELD, SENT, SENT, ("ok", "")]
    assert [(entry.line_id, entry.source) for entry in entries(shop)] == [(first, "provider")]
    with shop.runtime.db.read() as session:
        line = session.get_one(Line, first)
    post_webhook(
        shop, {"phone": OLGA, "preference": "resume", "category": "marketing"}, kind="preference-event", line=line
    )
    jump_clock(shop, 1)
    assert run_each(shop, robots[0]) == [SENT]
    assert [(one.opted_out, one.line_id) for one in heard] == [(True, first), (False, first)]


@ONE_DATABASE
def test_a_session_message_answers_a_client_who_only_stopped_marketing(shop: World) -> None:
    open_windows(shop)
    gupshup_control(shop, "preference", {"app": "acmeshop", "phone": OLGA, "preference": "stop"})
    jump_clock(shop, 1)
    assert run_each(shop, text_robot(), sale_robot()) == [SENT, HELD]


def test_the_action_stops_and_allows_and_says_what_holds(shop: World, heard: list[Changed]) -> None:
    for robots, answers in (
        ([action_robot()], ["Y"]),
        ([action_robot(mode="stop"), action_robot(mode="stop")], ["Y", "Y"]),
        ([action_robot(mode="allow")], ["N"]),
        ([action_robot(mode="allow")], ["N"]),
    ):
        flows = start_each(shop, *robots)
        jump_clock(shop, 2)
        assert [returned(flow) for flow in flows] == [
            {"status": "ok", "error_code": "", "error_text": "", "opted_out": answer} for answer in answers
        ]
    assert [(one.opted_out, one.cause.source) for one in heard] == [(True, "action"), (False, "action")]
    assert send_attempts(shop) == []
    assert ending(shop.robot_runs("robot.opt_out", phone="12"))[0] == "failed"


def test_the_action_says_what_only_the_client_can_allow(shop: World) -> None:
    gupshup_control(shop, "preference", {"app": "acmeshop", "phone": OLGA, "preference": "stop"})
    jump_clock(shop, 1)
    flow = shop.robots_start(action_robot(mode="allow"))
    jump_clock(shop, 2)
    assert returned(flow)["opted_out"] == "Y"
    assert "писать клиенту можно, но не рекламу с этой линии" in shop.stored_rows(Run)[0].log_line


def test_the_action_needs_no_line(shop: World) -> None:
    lines.remove(shop.runtime, shop.line.id)
    assert run_each(shop, action_robot(), text_robot()) == [("ok", ""), ("failed", "line_not_connected")]
    assert [entry.phone for entry in entries(shop)] == [OLGA]
    assert run_each(shop, action_robot(mode="allow")) == [("ok", "")]
    assert entries(shop) == []


def test_what_a_robot_allows_holds_for_those_behind_it_and_what_it_stops_for_all_that_have_not_sent(
    shop: World,
) -> None:
    says(shop, "стоп")
    robots = (action_robot(mode="allow"), text_robot(), sale_robot())
    assert run_each(shop, *robots) == [("ok", ""), SENT, SENT]
    assert run_each(shop, text_robot(), action_robot(), text_robot()) == [HELD, ("ok", ""), HELD]
    assert run_each(shop, text_robot(), action_robot(mode="allow"), action_robot(), text_robot())[3] == HELD


@ONE_DATABASE
def test_a_file_is_not_loaded_into_a_portal_that_has_gone(shop: World) -> None:
    with shop.runtime.db.write() as session:
        session.execute(update(Portal).values(status=PortalStatus.INACTIVE))
    cause = Cause(Source.IMPORT, shop.now, why="phones.csv")
    assert phone_lists.put_on_list(shop.runtime, 1, [OLGA, *PHONES], cause) == 0
    assert entries(shop) == []


def test_two_spellings_are_one_client(shop: World) -> None:
    today, before = "5215512345678", "525512345678"
    says(shop, "stop", before)
    assert run_each(shop, sale_robot(f"+{today}"), sale_robot(f"+{before}")) == [HELD, HELD]
    assert run_each(shop, action_robot(f"+{today}", mode="allow")) == [("ok", "")]
    assert entries(shop) == []


# --- caps ---------------------------------------------------------------------------------------------------------------------


def test_at_most_two_marketing_templates_in_a_row(shop: World) -> None:
    assert run_each(shop, *[sale_robot()] * 4, sale_robot(PHONES[0])) == [SENT, SENT, CAPPED, CAPPED, SENT]
    assert run_each(shop, sale_robot(), template_robot()) == [CAPPED, SENT]
    open_windows(shop)
    assert run_each(shop, sale_robot()) == [SENT]
    set_policy(shop, cap_in_a_row=0)
    assert run_each(shop, *[sale_robot()] * 3) == [SENT] * 3


def test_the_cap_counts_over_all_lines_and_a_word_on_any_of_them_resets_it(shop: World) -> None:
    first = str(shop.line.id)
    assert run_each(shop, *[sale_robot(line=first)] * 2) == [SENT, SENT]
    shop.connect_line("second", "79001112244")
    add_template(shop, "sale", "MARKETING")
    second = str(shop.line.id)
    assert run_each(shop, sale_robot(line=second)) == [CAPPED]
    open_windows(shop)
    assert run_each(shop, sale_robot(line=first), sale_robot(line=second), sale_robot(line=first)) == [
        SENT,
        SENT,
        CAPPED,
    ]


def test_after_131049_the_client_gets_no_marketing_for_a_day(shop: World) -> None:
    shop.set_gupshup_faults(destinations={OLGA: {"code": 131049}})
    run_each(shop, sale_robot())
    shop.set_gupshup_faults(destinations={OLGA: None})
    assert run_each(shop, sale_robot(), template_robot()) == [CAPPED, SENT]
    open_windows(shop)
    assert run_each(shop, sale_robot()) == [CAPPED]
    shop.now += timedelta(hours=24)
    assert run_each(shop, sale_robot()) == [SENT]
