"""Which refusals stop a line, how it is tried again, and which ones only slow it or one client down."""

from __future__ import annotations

import re

import pytest

from gupshup.consequences import NOT_THE_LINE, Probe, slows_client, slows_line, stop_of, why
from gupshup.refusals import KNOWN_CODES, Kind, Scope, refusal

# Reference section 8, class C without those about templates, and section 9: "on 4001/131048/131042/1003/401 open a circuit".
ASKED = "gupshup_401 gupshup_403 gupshup_302 gupshup_3xx"
TRIED = "1003 4001 471 368 131031 131042 131048 131045 133010 133016 131037 0 3 10 190 200 250 299 131005"


@pytest.mark.parametrize(
    ("code", "probe"),
    [(code, probe) for probe, codes in ((Probe.ASK, ASKED), (Probe.TRIAL, TRIED)) for code in codes.split()],
)
def test_what_speaks_of_the_whole_line_stops_it(code: str, probe: Probe) -> None:
    stop = stop_of(code, "their words")
    assert stop is not None
    assert stop.probe is probe
    assert (stop.refusal.code, stop.refusal.reason) == (code, "their words")
    pauses = [stop.pause_s(tries) for tries in range(12)]
    assert pauses == sorted(pauses), "more and more seldom"
    assert pauses[0] >= 60
    assert pauses[-1] <= 12 * 3600


@pytest.mark.parametrize("code", sorted(KNOWN_CODES))
def test_every_code_of_the_catalogue_is_decided(code: str) -> None:
    found = refusal(code)
    account = found.kind is Kind.CONFIG and found.scope is Scope.ACCOUNT
    assert (stop_of(code) is not None) == (account and code not in NOT_THE_LINE), "a new code needs a decision here"


@pytest.mark.parametrize(
    ("code", "reason", "misconfigured", "stops"),
    [
        ("gupshup_400", "Invalid App Details", True, True),
        ("gupshup_400", "Source Contains XSS Characters", True, True),
        ("gupshup_400", "Invalid Destination", False, False),
        ("gupshup_413", "", False, False),
        ("77777", "a 401 with a number of its own", True, True),
        ("77777", "a failed event nobody knows", False, False),
        ("131030", "a test number, and this phone is not on its list", True, False),
        ("gupshup_429", "", False, False),
        ("gupshup_502", "", False, False),
        ("132001", "the template", False, False),
        ("131049", "one client", False, False),
    ],
)
def test_the_words_and_the_way_of_a_refusal_count(code: str, reason: str, misconfigured: bool, stops: bool) -> None:
    assert (stop_of(code, reason, misconfigured) is not None) is stops


def test_some_slow_down_the_line_some_one_client_and_none_does_both() -> None:
    assert {code for code in KNOWN_CODES if slows_line(code)} == {"4", "80007", "130429", "4001", "gupshup_429"}
    assert {code for code in KNOWN_CODES if slows_client(code)} == {"131056"}


@pytest.mark.parametrize("code", [code for code in sorted(KNOWN_CODES) if stop_of(code)])
def test_the_cause_and_the_remedy_stand_without_the_message_that_was_refused(code: str) -> None:
    en, ru = why(refusal(code, "their words"))
    assert re.match(r"[A-Z].+\. [A-Z].+\.$", en)
    assert re.match(r"[А-ЯA-Z].+\. [А-Я].+\.$", ru)
    assert not re.match(r"Not |Не ", en + ru)
