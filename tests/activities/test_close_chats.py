"""Closing the item's chats: how many were open, and nothing where Open Channels is not granted."""

import pytest

from activities import ACTIVITIES
from tests.activities.desk import FakeDesk, content, ending, planned

EXAMPLE: dict[str, str] = {}


def test_its_fields() -> None:
    assert content("close_chats") == ending("close_chats") == []
    assert "close_chats" not in ACTIVITIES


@pytest.mark.parametrize(("closed", "has_note"), [(2, False), (0, False), (None, True)])
def test_what_is_answered(closed: int | None, has_note: bool) -> None:
    plan = planned("close_chats", FakeDesk(closed=closed))
    assert plan.values == {"closed": closed or 0}
    assert (plan.note is not None) == has_note
