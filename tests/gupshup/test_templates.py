"""Templates: which values they need, from every shape in which Gupshup has been seen to list them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gupshup.errors import InvalidMessage
from gupshup.messages import Location, MediaHeader
from gupshup.templates import TemplateButton, TemplateInfo, parse, variables

LIST = json.loads((Path(__file__).parents[1] / "fixtures/gupshup/templates__list.json").read_text())["templates"]


def raw(container: Any = None, **parts: Any) -> dict[str, Any]:
    made = {"id": "t1", "elementName": "n", "languageCode": "ru", "status": "APPROVED", "templateType": "TEXT", **parts}
    return made if container is None else {**made, "containerMeta": container}


def test_a_template_is_read_out_of_its_container() -> None:
    assert parse(LIST[0]) == TemplateInfo(
        id="7c1d9a52-0f3e-4b67-9a18-d2f6b0c4e901",
        name="visit_reminder",
        language="ru",
        status="APPROVED",
        category="UTILITY",
        kind="TEXT",
        header="Visit on {{1}}",
        body="Hello {{1}}",
        footer="Call us",
        buttons=(
            TemplateButton("QUICK_REPLY", "Confirm"),
            TemplateButton("URL", "Map", "https://example.org/{{1}}", has_variable=True),
        ),
        header_vars=("1",),
        body_vars=("1",),
        samples=("Friday", "Olga"),
    )


def test_header_body_and_button_each_count_from_one_anew() -> None:
    info = parse(LIST[0])
    assert (info.button_vars, info.params_count) == (1, 3)


def test_a_rejected_template_is_not_sendable_and_says_why() -> None:
    info = parse(LIST[1])
    assert (info.sendable, info.reason) == (False, "TAG_CONTENT_MISMATCH")


@pytest.mark.parametrize(
    ("status", "sendable"),
    [("APPROVED", True), ("approved", True), ("SANDBOX_REQUESTED", True), ("PAUSED", False), ("FAILED", False),
     ("DESACTIVATED", False), (None, False)],
)  # fmt: skip
def test_only_approved_ones_are_sendable_and_the_set_is_open(status: object, sendable: bool) -> None:
    assert parse(raw({"data": "x"}, status=status)).sendable is sendable


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("no {1} variables {{ }}", ()),
        ("{{1}} {{2}} {{1}}", ("1", "2")),
        ("{{2}} then {{1}}", ("1", "2")),
        ("{{10}} {{9}} {{ 1 }}", ("1", "9", "10")),
        ("{{1}} {{3}}", ("1", "3")),
        ("{{name}} {{order_id}} {{name}}", ("name", "order_id")),
        ("{{name}} {{1}}", ("1", "name")),
        ("{{{1}}}", ("1",)),
    ],
)
def test_variables_are_distinct_and_in_the_order_of_their_values(text: str, names: tuple[str, ...]) -> None:
    assert variables(text) == names


CONTAINER = {"header": "H {{1}}", "data": "B {{1}} {{2}} {{1}}", "footer": "F"}


@pytest.mark.parametrize("container", [CONTAINER, json.dumps(CONTAINER)])
def test_the_container_may_be_an_object_or_a_string(container: Any) -> None:
    info = parse(raw(container, data="H {{1}}\nB {{1}} {{2}} {{1}}\nF"))
    assert (info.header, info.body, info.footer) == ("H {{1}}", "B {{1}} {{2}} {{1}}", "F")
    assert (info.header_vars, info.body_vars, info.params_count) == (("1",), ("1", "2"), 3)


@pytest.mark.parametrize("container", [None, "", "{}", {}, "not json", "[]", 7, '{"header":"lost"}'])
def test_without_a_container_the_rendering_is_read(container: Any) -> None:
    rendering = "Hi {{1}}, code {{10}} | [Confirm] | [Map, here,https://example.org/{{1}}] | [Call,+7 900 123] | [null]"
    info = parse(raw(container, data=rendering))
    assert (info.header, info.body, info.body_vars) == ("", "Hi {{1}}, code {{10}}", ("1", "10"))
    assert info.buttons == (
        TemplateButton("QUICK_REPLY", "Confirm"),
        TemplateButton("URL", "Map, here", "https://example.org/{{1}}", has_variable=True),
        TemplateButton("PHONE_NUMBER", "Call", "+7 900 123"),
        TemplateButton("COPY_CODE", "", "", has_variable=True),
    )
    assert info.params_count == 4


def test_the_rendering_is_not_asked_when_there_is_a_container() -> None:
    info = parse(raw({"data": "Hi"}, data="Hi {{1}} | [Yes]"))
    assert (info.body, info.buttons, info.params_count) == ("Hi", (), 0)


def test_values_of_codes_and_of_links_with_a_variable_are_counted() -> None:
    buttons = [
        {"type": "URL", "text": "Site", "url": "https://example.org"},
        {"type": "url", "text": "Order", "url": "https://example.org/{{1}}"},
        {"type": "COPY_CODE", "example": ["SALE"]},
        {"type": "OTP", "text": "Copy", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"},
        {"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy"},
        {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+79001234567"},
        "nonsense",
    ]
    info = parse(raw({"data": "x", "buttons": buttons}))
    assert [button.has_variable for button in info.buttons] == [False, True, True, True, False, False, False]
    assert info.button_vars == 3


def test_cards_of_a_carousel_count_last() -> None:
    card = {"body": "{{1}} {{2}}", "buttons": [{"type": "URL", "text": "Buy", "url": "https://example.org/{{1}}"}]}
    info = parse(raw({"data": "Hi {{1}}", "cards": [card, card]}, templateType="CAROUSEL"))
    assert (info.card_vars, info.params_count) == (6, 7)
    assert [part for part, _ in info.text_vars] == ["body", "card 1", "card 1", "card 2", "card 2"]
    assert [part for part, _ in info.asking] == ["card 1", "card 2"]
    assert TemplateInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info
    assert "cards" not in parse(raw({"data": "x"})).to_dict(), "campaigns compare it with what was stored before"


def test_a_card_is_shown_with_its_samples() -> None:
    card = {"headerType": "image", "body": "{{1}} за {{2}}", "sampleText": "[Стол] за 5"}
    info = parse(raw({"data": "Hi", "cards": json.dumps([card])}, templateType="CAROUSEL"))
    assert (info.cards[0].media, info.cards[0].with_samples(), info.text_samples) == (
        "IMAGE",
        "Стол за 5",
        ("Стол", "5"),
    )
    bare = parse(raw({"data": "Hi", "cards": [{"body": "{{1}}!"}]}, templateType="CAROUSEL"))
    assert (bare.cards[0].with_samples(), bare.text_samples) == ("{{1}}!", ("",))


@pytest.mark.parametrize(
    ("kind", "is_media"),
    [
        ("IMAGE", True),
        ("video", True),
        ("DOCUMENT", True),
        ("GIF", True),
        ("TEXT", False),
        ("LOCATION", False),
        (None, False),
    ],
)
def test_media_templates_want_a_file_besides(kind: str | None, is_media: bool) -> None:
    assert parse(raw({"data": "x"}, templateType=kind)).is_media is is_media


@pytest.mark.parametrize(
    ("container", "meta", "samples"),
    [
        ({"data": "Hi {{1}}, {{2}}!", "sampleText": "Hi [Olga], [512]!"}, None, ("Olga", "512")),
        ({"data": "Hi {{1}}, {{2}}!", "sampleText": "Hi Olga, 512!"}, None, ("Olga", "512")),
        ({"data": "{{2}} and {{1}}", "sampleText": "[b] and [a]"}, None, ("a", "b")),
        ({"data": "Hi {{1}}"}, '{"example":"Hi [Olga]"}', ("Olga",)),
        ({"data": "Hi {{1}}", "sampleText": "Something else"}, None, ("",)),
        ({"data": "Hi {{1}} and {{2}}", "sampleText": "Hi [Olga]"}, None, ("", "")),
        ({"data": "Hi {{1}}"}, None, ("",)),
    ],
)
def test_samples_are_found_in_the_filled_in_example(container: Any, meta: Any, samples: tuple[str, ...]) -> None:
    assert parse(raw(container, meta=meta)).samples == samples


@pytest.mark.parametrize(
    ("parts", "is_offer"),
    [
        ({"isLTO": True}, True),
        ({"isLTO": "true", "hasExpiration": "true"}, True),
        ({"limitedOfferText": "Ends soon"}, True),
        ({"isLTO": True, "hasExpiration": False}, False),
        ({"isLTO": False, "limitedOfferText": ""}, False),
        ({}, False),
    ],
)
def test_an_offer_that_ends_wants_its_moment(parts: dict[str, Any], is_offer: bool) -> None:
    assert parse(raw({"data": "Hi", **parts})).is_offer is is_offer


def test_a_template_survives_our_cache() -> None:
    info = parse(LIST[0])
    stored = json.loads(json.dumps(info.to_dict()))
    assert TemplateInfo.from_dict(stored) == info
    assert TemplateInfo.from_dict({**stored, "added_later": 1}) == info


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["id", "elementName", "status", "containerMeta", "data", "meta", "templateType", "reason", "category"]


@pytest.mark.parametrize(
    ("value", "sample", "address", "tail"),
    [
        ("https://shop.example/{{1}}", "https://shop.example/512", "https://shop.example/", "512"),
        ("https://shop.example/{{1}}", "https://shop.example/{{1}}", "https://shop.example/", ""),
        ("https://shop.example/{{1}}", "https://other.example/512", "https://shop.example/", ""),
        ("", "SALE25", "", "SALE25"),
        ("https://shop.example/", "", "", ""),
    ],
)
def test_a_button_tells_what_stands_in_front_of_its_value(value: str, sample: str, address: str, tail: str) -> None:
    button = TemplateButton("URL", "Открыть", value, True, sample)
    assert (button.address, button.sample_tail) == (address, tail)


PARTS = ["data", "header", "footer", "buttons", "cards", "sampleText", "sampleHeader"]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.none() | st.dictionaries(st.sampled_from(PARTS), JSON | st.text(alphabet="{}1 a[]|,")),
)
def test_nothing_that_is_listed_makes_the_parser_raise(listed: dict[str, Any], container: Any) -> None:
    info = parse(listed if container is None else {**listed, "containerMeta": container})
    assert TemplateInfo.from_dict(info.to_dict()) == info
    assert len(info.samples) == len(info.header_vars) + len(info.body_vars)


def template(**parts: Any) -> TemplateInfo:
    return TemplateInfo(
        **{
            "id": "t1",
            "name": "n",
            "language": "ru",
            "status": "APPROVED",
            "category": "UTILITY",
            "kind": "TEXT",
            **parts,
        }
    )


URL_BUTTON = TemplateButton("URL", "Order", "https://example.org/{{1}}", has_variable=True)
CODE_BUTTON = TemplateButton("COPY_CODE", "", has_variable=True)


def test_values_go_out_as_header_body_buttons() -> None:
    info = template(header_vars=("1",), body="{{1}}", body_vars=("1",), buttons=(URL_BUTTON, CODE_BUTTON))
    made = info.message(("Friday", "Olga\n"), ("заказ 5/1?a=b%20", " SALE "), postbacks=("p",))
    assert made.id == "t1"
    assert made.params == ("Friday", "Olga", "%D0%B7%D0%B0%D0%BA%D0%B0%D0%B7%205/1?a=b%20", "SALE")
    assert made.postbacks == ("p",)


@pytest.mark.parametrize(
    ("info", "values", "buttons", "header", "code", "field"),
    [
        (template(body_vars=("1", "2")), ("a",), (), None, "template_params", "params"),
        (template(body_vars=("1",)), ("a", "b"), (), None, "template_params", "params"),
        (template(body_vars=("1",)), (" ",), (), None, "template_params", "params"),
        (template(buttons=(URL_BUTTON,)), (), (), None, "template_params", "button_params"),
        (template(), (), ("x",), None, "template_params", "button_params"),
        (template(buttons=(CODE_BUTTON,)), (), ("x" * 16,), None, "text_too_long", "button_params"),
        (template(kind="IMAGE"), (), (), None, "template_params", "header"),
        (template(kind="LOCATION"), (), (), None, "template_params", "header"),
        (template(), (), (), MediaHeader("image", "https://example.org/a.jpg"), "template_params", "header"),
        (template(kind="VIDEO"), (), (), MediaHeader("image", "https://example.org/a"), "template_params", "header"),
        (template(kind="IMAGE"), (), (), Location(1, 2), "template_params", "header"),
        (template(body="{{1}}!", body_vars=("1",)), ("x" * 1024,), (), None, "text_too_long", "params"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_the_template_are_refused(
    info: TemplateInfo, values: Any, buttons: Any, header: Any, code: str, field: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        info.message(values, buttons, header)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.ru.startswith("Не отправили: ")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("100%", "100%25"),
        ("скидка 5%", "%D1%81%D0%BA%D0%B8%D0%B4%D0%BA%D0%B0%205%25"),
        ("a%zz%2Fb%2", "a%25zz%2Fb%252"),
        ("%%41", "%25%41"),
        ("?a=b%20c&d=1#e", "?a=b%20c&d=1#e"),
    ],
)
def test_a_percent_sign_that_escapes_nothing_is_escaped(typed: str, sent: str) -> None:
    info = template(buttons=(URL_BUTTON, CODE_BUTTON))
    assert info.message((), (typed, "5%")).params == (sent, "5%")


def test_values_that_just_fit_are_taken() -> None:
    template(body="{{1}}!", body_vars=("1",)).message(("x" * 1023,))
    template(buttons=(CODE_BUTTON,)).message((), ("x" * 15,))
    template(kind="LOCATION").message((), header=Location(1, 2))
    template(kind="GIF").message((), header=MediaHeader("gif", "https://example.org/a.mp4"))
