"""What the doctor says: figures in the reader's way, and a report for the support that holds nothing of a person."""

from __future__ import annotations

import json

from messaging.doctor import report, texts
from messaging.doctor.finding import Finding, State, worst
from messaging.lines import lines
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.messaging.clinic import Clinic
from tests.support.world import APP

PERSONAL = ("79001112233", OLGA, "acmeshop", "acme.example", "waba.example", "Ольга", "Соколова")


def test_a_number_has_the_comma_of_its_language() -> None:
    said = texts.words(Finding("round_trip", facts={"seconds": 0.5})).seen
    assert ("0.5 s" in said.en, "0,5 с" in said.ru) == (True, True)


@ONE_DATABASE
def test_the_report_holds_nothing_of_a_person(clinic: Clinic) -> None:
    clinic.shop.set_gupshup_faults(key_revoked=True)
    clinic.shop.app.post(
        lines.webhook_url(clinic.runtime, clinic.line()).removeprefix(APP), data=b'{"Olga": "79123456789"}'
    )
    found = [*clinic.server(), *clinic.of_portal(), *clinic.of_line(), *clinic.trial("DEAL_1", 999)]
    assert worst(found) is State.FAILED
    named = [
        Finding("token", State.FAILED, "refused", {"error": "79123456789", "x": "Анна"}, {"said": "Анна"}, portal_id=1)
    ]
    made = json.dumps(report.build(clinic.runtime, [*found, *named]), ensure_ascii=False)
    assert not [word for word in (*PERSONAL, "Анна", clinic.shop.portal.member_id) if word in made]
    assert len(json.loads(made)["points"]) == 37
