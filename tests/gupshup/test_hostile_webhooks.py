"""Webhooks that are no honest ones: broken, huge, mutated, of any bytes. Nothing makes the parser raise."""

import copy
import hashlib
import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gupshup.webhooks import (
    MOST_ENTRIES,
    READ_BYTES,
    OtherEvent,
    Reply,
    ReplyType,
    Status,
    Unknown,
    key,
    parse,
)
from tests.gupshup.recorded import EVENTS, load


class Hashed:
    """Stands in for hashlib.sha256 and counts the bytes it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self._sha256 = hashlib.sha256
        monkeypatch.setattr(hashlib, "sha256", self)

    def __call__(self, data: bytes) -> Any:
        self.bytes += len(data)
        return self._sha256(data)


HOSTILE_LISTS: list[tuple[bytes, bytes]] = [
    (b"0", b"[]"),
    (b"{}", b'{"type":""}'),
    (b'{"entry":0}', b"null"),
]


@pytest.mark.parametrize("entries", HOSTILE_LISTS, ids=str)
def test_a_list_of_nothing_costs_one_hash_of_its_body(
    entries: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = Hashed(monkeypatch)
    for entry in entries:
        body = b"[" + b",".join([entry] * 1_500) + b"]"
        before = hashed.bytes
        assert {type(event) for event in parse(body)} == {Unknown}
        assert hashed.bytes - before == len(body)


def test_entries_beyond_the_limit_are_one_unknown() -> None:
    event = load("message_event__read")
    full = parse(b"[" + b",".join([event] * MOST_ENTRIES) + b"]")
    assert [type(one) for one in full] == [Status] * MOST_ENTRIES
    over = parse(b"[" + b",".join([event] * (MOST_ENTRIES + 500)) + b"]")
    assert over[:MOST_ENTRIES] == full
    (rest,) = over[MOST_ENTRIES:]
    assert isinstance(rest, Unknown)
    assert rest.reason == "more than 100 entries"


def test_a_body_over_256_kilobytes_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = load("message__text").ljust(READ_BYTES)
    assert isinstance(parse(longest)[0], Reply)
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("the body is read"))
    (event,) = parse(longest + b" ")
    assert isinstance(event, Unknown)
    assert event.reason == "longer than 262144 bytes"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


def check_sane(body: bytes) -> None:
    events = parse(body)
    assert events
    for event in events:
        assert len(key(event)) == 64
        assert len(event.type_label) < 40
        assert event.at is None or event.at.tzinfo is UTC
        if isinstance(event, Reply):
            assert isinstance(event.type, ReplyType)
            event.text.encode()


@given(st.binary())
def test_no_bytes_make_it_raise(body: bytes) -> None:
    check_sane(body)


@given(JSON)
def test_no_json_makes_it_raise(value: object) -> None:
    check_sane(json.dumps(value).encode())


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for step, inner in steps for path in paths(inner, (*at, step)))]


@given(st.data())
def test_no_value_in_any_place_of_a_real_event_makes_it_raise(data: st.DataObject) -> None:
    envelope = copy.deepcopy(json.loads(data.draw(st.sampled_from(EVENTS)).read_bytes()))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from([path for path in paths(envelope) if path]))
        place = envelope
        for step in way:
            place = place[step]
        place[last] = data.draw(JSON)
    check_sane(json.dumps(envelope).encode())


@pytest.mark.parametrize("depth", [100, 900, 950, 100_000])
def test_no_depth_of_nesting_makes_it_raise(depth: int) -> None:
    check_sane(b'{"type":"system-event","payload":{"a":' + b"[" * depth + b"]" * depth + b"}}")


def test_data_too_deep_to_be_written_still_has_a_key() -> None:
    # How deep JSON may be read and how deep written differs between Python versions.
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(key(OtherEvent(type="system-event", data={"a": deep}))) == 64
