"""What the tests of messages share: a file's address, a template's id, a menu."""

from typing import Any

from gupshup.messages import ListMenu, Row, Section

URL = "https://files.example.org/a.jpg"
ID = "7c1d9a52-0f3e-4b67-9a18-d2f6b0c4e901"


def menu(*rows: Row, **parts: Any) -> ListMenu:
    return ListMenu("What do you need?", "Show list", (Section("", rows or (Row("Phone"),)),), **parts)
