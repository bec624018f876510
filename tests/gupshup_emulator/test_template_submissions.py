"""Templates are submitted, reviewed, changed and deleted, as strictly as the vendor does it; ours and theirs agree."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import requests

from gupshup.client import Account, Client
from gupshup.emulator.rules.template_submissions import EXISTS, NOT_SUPPORTED
from gupshup.errors import GupshupError, Rejected, Unavailable
from gupshup.template_calls import TemplateCalls
from gupshup.template_drafts import Draft
from gupshup.template_refusals import explain
from tests.gupshup.test_template_rules import GOOD, OTP
from tests.gupshup_emulator.conftest import KEY, OUR_NUMBER, World
from tests.support.net import Net

ACCOUNT = Account(KEY, "shopbot", OUR_NUMBER, "app-shopbot")


@pytest.fixture
def calls(world: World) -> TemplateCalls:
    """Our door, opened on the emulator."""
    net, session = Net(), requests.Session()
    net.apps["gupshup.example"] = world.app
    session.mount("https://", net)
    return TemplateCalls(Client(session, "https://gupshup.example"))


def refused(calls: TemplateCalls, draft: Draft) -> str:
    with pytest.raises(GupshupError) as caught:
        calls.create(ACCOUNT, draft)
    return caught.value.reason


def review(world: World, template_id: str, verdict: str, **more: Any) -> None:
    world.control(f"/apps/shopbot/templates/{template_id}/review", verdict=verdict, **more)
    world.advance_clock(seconds=1)


def test_a_template_goes_its_whole_way(world: World, calls: TemplateCalls) -> None:
    made = calls.create(ACCOUNT, replace(GOOD, name="fresh"))
    assert (made.status, made.samples, made.buttons[2].sample) == (
        "PENDING",
        ("в пятницу", "Ольга", "23 ноября"),
        "https://acme.example/512",
    )
    review(world, made.id, "approve")
    review(world, made.id, "pause")
    review(world, made.id, "reject", reason="SCAM")
    review(world, made.id, "recategorise", category="MARKETING", announced=True)
    review(world, made.id, "recategorise", category="MARKETING")
    told = [
        (one["type"], one.get("status"), one.get("rejectedReason"), one.get("category"))
        for one in world.event_payloads("template-event")
    ]
    assert told == [
        ("status-update", "approved", None, None),
        ("status-update", "paused", None, None),
        ("status-update", "rejected", "SCAM", None),
        ("category-update", None, None, {"current": "UTILITY", "correct": "MARKETING"}),
        ("category-update", None, None, {"old": "UTILITY", "new": "MARKETING"}),
    ]
    changed = calls.edit(ACCOUNT, made.id, replace(GOOD, name="fresh", category="MARKETING", footer="Новая подпись"))
    assert (changed.id, changed.status, changed.footer, changed.name) == (made.id, "PENDING", "Новая подпись", "fresh")
    review(world, made.id, "approve")
    with pytest.raises(Rejected) as caught:
        calls.edit(ACCOUNT, made.id, replace(GOOD, category="MARKETING"))
    assert explain(caught.value).code == "edited_today"
    world.advance_clock(hours=25)
    calls.edit(ACCOUNT, made.id, replace(GOOD, category="MARKETING"))
    calls.delete(ACCOUNT, "fresh")
    calls.delete(ACCOUNT, "fresh")
    assert explain(Rejected("gupshup_400", refused(calls, replace(GOOD, name="fresh")))).code == "name_blocked"
    world.advance_clock(days=31)
    assert calls.create(ACCOUNT, replace(GOOD, name="fresh")).status == "PENDING"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Визит"}, "Invalid element name provided"),
        ({"category": "utility"}, "Invalid category provided, kindly use category from these option"),
        ({"kind": "IMAGE", "header": ""}, "Cannot Process Request Now"),
        ({"samples": {"1": "Ольга"}}, ""),
        ({"body": "Текст {{1}} и {{2}} конец "}, NOT_SUPPORTED),
        ({"name": "visit_reminder"}, EXISTS),
        ({"body": "Ольга, {{1}} и {{2}}!"}, "(#100) Variables can't be at the start or end"),
        ({"header": "*Визит*"}, "(#100) The message header"),
        ({"buttons": (GOOD.buttons[0], GOOD.buttons[2], GOOD.buttons[1])}, "(#100) Quick reply buttons"),
        ({"buttons": OTP.buttons}, "(#100) Invalid OTP button"),
    ],
)
def test_what_is_wrong_is_refused_in_the_vendors_words(
    calls: TemplateCalls, changes: dict[str, Any], words: str
) -> None:
    draft = replace(GOOD, **{"name": "fresh", **changes})
    if words:
        assert refused(calls, draft).startswith(words)
    else:
        calls.create(ACCOUNT, draft)  # "[]" is a value for them: a missing sample is for our own rules to find
    assert calls.create(ACCOUNT, replace(OTP, name="code")).category == "AUTHENTICATION"


@pytest.mark.parametrize("lost", ["drop_after_accept", "500_after_accept"])
def test_a_call_whose_answer_is_lost_finds_its_template_when_it_is_repeated(
    world: World, calls: TemplateCalls, lost: str
) -> None:
    world.control("/faults", next=[{"answer": lost, "on": "manage"}])
    draft = replace(GOOD, name="fresh")
    with pytest.raises(Unavailable):
        calls.create(ACCOUNT, draft)
    assert calls.create(ACCOUNT, draft).name == "fresh"
    assert EXISTS in refused(calls, replace(draft, footer="Другая"))
    world.control("/faults", next=[{"answer": "500_after_accept", "on": "manage"}])
    calls.delete(ACCOUNT, "fresh")
    world.control("/faults", next=[{"answer": "error_200", "on": "manage"}])
    assert refused(calls, replace(draft, name="next")) == NOT_SUPPORTED


def test_a_picture_is_uploaded_and_submitted_with_its_id(calls: TemplateCalls) -> None:
    sample = calls.upload(ACCOUNT, "Акция май.png", "image/png", BytesIO(b"\x89PNG").getvalue())
    assert (sample.name, sample.size) == ("Акция май.png", 4)
    made = calls.create(ACCOUNT, replace(GOOD, name="fresh", kind="IMAGE", header="", media=sample))
    assert made.is_media
    assert (
        refused(calls, replace(GOOD, name="clip", kind="VIDEO", header="", media=sample))
        == "Cannot Process Request Now"
    )
