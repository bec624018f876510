"""The doctor's trial run: it tells how far a run came, and sends nothing to a client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from messaging.doctor import texts, trial
from messaging.doctor.finding import State
from tests.flows.scenes import OLGA, ONE_DATABASE, set_portal_faults
from tests.messaging.clinic import CHECK_WINDOW, Clinic

TRIALS: list[tuple[str, str, str, Any]] = [
    ("not_asked", "unchecked", "", None),
    ("not_started", "failed", "DEAL_1", lambda clinic: 999),
    ("not_started", "failed", "LEAD_1", lambda clinic: clinic.template(CHECK_WINDOW)),
    (
        "not_called",
        "failed",
        "DEAL_1",
        lambda clinic: clinic.template({"code": "activity.send_text", "values": {"text": "a"}}),
    ),
    ("not_seen", "failed", "DEAL_2", lambda clinic: None),
    (
        "ended_failed",
        "warning",
        "deal 1",
        lambda clinic: clinic.template({**CHECK_WINDOW, "values": {"phone": "none"}}),
    ),
    ("", "ok", "DEAL_1", lambda clinic: clinic.template(CHECK_WINDOW)),
]


@ONE_DATABASE
@pytest.mark.parametrize(("code", "state", "item", "template"), TRIALS, ids=[one[0] or "ok" for one in TRIALS])
def test_a_trial_run_tells_how_far_it_came(clinic: Clinic, code: str, state: str, item: str, template: Any) -> None:
    found = clinic.trial(item, template(clinic))[0] if item else clinic.awaited(trial.result)
    assert (found.code, str(found.state)) == (code, state), found
    assert clinic.shop.sent == [], "nothing is sent to a client"
    assert texts.words(found).seen.ru


@ONE_DATABASE
def test_a_robot_started_by_hand_is_seen(clinic: Clinic) -> None:
    assert trial.start(clinic.runtime, clinic.portal().id, "DEAL_1") is None
    assert trial.result(clinic.runtime, clinic.portal().id) is None
    clinic.shop.robot_runs("robot.check_window")
    found = clinic.awaited(trial.result)
    assert (found.state, found.facts["side"]) == (State.OK, "robots")


@ONE_DATABASE
@pytest.mark.parametrize(
    ("code", "break_it"),
    [("not_worked", lambda c: setattr(c.runtime, "sleep", lambda s: None)), ("not_answered", lambda c: None)],
)
def test_a_run_that_hangs_with_us_or_with_bitrix24_is_told_apart(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, code: str, break_it: Any
) -> None:
    """The drain stands still; or Bitrix24 takes no answer."""
    assert trial.start(clinic.runtime, clinic.portal().id, "DEAL_1") is None
    clinic.shop.robots_start(("robot.check_window", {"phone": OLGA}))
    clinic.shop.now += timedelta(seconds=1)
    clinic.shop.bx.deliver_due()
    if code == "not_answered":
        set_portal_faults(clinic.shop, html_502=1000)
        clinic.shop.advance_clock(trial.ANSWERED_S + 1)
    else:
        clinic.shop.now += timedelta(seconds=trial.ANSWERED_S + 1)
    found = trial.result(clinic.runtime, clinic.portal().id)
    assert found is not None
    assert (found.code, found.state) == (code, State.FAILED)


@pytest.mark.parametrize("typed", ["", "deal", "DEAL_", "DEAL_1; x", "CAR_1", "DEAL_" + "9" * 30, "сделка 1"])
def test_what_is_no_item_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is no item"):
        trial.item_of(typed)
