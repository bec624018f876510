"""What the tests of an action need: a desk that answers from tables, and short ways to ask what the action does.

Each action has a test module of its name. It declares `EXAMPLE`, raw fields the action accepts, from which
`test_any_values.py` starts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from activities import ACTIONS, Person
from activities.base import Card, Plan, Shared, load
from activities.errors import Refused, refused
from bx24.i18n import Text
from bx24.properties import Descriptor, describe
from gupshup.templates import TemplateInfo

NOW = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
FILES = "https://waba.example.org/files/"


@dataclass
class FakeDesk:
    """`asked`: what was looked up, in order. contacts, templates: by reference; is_listed: whether templates are known."""

    contacts: Mapping[str, Card] = field(default_factory=dict)
    templates: Mapping[str, TemplateInfo] = field(default_factory=dict)
    is_listed: bool = True
    until: datetime | None = NOW + timedelta(hours=3)
    msgid: str = "run-7"
    region: str = "RU"
    asked: list[tuple[str, ...]] = field(default_factory=list)
    shared: Shared | None = None
    closed: int | None = 0

    def close_chats(self) -> int | None:
        self.asked.append(("close_chats",))
        return self.closed

    def window_until(self) -> datetime | None:
        return self.until

    def now(self) -> datetime:
        return NOW

    def contact(self, reference: str) -> Card:
        self.asked.append(("contact", reference))
        if reference not in self.contacts:
            raise refused("contact_not_found", value=reference, reason=Text("no such contact", "такого контакта нет"))
        return self.contacts[reference]

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        self.asked.append(("file", reference, media, name))
        if self.shared is not None:
            return self.shared
        kind = "image" if media == "auto" else media
        return Shared(kind, f"{FILES}token", name or "price.pdf", "application/octet-stream", 512)

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        self.asked.append(("template", reference, language))
        if not self.is_listed:
            return None
        if reference not in self.templates:
            raise refused("template_not_found", value=reference)
        return self.templates[reference]


def planned(action: str, desk: FakeDesk | None = None, **raw: Any) -> Plan:
    """What becomes of the raw fields of an activity."""
    made = ACTIONS[action]
    values = load(made.schema(Person), made.tidy({"phone": "+79161234567", **raw}))
    return made.plan(values, desk or FakeDesk())


def sent(action: str, desk: FakeDesk | None = None, **raw: Any) -> dict[str, Any]:
    """The form fields of the message, their JSON read."""
    message = planned(action, desk, **raw).message
    assert message is not None
    return {name: json.loads(value) for name, value in message.form().items()}


def refusal(action: str, desk: FakeDesk | None = None, **raw: Any) -> Refused:
    """The refusal of the raw fields."""
    with pytest.raises(Refused) as caught:
        planned(action, desk, **raw)
    return caught.value


def content(action: str) -> list[str]:
    """The action's own fields as registered, each as `short` writes it."""
    return short(describe(ACTIONS[action].Content()))


def ending(action: str) -> list[str]:
    """The fields that say when the workflow goes on, likewise."""
    return short(describe(ACTIONS[action].Ending()))


def results(action: str) -> list[str]:
    """What the action returns to the workflow, likewise."""
    made = ACTIONS[action]
    return short(made.return_properties(made.schema(Person)))


def short(described: Mapping[str, Descriptor]) -> list[str]:
    """Code and type of each; "!" if it is required, "*" if it takes several values: "buttons string!*"."""
    return [
        f"{code} {entry['Type']}{'!' * (entry['Required'] == 'Y')}{'*' * (entry['Multiple'] == 'Y')}"
        for code, entry in described.items()
    ]


def example(action: str) -> dict[str, Any]:
    """Raw fields the action accepts, as its own test module declares them."""
    declared: Mapping[str, Any] = import_module(f"tests.activities.test_{action}").EXAMPLE
    return {"phone": "+79161234567", **declared}
