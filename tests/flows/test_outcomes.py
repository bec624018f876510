"""When a workflow goes on, and with which values (contract, sections 4 and 8: results, time and outcome)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging.lines import lines
from messaging.lines.lines import portal_by_member
from messaging.runs.outcomes import iso
from messaging.stages.inbound.stage import Inbound
from messaging.store.models import InboundEvent, Message
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    RESULTS,
    after_each_send,
    ending,
    endings,
    gupshup_control,
    jump_clock,
    open_windows,
    post_webhook,
    send_attempts,
    start_each,
    status_payload,
    template_robot,
)
from tests.support.world import START, World, returned

ALL = ("accepted", "sent", "delivered", "read", "replied")


def _times(message: Any) -> dict[str, str]:
    """The provider's own times of what happened to a message, to the second, as its webhooks tell them."""
    return {f"{step.status}_at": iso(step.at.replace(microsecond=0)) for step in message.statuses}


def test_each_run_goes_on_at_its_own_status_and_not_before(shop: World) -> None:
    shop.set_gupshup_faults(delays_ms={"enqueued": 100, "sent": 2000, "delivered": 4000})
    flows = start_each(shop, *(template_robot(phone, until) for phone, until in zip(PHONES, ALL, strict=False)))
    seen = []
    for act in (
        lambda: shop.advance_clock(1.5),
        lambda: shop.advance_clock(2),
        lambda: shop.advance_clock(2),
        lambda: (gupshup_control(shop, "read", {"app": "acmeshop", "phone": PHONES[3]}), shop.advance_clock(1)),
        lambda: (shop.client_replies(PHONES[4], "Да, жду"), shop.advance_clock(1)),
    ):
        act()
        seen.append([status for status, _ in endings(flows)])
    assert seen == [list(ALL[: done + 1]) + [""] * (4 - done) for done in range(5)]
    assert [flow.state for flow in flows] == ["completed"] * 5


@ONE_DATABASE
def test_what_is_returned_are_all_results_with_the_providers_times(shop: World) -> None:
    flows = start_each(shop, *(template_robot(phone, until) for phone, until in zip(PHONES, ALL, strict=False)))
    shop.advance_clock(2)
    gupshup_control(shop, "read", {"app": "acmeshop", "phone": PHONES[3]})
    shop.client_replies(PHONES[4], "Да, жду")
    shop.advance_clock(2)
    for flow, message, until in zip(flows, shop.sent, ALL, strict=True):
        values = returned(flow)
        assert set(values) == RESULTS
        assert (values["status"], values["message_id"], values["sent_to"]) == (until, message.id, message.destination)
        assert (values["error_code"], values["error_text"]) == ("", "")
        happened = {"accepted": 0, "sent": 1, "delivered": 2, "read": 3, "replied": 2}[until]
        for name in ("sent_at", "delivered_at", "read_at")[:happened]:
            assert values[name] == _times(message)[name]
            assert datetime.fromisoformat(values[name]).utcoffset() == timedelta(0)
        assert [values[name] for name in ("sent_at", "delivered_at", "read_at")[happened:]] == [""] * (3 - happened)
    reply = {name: value for name, value in returned(flows[4]).items() if name.startswith("reply_")}
    assert reply == {
        "reply_type": "text",
        "reply_text": "Да, жду",
        "reply_id": "",
        "reply_file": "",
        "reply_from": PHONES[4],
    }


def test_order_repetition_and_gaps_of_webhooks_do_not_matter(shop: World) -> None:
    shop.set_gupshup_faults(order="reversed", duplicate=True, auto_read_ms=100)
    read = shop.robots_start(template_robot(PHONES[0], "read"))
    shop.advance_clock(4)
    shop.set_gupshup_faults(order="normal", drop_statuses=["enqueued", "sent"], auto_read_ms=None)
    skipped = shop.robots_start(template_robot(PHONES[1], "sent"))
    shop.advance_clock(4)
    assert endings([read, skipped]) == [("read", ""), ("delivered", "")], "a status above the wanted one satisfies it"
    first = shop.stored_rows(Message)[0]
    assert first.status == "read"
    assert [first.sent_at, first.delivered_at, first.read_at] == sorted(
        [first.sent_at, first.delivered_at, first.read_at]
    )
    assert [len(flow.answers) for flow in (read, skipped)] == [1, 1]


def test_a_status_never_goes_backwards(shop: World) -> None:
    shop.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered", "read"])
    flow = shop.robots_start(template_robot(until="replied"))
    shop.advance_clock(1)
    gs_id = shop.sent[0].id
    for kind, at, shown in (
        ("read", 50, "read"),
        ("delivered", 40, "read"),
        ("sent", 30, "read"),
        ("failed", 60, "read"),
        ("read", 55, "read"),
    ):
        post_webhook(shop, status_payload(kind, gs_id, at=START + timedelta(seconds=at), code=131026, reason="late"))
        shop.do_due_work()
        assert shop.stored_rows(Message)[0].status == shown, kind
    message = shop.stored_rows(Message)[0]
    assert message.read_at == START + timedelta(seconds=50), "the first telling counts"
    assert message.delivered_at == START + timedelta(seconds=40)
    assert message.failed_at is not None, "recorded, although it changes nothing"
    assert ending(flow) == ("", ""), "a failure after read does not end the run"
    shop.client_replies(OLGA, "Прочитала")
    shop.advance_clock(1)
    assert returned(flow)["status"] == "replied"
    assert returned(flow)["error_code"] == ""


@ONE_DATABASE
@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_failure_ends_the_run_with_the_providers_number_and_words(shop: World, language: str) -> None:
    with shop.runtime.db.write() as session:
        portal_by_member(session, shop.portal.member_id).language = language
    codes = {PHONES[0]: 1002, PHONES[1]: 131049, PHONES[2]: 999999}
    faults: dict[str, dict[str, Any]] = {phone: {"code": code} for phone, code in codes.items()}
    faults[PHONES[1]]["after"] = "sent"
    shop.set_gupshup_faults(destinations=faults)
    flows = start_each(shop, *(template_robot(phone, "read") for phone in codes))
    shop.advance_clock(2)
    assert endings(flows) == [("failed", str(code)) for code in codes.values()]
    for flow, phone in zip(flows, codes, strict=True):
        values = returned(flow)
        assert values["message_id"], "it was accepted before it failed"
        assert values["sent_to"] == phone
        cyrillic = any("а" <= letter <= "я" for letter in values["error_text"])
        assert values["error_text"]
        assert cyrillic is (language == "ru"), values["error_text"]
        notes = [line.text for line in flow.log if line.kind == "note"]
        assert len(notes) == 1
        assert values["error_text"] in notes[0]
    assert returned(flows[1])["sent_at"], "what happened before the failure is told"
    assert "999999" in returned(flows[2])["error_text"], "an unknown number is shown"


def test_a_wait_that_is_over_is_a_timeout_that_says_what_was_reached(shop: World) -> None:
    flows = start_each(
        shop,
        template_robot(PHONES[0], "read", wait_minutes="1"),
        template_robot(PHONES[1], "replied", wait_minutes="2"),
    )
    shop.advance_clock(5)
    jump_clock(shop, 50)
    assert endings(flows) == [("", ""), ("", "")]
    shop.advance_clock(10)
    assert endings(flows) == [("timeout", ""), ("", "")]
    jump_clock(shop, 60)
    assert endings(flows) == [("timeout", ""), ("timeout", "")]
    values = returned(flows[0])
    assert values["message_id"] == shop.sent[0].id
    assert values["sent_to"] == PHONES[0]
    assert values["delivered_at"]
    assert values["read_at"] == ""
    assert "1 мин" in values["error_text"]
    shop.client_replies(PHONES[1], "Поздно")
    shop.advance_clock(2)
    assert returned(flows[1])["reply_text"] == "", "what comes later changes no answer"


def test_a_message_not_handed_over_in_time_is_dropped_for_good(shop: World) -> None:
    shop.set_gupshup_faults(next=[{"answer": "429", "times": 7}])
    flow = shop.robots_start(template_robot(until="accepted", wait_minutes="1"))
    shop.advance_clock(62)
    values = returned(flow)
    assert (values["status"], values["error_code"]) == ("timeout", "")
    assert [values[name] for name in ("message_id", "sent_to", "sent_at")] == ["", "", ""]
    assert "не будет" in values["error_text"]
    before = len(send_attempts(shop))
    assert before < 7, "the prepared refusals are not used up, so the next try would have been a chance"
    shop.set_gupshup_faults(next=[])
    jump_clock(shop, 60, 60)
    assert shop.sent == []
    assert len(send_attempts(shop)) == before


UNCLEAR = [
    "drop_after_accept",
    "500_after_accept",
    "502_after_accept",
    "503_after_accept",
    "504_after_accept",
    "no_message_id",
]


def test_an_unclear_send_is_cleared_up_by_its_webhooks_and_never_sent_twice(shop: World) -> None:
    shop.set_gupshup_faults(next=UNCLEAR)
    flows = start_each(shop, *(template_robot(phone, "delivered") for phone in PHONES[: len(UNCLEAR)]))
    shop.advance_clock(3)
    assert endings(flows) == [("delivered", "")] * len(UNCLEAR)
    assert [message.destination for message in shop.sent] == PHONES[: len(UNCLEAR)]
    assert [returned(flow)["message_id"] for flow in flows] == [message.id for message in shop.sent]
    assert len(send_attempts(shop)) == len(UNCLEAR)


def test_an_unclear_send_that_stays_unclear_is_told_so_and_never_repeated(shop: World) -> None:
    shop.set_gupshup_faults(
        next=["drop_after_accept", "500", "html_502"], drop_statuses=["enqueued", "sent", "delivered"]
    )
    flows = start_each(
        shop, template_robot(PHONES[0]), template_robot(PHONES[1], "read"), template_robot(PHONES[2], wait_minutes="5")
    )
    jump_clock(shop, 5, 285)
    assert endings(flows) == [("", "")] * 3
    jump_clock(shop, 20)
    assert endings(flows) == [("", ""), ("", ""), ("unknown", "")], "the end of the wait comes first"
    jump_clock(shop, 280)
    assert endings(flows)[0] == ("", "")
    jump_clock(shop, 20)
    assert endings(flows) == [("unknown", "")] * 3, "UNKNOWN_AFTER_S"
    assert len(send_attempts(shop)) == 3
    values = returned(flows[0])
    assert (values["message_id"], values["sent_to"]) == ("", PHONES[0])
    assert "Неизвестно" in values["error_text"]
    post_webhook(shop, status_payload("delivered", shop.sent[0].id, PHONES[0], shop.now))
    jump_clock(shop, 70)
    assert shop.stored_rows(Message)[0].status == "delivered", "the message's story goes on"
    assert {answer.values["status"] for answer in flows[0].answers} == {"unknown"}, "the answer does not change"


def test_two_unclear_sends_to_one_client_are_not_guessed_at(shop: World) -> None:
    # the client's rate keeps them a second apart; what Gupshup tells of the first comes after the second has left.
    shop.set_gupshup_faults(next=["drop_after_accept", "drop_after_accept"], webhook_delay_ms=2000)
    flows = start_each(shop, template_robot(until="delivered"), template_robot(until="delivered"))
    shop.advance_clock(4)
    assert len(shop.sent) == 2
    assert endings(flows) == [("", ""), ("", "")], "both are open: no event tells which of them it means"
    jump_clock(shop, 60, 300, 300, 60)
    assert endings(flows) == [("unknown", ""), ("unknown", "")]
    assert {event.state for event in shop.stored_rows(InboundEvent)} == {"odd"}
    assert len(shop.sent) == 2


def test_a_foreign_message_stays_odd_and_moves_nothing(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="read"))
    shop.advance_clock(2)
    assert post_webhook(shop, status_payload("read", "sent-from-the-console", at=shop.now)).status_code == 200
    jump_clock(shop, 300)
    assert [event.state for event in shop.stored_rows(InboundEvent)][-1] == "stored", "it may still turn out to be ours"
    jump_clock(shop, 150, 150, 100)
    assert [event.state for event in shop.stored_rows(InboundEvent)][-1] == "odd"
    assert ending(flow) == ("", "")
    assert len(shop.stored_rows(Message)) == 1


def test_events_that_overtake_our_own_record_wait_for_it(shop: World) -> None:
    def overtake() -> None:
        shop.now += timedelta(seconds=1)
        shop.gs.deliver_due()
        _apply_now(shop)

    with after_each_send(shop, overtake):
        flow = shop.robots_start(template_robot(until="delivered"))
        shop.advance_clock(0.5)
    assert ending(flow) == ("delivered", ""), "at once, not when the parked events are looked at again"
    assert {event.state for event in shop.stored_rows(InboundEvent)} == {"done"}


def _apply_now(world: World) -> None:
    """Another process applies what has been stored."""
    with world.runtime.db.write() as session:
        Inbound(world.runtime, "another process").claim(session, dict.fromkeys(range(64), 0), 1)


def test_an_unclear_send_does_not_take_the_events_of_a_message_that_is_just_being_sent(shop: World) -> None:
    shop.set_gupshup_faults(next=["drop_after_accept"], drop_statuses=["enqueued", "sent", "delivered"])
    unclear = shop.robots_start(template_robot(until="delivered"))
    shop.advance_clock(2)
    shop.set_gupshup_faults(drop_statuses=[])

    def overtake() -> None:
        shop.now += timedelta(seconds=1)
        shop.gs.deliver_due()
        _apply_now(shop)

    with after_each_send(shop, overtake):
        clear = shop.robots_start(template_robot(until="delivered"))
        shop.advance_clock(2)
    assert len(shop.sent) == 2
    assert [message.gupshup_id for message in shop.stored_rows(Message)] == [None, shop.sent[1].id]
    assert endings([unclear, clear]) == [("", ""), ("delivered", "")]


@ONE_DATABASE
def test_a_refusal_at_once_is_final(shop: World) -> None:
    open_windows(shop)
    flows = []
    for code, phone in zip(("400", "401", "403", "413"), PHONES, strict=False):
        shop.set_gupshup_faults(next=[code])
        flows.append(shop.robots_start(template_robot(phone)))
        jump_clock(shop, 1)
        lines.resume(shop.runtime, shop.line.id)  # 401 and 403 stop the line: tests/flows/test_circuit.py
    jump_clock(shop, 60, 60)
    assert endings(flows) == [("failed", f"gupshup_{code}") for code in (400, 401, 403, 413)]
    assert len(send_attempts(shop)) == 4
    assert shop.sent == []
    assert all(returned(flow)["message_id"] == "" for flow in flows)
    assert all(returned(flow)["error_text"] for flow in flows)
