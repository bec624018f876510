"""What is written of a run that ends: the answer, the line for the workflow log, the columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from activities import ACTIONS
from activities.errors import Refused
from bx24.i18n import Text
from messaging.runs.outcomes import Outcome, failed, finish, internal, iso

NOW = datetime(2026, 11, 23, 9, 0, 30, 999, tzinfo=UTC)
PHONE = "79123456789"
REPLY = {"reply_type": "text", "reply_text": "Да", "reply_id": "", "reply_file": "", "reply_from": PHONE}


def message_of(status: str, **columns: Any) -> Any:
    times = dict.fromkeys(("sent_at", "delivered_at", "read_at"))
    window = {"last_inbound_at": NOW - timedelta(hours=1), "connected_at": NOW - timedelta(days=9)}
    usual = {"gupshup_id": "gs-1", "client": SimpleNamespace(phone=PHONE), **times, **window}
    return SimpleNamespace(status=status, **{**usual, **columns})


def run_of(action: str = "send_text", message: Any = None, **columns: Any) -> Any:
    usual = {"language": "en", "waits": True, "note": "", "action": action, "message": message, "awaited": None}
    return SimpleNamespace(**{**usual, **columns})


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_result_of_an_action_is_answered(action: str) -> None:
    answer = finish(run_of(action), failed(Refused("no_phone", Text("why", "почему"))), NOW)["answer"]
    assert set(answer) == set(ACTIONS[action].results)
    assert {name: value for name, value in answer.items() if value} == {
        "status": "failed",
        "error_code": "no_phone",
        "error_text": "why",
    }


@pytest.mark.parametrize(
    ("message", "results"),
    [
        (None, {}),
        (message_of("accepted"), {"message_id": "gs-1", "sent_to": PHONE}),
        (message_of("read", read_at=NOW), {"message_id": "gs-1", "sent_to": PHONE, "read_at": iso(NOW)}),
        (message_of("dropped", gupshup_id=None), {}),
    ],
)
def test_the_answer_says_what_became_of_the_message(message: Any, results: dict[str, str]) -> None:
    outcome = Outcome("failed", "internal", Text("why", "почему"))
    answer = finish(run_of(message=message), outcome, NOW)["answer"]
    about = ("message_id", "sent_to", "sent_at", "delivered_at", "read_at")
    assert {name: answer[name] for name in about} == dict.fromkeys(about, "") | results


@pytest.mark.parametrize(
    ("last_inbound_at", "connected_at", "until"),
    [
        (NOW - timedelta(hours=1), NOW - timedelta(days=9), "2026-11-24T07:59:30+00:00"),
        (NOW - timedelta(hours=24), NOW - timedelta(days=9), ""),
        (NOW - timedelta(hours=2), NOW - timedelta(hours=1), ""),
        (None, NOW - timedelta(days=9), ""),
    ],
    ids=["open", "closed", "written before the line was connected", "never written"],
)
def test_the_answer_says_until_when_the_window_is_open(last_inbound_at: Any, connected_at: Any, until: str) -> None:
    window = {"last_inbound_at": last_inbound_at, "connected_at": connected_at}
    awaited = message_of("delivered", **window)
    for run in (run_of(message=awaited), run_of("wait_delivery", awaited=awaited)):
        assert finish(run, Outcome("delivered"), NOW)["answer"]["window_until"] == until


@pytest.mark.parametrize(
    ("run", "outcome", "line"),
    [
        (run_of(message=message_of("read")), Outcome("read"), f"WhatsApp → +{PHONE}: the message was read"),
        (run_of(), failed(Refused("no_phone", Text("no phone", "нет телефона"))), "WhatsApp: no phone"),
        (
            run_of(language="ru"),
            failed(Refused("no_phone", Text("no phone", "нет телефона"))),
            "WhatsApp: нет телефона",
        ),
        (run_of(note="2 files"), Outcome("sent"), "WhatsApp: the message was sent. 2 files"),
        (run_of(), Outcome("replied", values=REPLY), "WhatsApp: the client replied: «Да»"),
        (
            run_of("check_window"),
            Outcome("ok", values={"window_open": "Y", "minutes_left": 7}),
            "WhatsApp: the 24-hour window is open, 7 min left",
        ),
        (
            run_of("check_window"),
            Outcome("ok", values={"window_open": "N", "minutes_left": 0}),
            "WhatsApp: the 24-hour window is closed",
        ),
    ],
)
def test_the_workflow_log_says_what_happened(run: Any, outcome: Outcome, line: str) -> None:
    assert finish(run, outcome, NOW)["log_line"] == line


def test_a_long_reply_is_cut_in_the_workflow_log() -> None:
    columns = finish(run_of(), Outcome("replied", values={**REPLY, "reply_text": "а" * 500}), NOW)
    assert columns["log_line"].count("а") == 200
    assert columns["answer"]["reply_text"] == "а" * 500


@pytest.mark.parametrize("waits", [True, False])
def test_an_answer_is_due_only_if_the_workflow_waits(waits: bool) -> None:
    columns = finish(run_of(waits=waits), internal("abc123"), NOW)
    assert columns["answer_at"] == (NOW if waits else None)
    assert (columns["state"], columns["outcome"], columns["error_code"]) == ("ended", "failed", "internal")
    assert (columns["ended_at"], columns["auth"]) == (NOW, None)
    assert "abc123" in columns["answer"]["error_text"]


@pytest.mark.parametrize(("moment", "text"), [(None, ""), (NOW, "2026-11-23T09:00:30+00:00")])
def test_a_moment_is_answered_in_whole_seconds(moment: datetime | None, text: str) -> None:
    assert iso(moment) == text
