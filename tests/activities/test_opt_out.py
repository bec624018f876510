"""Stopping and allowing messages to a client: nothing is sent, and the result is known when it is done."""

import pytest

from tests.activities.desk import content, ending, planned, refusal, results

EXAMPLE = {"mode": "stop"}


def test_its_fields_and_results() -> None:
    assert content("opt_out") == ["mode select"]
    assert ending("opt_out") == []
    assert results("opt_out") == ["status string", "error_code string", "error_text string", "opted_out string"]


@pytest.mark.parametrize(("raw", "mode"), [({}, "stop"), ({"mode": "stop"}, "stop"), ({"mode": "allow"}, "allow")])
def test_what_is_planned(raw: dict[str, str], mode: str) -> None:
    plan = planned("opt_out", **raw)
    assert (plan.consent, plan.message, plan.values) == (mode, None, None)


@pytest.mark.parametrize(
    ("raw", "code", "at"), [({"mode": "delete"}, "value_invalid", "mode"), ({"phone": ""}, "value_missing", "phone")]
)
def test_what_is_refused(raw: dict[str, str], code: str, at: str) -> None:
    refused = refusal("opt_out", **raw)
    assert (refused.code, refused.at) == (code, at)
