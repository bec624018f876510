"""The answers of a form, wherever the vendors put them."""

from typing import Any

import pytest

from gupshup.webhooks import Reply
from tests.gupshup.recorded import changed

JSON_ANSWER = '{"name": "Olga", "flow_token": "t"}'


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"type": "nfm_reply", "payload": {"response_json": JSON_ANSWER}}, "name: Olga"),
        ({"type": "nfm_reply", "payload": {"response_json": {"name": "Olga"}}}, "name: Olga"),
        ({"type": "interactive", "payload": {"type": "nfm_reply", "nfm_reply": {"response_json": JSON_ANSWER}}}, "name: Olga"),
        ({"type": "interactive", "payload": None, "interactive": {"nfm_reply": {"response_json": JSON_ANSWER}}}, "name: Olga"),
        ({"type": "text", "payload": {"nfm_reply": {"response_json": JSON_ANSWER}}}, "name: Olga"),
        ({"type": "form", "payload": {"text": "Sent"}}, "Sent"),
        ({"type": "nfm_reply", "payload": {"response_json": "no JSON"}}, "no JSON"),
        ({"type": "nfm_reply", "payload": {"response_json": "{}"}}, ""),
        ({"type": "nfm_reply", "payload": {"response_json": None}}, ""),
        ({"type": "nfm_reply", "payload": {"response_json": '{"a": "1\\n 2", "b": null, "c": []}'}}, "a: 1 2\nb: \nc: "),
        ({"type": "nfm_reply", "payload": {"response_json": '{"a": [{"b": 1}, {"b": [2, 3.5]}]}'}}, "a.1.b: 1\na.2.b: 2, 3.5"),
        ({"type": "nfm_reply", "payload": {"response_json": '{"a": ' * 500 + "1" + "}" * 500}}, ""),
        ({"type": "nfm_reply", "payload": {"response_json": '{"a\\ud800\\u0000": "b"}'}}, "a\ufffd: b"),
    ],
)  # fmt: skip
def test_the_answers_of_a_form_are_told_line_by_line(payload: dict[str, Any], text: str) -> None:
    event = changed("message__text", **payload)
    assert isinstance(event, Reply)
    assert (event.type, event.text, event.renews_window) == ("form", text, True)
