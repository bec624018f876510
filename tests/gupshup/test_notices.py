"""Messages in which a client says nothing."""

import json

import pytest

from gupshup.webhooks import NOTICES, Notice
from tests.gupshup.recorded import changed, event_of, load


@pytest.mark.parametrize("name", sorted(NOTICES))
def test_a_notice_about_the_chat_is_no_reply(name: str) -> None:
    event, recorded = event_of(f"message__{name}"), json.loads(load(f"message__{name}"))
    assert isinstance(event, Notice)
    assert (event.kind, event.data, event.app_id) == (name, recorded["payload"], recorded["appId"])
    assert event.type_label == f"message.{name}"


@pytest.mark.parametrize("emoji", ["", " ", None])
def test_a_reaction_without_a_sign_was_taken_back(emoji: str | None) -> None:
    assert isinstance(changed("message__reaction", payload={"emoji": emoji, "gsId": "g1"}), Notice)
