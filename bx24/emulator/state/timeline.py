"""What CRM items show in their timelines: activities, log messages, comments; and the badges of activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Item = tuple[int, int]
"""Entity type and id of a CRM item."""

CONFIGURABLE, TODO = "CONFIGURABLE_REST_APP", "CRM_TODO"
"""PROVIDER_ID of the two kinds of activities that REST can make here."""
DEFAULT_TYPES = {CONFIGURABLE: "CONFIGURABLE", TODO: "TODO"}
"""PROVIDER_TYPE_ID of an activity that names none."""

LOGOS = (
    *("call-play-record", "call-default", "call-incoming", "call-outgoing", "document", "document-print"),
    *("document-signed", "document-draft", "channel-chat", "channel-avito", "channel-apple"),
    *("channel-fb", "channel-fb-chat", "channel-instagram-direct", "channel-bitrix", "channel-ok"),
    *("channel-telegram", "channel-viber", "channel-vk", "channel-vk-order", "channel-whatsapp-bitrix"),
    *("channel-edna", "channel-whatsapp", "mail-outcome", "list-check", "shop", "notification"),
    *("comment", "sms", "shop-eye", "bank-card", "calendar-share", "unread-comment", "task-activity"),
    *("ai-copilot", "zoom", "bizproc", "bizproc-task"),
)
ICONS = (
    *("arrow-up", "arrow-down", "attention", "bank-card", "bizproc", "call", "call-completed", "call-incoming"),
    *("call-outgoing", "camera", "check", "circle-check", "clock", "comment", "complete", "document", "IM", "info"),
    *("list-check", "mail", "mail-outcome", "notification", "pipeline", "relation", "restart", "sms", "store", "task"),
    *("view", "wallet"),
)
"""Codes of the system's icons and logos. Source: crm/lib/service/timeline/layout/common/{icon,logo}.php."""


@dataclass
class Activity:
    """An activity. bindings: the items that show it; the first is its owner. deadline: as the app wrote it, or ""."""

    id: int
    provider: str
    type_id: str
    bindings: list[Item]
    created: float
    author_id: int
    responsible_id: int
    client_id: str = ""
    """The app that made a configurable activity, and that alone may change it."""
    updated: float = 0.0
    updates: int = 0
    completed: bool = False
    incoming: bool = False
    deadline: str = ""
    ping_offsets: list[int] = field(default_factory=list)
    badge_code: str = ""
    originator_id: str | None = None
    origin_id: str | None = None
    title: str = ""
    description: str = ""
    layout: dict[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> Item:
        return self.bindings[0]

    @property
    def is_configurable(self) -> bool:
        return self.provider == CONFIGURABLE

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "kind": "activity", "bindings": [list(item) for item in self.bindings]}


@dataclass
class Note:
    """A log message (kind `log`) or a comment (`comment`) of one item."""

    id: int
    kind: str
    item: Item
    created: float
    author_id: int
    text: str
    title: str = ""
    icon: str = ""
    files: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "item": list(self.item)}


@dataclass(frozen=True)
class Badge:
    """What a card of the board shows while an activity with this code is open. title, value: a text, or by language."""

    code: str
    title: Any
    value: Any
    type: str


@dataclass
class Timeline:
    """Everything in the timelines of one portal."""

    activities: dict[int, Activity] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)
    badges: dict[str, Badge] = field(default_factory=dict)
    types: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Types of `crm.activity.type.add`, by TYPE_ID."""

    def activities_of(self, item: Item) -> list[Activity]:
        return [activity for activity in self.activities.values() if item in activity.bindings]

    def of(self, item: Item) -> list[Activity | Note]:
        """What the item's timeline shows, the newest first."""
        notes = [note for note in self.notes.values() if note.item == item]
        return sorted([*self.activities_of(item), *notes], key=lambda entry: (entry.created, entry.id), reverse=True)

    def badge_of(self, item: Item) -> Badge | None:
        """The badge on the item's card: of its newest open activity that has one."""
        with_badge = [
            activity for activity in self.activities_of(item) if activity.badge_code and not activity.completed
        ]
        newest = max(with_badge, key=lambda activity: activity.id, default=None)
        return self.badges.get(newest.badge_code) if newest else None
