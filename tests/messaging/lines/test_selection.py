"""Which line a run sends from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from activities.errors import Refused
from messaging.lines.selection import choose
from messaging.store.models import Conversation

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def line(number: int, name: str, phone: str = "", status: str = "connected") -> Any:
    return SimpleNamespace(id=number, name=name, app_name=f"app{number}", phone=phone, status=status)


def talk(line_id: int, hours: float | None, key: str = "olga", **columns: Any) -> Conversation:
    """A conversation whose last activity was so many hours after START; None: nothing has happened yet."""
    at = None if hours is None else START + timedelta(hours=hours)
    usual: dict[str, Any] = {
        "line_id": line_id,
        "phone_key": key,
        "alias_key": None,
        "last_activity_at": at,
        "last_inbound_at": None,
    }
    return Conversation(**{**usual, **columns})


LINES = [
    line(1, "Sales", "79001112233"),
    line(3, "2", "79007778899"),
    line(2, "Service", "79004445566"),
    line(4, "Sales", "79000000000", status="removed"),
    line(5, "Old", status="removed"),
]


def portal(default: int | None = 1) -> Any:
    return SimpleNamespace(lines=LINES, default_line_id=default)


def chosen(default: int | None, wanted: str, conversations: list[Any]) -> tuple[int, Any]:
    found, conversation = choose(portal(default), wanted, {"olga"}, conversations)
    return found.id, conversation


@pytest.mark.parametrize(
    ("wanted", "line_id"),
    [
        ("1", 1),
        ("Service", 2),
        ("app2", 2),
        ("79004445566", 2),
        ("+7 (900) 444-55-66", 2),
        ("2", 2),
        ("3", 3),
        ("Sales", 1),
    ],
)
def test_a_line_is_named_by_id_name_app_or_phone(wanted: str, line_id: int) -> None:
    assert chosen(None, wanted, []) == (line_id, None)


@pytest.mark.parametrize(
    ("default", "wanted", "code"),
    [
        (1, "nobody", "line_not_found"),
        (1, "445", "line_not_found"),
        (1, "99999999999999999999", "line_not_found"),
        (1, "Old", "line_not_connected"),
        (1, "5", "line_not_connected"),
        (None, "", "line_not_connected"),
        (5, "", "line_not_connected"),
    ],
)
def test_a_line_that_cannot_send_is_refused(default: int | None, wanted: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        chosen(default, wanted, [])
    assert caught.value.code == code


OLD, NEW, ALIAS = talk(1, 1), talk(2, 2), talk(3, 3, "other", alias_key="olga")
FIRST_WORD = talk(3, None, last_inbound_at=START + timedelta(hours=9))


@pytest.mark.parametrize(
    ("conversations", "line_id", "conversation"),
    [
        ([], 1, None),
        ([OLD, NEW], 2, NEW),
        ([NEW, OLD], 2, NEW),
        ([OLD, NEW, ALIAS], 3, ALIAS),
        ([OLD, FIRST_WORD], 3, FIRST_WORD),
        ([talk(2, 5, "another client")], 1, None),
        ([talk(2, None)], 1, None),
        ([talk(5, 9), OLD], 1, OLD),
    ],
    ids=["none", "newest", "order", "alias", "client wrote first", "of others", "nothing happened", "removed line"],
)
def test_the_client_is_written_to_where_they_last_talked(
    conversations: list[Any], line_id: int, conversation: Any
) -> None:
    assert chosen(1, "", conversations) == (line_id, conversation)


def test_a_named_line_brings_its_own_conversation() -> None:
    assert chosen(1, "Sales", [OLD, NEW]) == (1, OLD)
    assert chosen(1, "Service", [OLD]) == (2, None)
