from typing import Any

import pytest
from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from bx24.i18n import Text
from bx24.properties import (
    DecimalFloat,
    Properties,
    WholeNumber,
    YesNo,
    check_codes,
    describe,
    returns,
    serialized_size,
)


def title(en: str, ru: str = "", **more: Any) -> dict[str, Any]:
    return {"title": Text(en, ru or en), **more}


class Card(Properties):
    line = fields.String(load_default="", metadata=title("Line", "Линия", type="select"))
    text = fields.String(
        required=True,
        validate=Length(1, 4096),
        metadata=title("Text", "Текст", type="text", hint=Text("What to say", "Что сказать")),
    )
    latitude = DecimalFloat(validate=Range(-90, 90), metadata=title("Latitude"))
    wait_minutes = WholeNumber(load_default=1440, validate=Range(1, 43200), metadata=title("Wait"))
    urgent = YesNo(load_default=True, metadata=title("Urgent"))
    until = fields.String(
        load_default="accepted",
        validate=OneOf(["accepted", "sent"], labels=[Text("accepted", "принято"), Text("sent", "отправлено")]),
        metadata=title("Until"),
    )
    params = fields.List(fields.String(), load_default=list, metadata=title("Values", "Значения"))


def test_properties_as_registered() -> None:
    assert describe(Card) == {
        "line": {
            "Name": {"en": "Line", "ru": "Линия"},
            "Type": "select",
            "Required": "N",
            "Multiple": "N",
            "Options": {},
        },
        "text": {
            "Name": {"en": "Text", "ru": "Текст"},
            "Description": {"en": "What to say", "ru": "Что сказать"},
            "Type": "text",
            "Required": "Y",
            "Multiple": "N",
        },
        "latitude": {
            "Name": {"en": "Latitude", "ru": "Latitude"},
            "Type": "double",
            "Required": "N",
            "Multiple": "N",
        },
        "wait_minutes": {
            "Name": {"en": "Wait", "ru": "Wait"},
            "Type": "int",
            "Required": "N",
            "Multiple": "N",
            "Default": "1440",
        },
        "urgent": {
            "Name": {"en": "Urgent", "ru": "Urgent"},
            "Type": "bool",
            "Required": "N",
            "Multiple": "N",
            "Default": "Y",
        },
        "until": {
            "Name": {"en": "Until", "ru": "Until"},
            "Type": "select",
            "Required": "N",
            "Multiple": "N",
            "Options": {"accepted": "accepted", "sent": "sent"},
            "Default": "accepted",
        },
        "params": {
            "Name": {"en": "Values", "ru": "Значения"},
            "Type": "string",
            "Required": "N",
            "Multiple": "Y",
        },
    }


def test_labels_are_in_the_language_of_the_portal() -> None:
    assert describe(Card(), lang="kz")["until"]["Options"] == {"accepted": "принято", "sent": "отправлено"}


def test_options_of_the_portal_are_put_in() -> None:
    described = describe(Card(), options={"line": {"7": "Sales"}})
    assert (described["line"]["Type"], described["line"]["Options"]) == ("select", {"7": "Sales"})


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (fields.Integer(metadata=title("x")), "int"),
        (fields.Decimal(metadata=title("x")), "double"),
        (fields.Boolean(metadata=title("x")), "bool"),
        (fields.DateTime(metadata=title("x")), "datetime"),
        (fields.Date(metadata=title("x")), "date"),
        (fields.Time(metadata=title("x")), "time"),
        (fields.Email(metadata=title("x")), "string"),
        (fields.List(DecimalFloat(), metadata=title("x")), "double"),
        (fields.List(fields.String(validate=OneOf(["a"])), metadata=title("x")), "select"),
        (fields.String(metadata=title("x", type="user")), "user"),
    ],
)
def test_the_type_comes_from_the_class(field: fields.Field[Any], kind: str) -> None:
    assert describe(Properties.from_dict({"x": field}))["x"]["Type"] == kind


def test_a_field_without_a_title_or_a_type_is_a_mistake_at_once() -> None:
    with pytest.raises(ValueError, match="needs metadata title"):
        describe(Properties.from_dict({"x": fields.String()}))
    with pytest.raises(ValueError, match="no Bitrix24 type"):
        describe(Properties.from_dict({"x": fields.Dict(metadata=title("x"))}))


BASE = {"text": "Hi"}
DEFAULTS = {"line": "", "text": "Hi", "wait_minutes": 1440, "urgent": True, "until": "accepted", "params": []}


@pytest.mark.parametrize(
    ("given", "loaded"),
    [
        ({}, {}),
        ({"line": "", "until": " ", "wait_minutes": None, "params": [], "latitude": "", "urgent": ""}, {}),
        ({"params": {}}, {}),
        ({"params": ["", " "]}, {}),
        ({"TEXT": "other", "Until": "sent"}, {"until": "sent"}),  # the exact code goes first
        ({"until": " sent "}, {"until": "sent"}),
        ({"unknown": "x", "Title": "y"}, {}),
        ({"latitude": "59,95"}, {"latitude": 59.95}),
        ({"latitude": "-0.5"}, {"latitude": -0.5}),
        ({"latitude": ["12", "13"]}, {"latitude": 12.0}),
        ({"wait_minutes": "1\u00a0440,00"}, {"wait_minutes": 1440}),
        ({"wait_minutes": 60}, {"wait_minutes": 60}),
        ({"urgent": "N"}, {"urgent": False}),
        ({"urgent": "нет"}, {"urgent": False}),
        ({"urgent": "Да"}, {"urgent": True}),
        ({"urgent": False}, {"urgent": False}),
        ({"params": "one"}, {"params": ["one"]}),
        ({"params": {"1": "b", "0": "a", "10": "k", "2": "c"}}, {"params": ["a", "b", "c", "k"]}),
        ({"params": {"x": "a", "y": "b"}}, {"params": ["a", "b"]}),
        # an empty entry among others holds the place of a variable
        ({"params": ["a", None, "c"]}, {"params": ["a", "", "c"]}),
        ({"params": [["a", "b"], "c"]}, {"params": ["a", "c"]}),
        ({"line": {"0": "7"}}, {"line": "7"}),
        ({"line": [[]]}, {}),
        ({"line": {"3": {"1": "7"}, "5": "8"}}, {"line": "7"}),
        ({"line": {}}, {}),
    ],
)
def test_what_a_run_brings(given: dict[str, Any], loaded: dict[str, Any]) -> None:
    assert Card().load(BASE | given) == DEFAULTS | loaded


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"text": " \n"}, "text"),
        ({"until": "soon"}, "until"),
        ({"latitude": "91"}, "latitude"),
        ({"latitude": "north"}, "latitude"),
        ({"latitude": "1,234.5"}, "latitude"),
        ({"latitude": "nan"}, "latitude"),
        ({"wait_minutes": "1.5"}, "wait_minutes"),
        ({"wait_minutes": "1,440"}, "wait_minutes"),
        ({"wait_minutes": "9" * 5000}, "wait_minutes"),
        ({"wait_minutes": "0"}, "wait_minutes"),
        ({"urgent": "maybe"}, "urgent"),
        ({"text": {"a": {"b": "c"}}}, "text"),
        ({"text": {"a": ""}}, "text"),
        ({"text": [{"a": "b"}]}, "text"),
        ({"text": {"0": "a", "x": "b"}}, "text"),
        ({"line": {"a": "7"}}, "line"),
        ({"until": {"a": "sent"}}, "until"),
        ({"latitude": {"a": "1"}}, "latitude"),
        ({"wait_minutes": {"a": "1"}}, "wait_minutes"),
        ({"urgent": {"a": "Y"}}, "urgent"),
        ({"params": ["x", {"a": "b"}]}, "params"),
        ({"params": {"0": {"a": "b"}}}, "params"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Card().load(BASE | given)
    assert list(wrong.value.normalized_messages()) == [code]


@pytest.mark.parametrize("given", [None, [], "text", 7])
def test_properties_that_are_no_map_are_none(given: Any) -> None:
    with pytest.raises(ValidationError) as wrong:
        Card().load(given)
    assert list(wrong.value.normalized_messages()) == ["text"]


@pytest.mark.parametrize("code", ["Title", "title", "IsTimeout", "UseSubscription", "a-b", "1a", "_a", "", "имя"])
def test_a_code_that_would_be_dropped_is_a_mistake_at_once(code: str) -> None:
    with pytest.raises(ValueError, match="code"):
        Properties.from_dict({"x": fields.String(data_key=code)})()


def test_codes_that_share_a_form_field_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="share one form field"):
        check_codes(["phone", "Phone"])


def test_results_as_registered() -> None:
    assert returns({"status": Text("Status", "Статус"), "minutes_left": (Text("Minutes", "Минуты"), "int")}) == {
        "status": {"Name": {"en": "Status", "ru": "Статус"}, "Type": "string", "Required": "N", "Multiple": "N"},
        "minutes_left": {"Name": {"en": "Minutes", "ru": "Минуты"}, "Type": "int", "Required": "N", "Multiple": "N"},
    }


def test_a_result_may_not_bear_the_code_of_a_property() -> None:
    with pytest.raises(ValueError, match="both a property and a result: text"):
        returns({"Text": Text("x", "x")}, besides=Card().codes())


def test_a_result_has_a_type_bitrix24_knows() -> None:
    with pytest.raises(ValueError, match="no type 'map'"):
        returns({"x": (Text("x", "x"), "map")})


@pytest.mark.parametrize(
    ("value", "serialized"),
    [
        (None, "N;"),
        (True, "b:1;"),
        (12, "i:12;"),
        ("ab", 's:2:"ab";'),
        ("ы", 's:2:"ы";'),
        ([], "a:0:{}"),
        (["a"], 'a:1:{i:0;s:1:"a";}'),
        ({"k": {"n": "v"}}, 'a:1:{s:1:"k";a:1:{s:1:"n";s:1:"v";}}'),
    ],
)
def test_size_is_counted_as_php_serializes(value: Any, serialized: str) -> None:
    assert serialized_size(value) == len(serialized.encode())
