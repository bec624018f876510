"""The answers of a WhatsApp form ("Flow"), as Gupshup passes them on.

Meta docs "Receiving Flow Response": an `nfm_reply` whose `response_json` is JSON inside a string. Where version 2 of Gupshup's
webhooks puts it is not documented, so it is looked for in each place where the vendors put the parts of a message.
"""

from collections.abc import Iterator
from typing import Any

from gupshup.reading import as_dict, as_text, is_blank, parse_json

#: What `type` may say; the docs of the vendors differ.
TYPES = frozenset({"nfm_reply", "flow_reply", "form"})
#: Not an answer: the sender's own word for the form.
_TOKEN = "flow_token"
_DEEPEST = 8


def answers(payload: dict[str, Any]) -> str | None:
    """The answers, a line "field: answer" for each; None if the message holds no form."""
    inner = as_dict(payload.get("payload"))
    for place in (inner, payload):
        for holder in (
            place,
            as_dict(place.get("nfm_reply")),
            as_dict(as_dict(place.get("interactive")).get("nfm_reply")),
        ):
            if "response_json" in holder:
                return _told(holder["response_json"])
    return as_text(inner.get("text")) if as_text(payload.get("type")).strip().lower() in TYPES else None


def _told(response: object) -> str:
    value = parse_json(response) if isinstance(response, str) else response
    if isinstance(value, dict):
        value = {name: answer for name, answer in value.items() if name != _TOKEN}
    if isinstance(value, dict | list):
        return "\n".join(_lines(value, "", 0))
    return as_text(response)


def _lines(value: object, name: str, depth: int) -> Iterator[str]:
    """Nested answers by their path: "address.city: Omsk"; several answers to one question in one line."""
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        yield f"{name}: {', '.join(map(_answer, value))}"
    elif isinstance(value, dict | list):
        named = value.items() if isinstance(value, dict) else enumerate(value, 1)
        for key, inner in named if depth < _DEEPEST else ():
            yield from _lines(inner, f"{name}.{key}" if name else str(key), depth + 1)
    else:
        yield f"{name}: {_answer(value)}"


def _answer(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else as_text(value)
    return "" if is_blank(text) else " ".join(text.split())
