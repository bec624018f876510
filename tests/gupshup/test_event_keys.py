"""What makes two events the same, and their labels in metrics."""

import json

import pytest

from gupshup.webhooks import key, parse
from tests.gupshup.recorded import EVENTS, changed, event_of, load

# Another spelling of an event that is there already: these must not be counted twice.
REPEATED = {
    "message_event__sent_pricing_inside": "message_event__sent",
    "message_event__delivered_ts_string": "message_event__delivered",
    "message_event__delivered_to_bsuid": "message_event__delivered",
    "message_event__enqueued_template": "message_event__enqueued",
    "message_event__read_gupshup_id_alone": "message_event__read",
    "template_event__category_word": "template_event__category_alert",
}


def test_keys_of_different_events_differ_and_those_of_repetitions_do_not() -> None:
    events = [path.stem for path in EVENTS if not path.stem.startswith("message__")]
    keys = {name: key(event_of(name)) for name in events}
    assert len({keys[name] for name in events if name not in REPEATED}) == len(events) - len(REPEATED)
    assert {name: keys[name] for name in REPEATED} == {name: keys[first] for name, first in REPEATED.items()}
    assert all(len(value) == 64 and int(value, 16) >= 0 for value in keys.values())


def test_a_message_and_its_deletion_have_different_keys_though_their_id_is_one() -> None:
    assert key(event_of("message__text")) != key(event_of("message_event__deleted"))


@pytest.mark.parametrize("name", ["message__text", "message_event__enqueued", "message_event__failed_async",
                                  "message_event__read", "message_event__mismatch"])  # fmt: skip
def test_a_repetition_with_another_envelope_time_has_the_same_key(name: str) -> None:
    later = {**json.loads(load(name)), "timestamp": 1790000099999}
    (event,) = parse(json.dumps(later).encode())
    assert key(event) == key(event_of(name))


def test_a_second_failure_with_another_code_is_another_event() -> None:
    event = changed("message_event__failed_async", payload={"code": 131026})
    assert key(event) != key(event_of("message_event__failed_async"))


def test_a_status_that_comes_back_later_is_another_event() -> None:
    envelope = json.loads(load("template_event__status_approved"))
    (later,) = parse(json.dumps({**envelope, "timestamp": 1790000099999}).encode())
    assert key(later) != key(event_of("template_event__status_approved"))


def test_replies_without_an_id_are_told_apart_by_their_content() -> None:
    first, same, other = (changed("message__text", id=None, payload={"text": text}) for text in ("one", "one", "two"))
    assert key(first) == key(same) != key(other)


def test_unknown_bodies_are_told_apart() -> None:
    assert key(parse(b"<a>")[0]) == key(parse(b"<a>")[0]) != key(parse(b"<b>")[0])


# ------------------------------------------------------------------ metrics


@pytest.mark.parametrize(
    ("name", "label"),
    [("message__list_reply", "message.list"), ("message_event__read", "message-event.read"),
     ("template_event__status_approved", "template-event"), ("account_event__tier", "account-event"),
     ("billing_event__deduction", "billing-event"), ("message__order", "message.unknown")],
)  # fmt: skip
def test_labels_are_short_words(name: str, label: str) -> None:
    assert event_of(name).type_label == label


def test_a_caller_cannot_invent_labels() -> None:
    assert parse(b'{"type":"x1","payload":{}}')[0].type_label == "other"
    assert changed("message__text", type="x2").type_label == "message.unknown"
