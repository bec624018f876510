"""Whether a run that waits for certain answers takes a reply."""

from __future__ import annotations

import pytest

from messaging.conversations.replies import accepts


@pytest.mark.parametrize(
    ("accept", "text", "reply_id", "taken"),
    [
        (None, "Да", "", True),
        ([], "Да", "", True),
        (["", "  "], "Да", "", True),
        (["да"], "Да", "", True),
        (["Да"], "  дА ", "", True),
        (["yes"], "Да", "YES", True),
        (["not  today"], "Not today", "", True),
        (["да", "нет"], "Нет", "", True),
        (["да"], "да, конечно", "", False),
        (["да"], "", "", False),
        (["нет"], "Да", "yes", False),
    ],
)
def test_a_reply_is_taken_by_its_text_or_id(accept: list[str] | None, text: str, reply_id: str, taken: bool) -> None:
    assert accepts(accept, {"reply_text": text, "reply_id": reply_id}) is taken
