"""What is wrong with a template, told before it is submitted: which field, which rule; and the form in which it goes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gupshup.errors import GupshupError, Misconfigured, Rejected, Throttled, Unavailable
from gupshup.template_drafts import Draft, DraftButton, SampleFile
from gupshup.template_refusals import Reaction, explain, why_rejected
from gupshup.template_rules import hard, problems
from gupshup.templates import TemplateInfo, parse

GOOD = Draft(
    name="visit_reminder",
    header="Визит {{1}}",
    header_sample="в пятницу",
    body="Здравствуйте, {{1}}!\n\nЖдём вас {{2}} в нашем салоне.",
    footer="Acme",
    samples={"1": "Ольга", "2": "23 ноября"},
    buttons=(
        DraftButton("QUICK_REPLY", "Приду"),
        DraftButton("QUICK_REPLY", "Перенести"),
        DraftButton("URL", "Карта", "https://acme.example/{{1}}", "https://acme.example/512"),
        DraftButton("PHONE_NUMBER", "Позвонить", "+79001112233"),
    ),
)
OTHER = TemplateInfo("1", "visit_reminder", "ru", "APPROVED", "UTILITY", "TEXT", body="Другой текст")
OTP = Draft(
    name="code", category="AUTHENTICATION", body="{{1}} — ваш код.", samples={"1": "12"}, buttons=(DraftButton("OTP"),)
)


def found(draft: Draft, **more: Any) -> list[str]:
    return [f"{one.field}: {one.code}" for one in hard(problems(draft, **more))]


def with_button(*given: str, **more: Any) -> Draft:
    return replace(GOOD, buttons=(DraftButton(*given),), **more)


def test_good_templates_are_good() -> None:
    promo = with_button("COPY_CODE", "", "MAY15", category="MARKETING")
    picture = replace(GOOD, kind="IMAGE", header="", media=SampleFile("m1"))
    for draft in (GOOD, OTP, promo, picture, replace(GOOD, body=f"{GOOD.body}  \n конец ")):
        assert problems(draft) == [], draft
    assert problems(replace(GOOD, name="other"), [replace(OTHER, language="en_US")]) == []
    assert found(replace(GOOD, kind="IMAGE", header=""), is_edit=True) == [], "the file is there already"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ""}, "name: empty"),
        ({"name": "Визит"}, "name: name"),
        ({"name": "x" * 181}, "name: too_long"),
        ({"language": "Russian"}, "language: language"),
        ({"category": "TICKET_UPDATE"}, "category: category"),
        ({"kind": "CAROUSEL"}, "kind: kind"),
        ({"header": "x" * 61}, "header: too_long"),
        ({"header": "{{1}} и {{2}}"}, "header: variables"),
        ({"header": "Визит {{2}}"}, "header: numbering"),
        ({"header": "Визит 🎉"}, "header: emoji"),
        ({"header": "*Визит*"}, "header: markup"),
        ({"header_sample": " "}, "header_sample: no_sample"),
        ({"kind": "IMAGE"}, "media: no_media"),
        ({"body": "\u200b"}, "body: empty"),
        ({"body": "x" * 1025}, "body: too_long"),
        ({"body": "Имя {{1}} " + "x" * 1000 + " и", "samples": {"1": "Константин " * 5}}, "body: too_long"),
        ({"body": "{{1}}, ждём вас {{2}} снова"}, "body: leading"),
        ({"body": "Ольга {{1}}, ждём вас {{2}}!"}, "body: trailing"),
        ({"body": "Ольга {{1}}\n{{2}} ждём вас"}, "body: adjacent"),
        ({"body": "Ольга {{1}}, ждём вас {{3}} снова", "samples": {"1": "а", "3": "б"}}, "body: numbering"),
        ({"body": "Ольга, ждём вас {{date}} снова"}, "body: named"),
        ({"body": "Ольга, ждём вас {{1} снова"}, "body: braces"),
        ({"body": "Раз\n \n\t\nдва"}, "body: line_breaks"),
        ({"samples": {"1": "Ольга"}}, "sample_2: no_sample"),
        ({"samples": {"1": "Ольга", "2": "{{1}}"}}, "sample_2: sample"),
        ({"footer": "x" * 61}, "footer: too_long"),
        ({"footer": "Acme {{1}}"}, "footer: variables"),
        ({"buttons": (GOOD.buttons[0], GOOD.buttons[2], GOOD.buttons[1])}, "buttons: order"),
        ({"buttons": GOOD.buttons[:1] * 2}, "button_2: equal"),
        ({"buttons": tuple(DraftButton("QUICK_REPLY", f"{n}") for n in range(11))}, "buttons: too_many"),
        ({"buttons": tuple(replace(GOOD.buttons[2], text=f"{n}") for n in range(3))}, "button_3: too_many"),
        ({"buttons": (DraftButton("QUICK_REPLY"),)}, "button_1: empty"),
        ({"buttons": (DraftButton("QUICK_REPLY", "x" * 26),)}, "button_1: too_long"),
        ({"buttons": (DraftButton("QUICK_REPLY", "Да 👍"),)}, "button_1: emoji"),
        ({"buttons": (DraftButton("QUICK_REPLY", "Да, {{1}}"),)}, "button_1: variables"),
        ({"buttons": (DraftButton("URL", "Карта", "acme.example"),)}, "button_1: link"),
        ({"buttons": (DraftButton("URL", "Карта", "https://{{1}}"),)}, "button_1: link"),
        ({"buttons": (DraftButton("URL", "Карта", "https://a.example/{{1}}/x"),)}, "button_1: link_variable"),
        ({"buttons": (DraftButton("URL", "К", "https://a.example/{{1}}", "512"),)}, "button_1: link_sample"),
        ({"buttons": (DraftButton("PHONE_NUMBER", "Звонок", "89001112233"),)}, "button_1: phone"),
        ({"buttons": (DraftButton("COPY_CODE", "", "MAY15"),)}, "button_1: copy_code"),
        ({"buttons": (DraftButton("OTP"),)}, "button_1: otp"),
        ({"buttons": (DraftButton("FLOW", "Анкета"),)}, "button_1: type"),
    ],
)
def test_what_whatsapp_refuses_is_named_at_its_field(changes: dict[str, Any], expected: str) -> None:
    assert found(replace(GOOD, **changes)) == [expected]
    (problem,) = hard(problems(replace(GOOD, **changes)))
    assert problem.en
    assert any("а" <= letter <= "я" for letter in problem.ru + problem.place_ru)


def test_names_categories_and_advice() -> None:
    assert found(GOOD, others=[OTHER]) == ["name: name_taken"]
    assert found(replace(OTP, buttons=(), footer="Acme")) == ["buttons: otp", "kind: otp"]
    assert found(with_button("COPY_CODE", "", "МАЙ", category="MARKETING")) == ["button_1: code"]
    long = replace(GOOD, body="Здравствуйте, {{1}}! " + "слово " * 100 + "{{2}} bit.ly/x " + "🎉 " * 11 + "конец")
    assert [one.code for one in problems(long)] == ["long_text", "many_emoji", "short_link"]
    twin = replace(OTHER, name="other", body=GOOD.body, footer="Acme")
    assert [one.code for one in problems(GOOD, [twin])] == ["twin"]


def test_the_form_is_as_gupshup_wants_it_and_is_read_back() -> None:
    form = replace(GOOD, body=GOOD.body.replace("\n\n", "  \n\n")).tidied().form()
    assert form["content"] == GOOD.body
    assert form["example"] == "Здравствуйте, [Ольга]!\n\nЖдём вас [23 ноября] в нашем салоне."
    assert (form["exampleHeader"], form["templateType"], form["enableSample"]) == ("Визит [в пятницу]", "TEXT", "true")
    assert json.loads(form["buttons"])[2] == {
        "type": "URL",
        "text": "Карта",
        "url": "https://acme.example/{{1}}",
        "example": ["https://acme.example/512"],
    }
    container = {
        **{"header": form["header"], "data": form["content"], "footer": form["footer"]},
        **{
            "buttons": json.loads(form["buttons"]),
            "sampleText": form["example"],
            "sampleHeader": form["exampleHeader"],
        },
    }
    info = parse(
        {"id": "t", "elementName": GOOD.name, "languageCode": "ru", "category": "UTILITY", "containerMeta": container}
    )
    assert Draft.of(info) == GOOD
    assert Draft.from_dict(json.loads(json.dumps(GOOD.to_dict()))) == GOOD
    assert GOOD.says_the_same(replace(info, category="MARKETING"))
    assert not GOOD.says_the_same(replace(info, footer=""))


@pytest.mark.parametrize(
    ("error", "code", "reaction"),
    [
        (Rejected("gupshup_400", "Template Not Supported On Gupshup Platform"), "not_supported", Reaction.TELL),
        (Rejected("gupshup_400", "Invalid element name provided"), "name", Reaction.FIX),
        (Rejected("gupshup_400", "Cannot Process Request Now"), "media", Reaction.FIX),
        (Rejected("gupshup_400", "(#100) Something new"), "meta", Reaction.FIX),
        (Rejected("gupshup_400", "Something else"), "other", Reaction.TELL),
        (Rejected("gupshup_405", ""), "cannot_edit", Reaction.TELL),
        (Misconfigured("gupshup_401", "Authentication Failed"), "line", Reaction.TELL),
        (Throttled("gupshup_429"), "too_often", Reaction.RETRY),
        (Unavailable("gupshup_unreachable"), "no_answer", Reaction.RETRY),
    ],
)
def test_every_error_says_what_to_do(error: GupshupError, code: str, reaction: Reaction) -> None:
    told = explain(error, is_edit=True)
    assert (told.code, told.reaction) == (code, reaction)
    assert told.said == (error.reason if code in ("meta", "other") else "")


def test_reasons_of_rejection_are_explained_or_shown_as_they_came() -> None:
    assert "разметка" in why_rejected("INVALID_FORMAT")[1]
    assert why_rejected("SOMETHING_NEW") == ("SOMETHING_NEW", "SOMETHING_NEW")
