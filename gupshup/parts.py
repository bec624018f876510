"""What messages consist of. Checked by the message they go into, which knows their position."""

from collections.abc import Iterable
from dataclasses import dataclass

#: (id, title) of what a client can tap in a message, in order.
Choices = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Button:
    """id: comes back with the click, see `choices_of`."""

    title: str
    id: str = ""


@dataclass(frozen=True)
class Row:
    """id: comes back with the choice, see `choices_of`."""

    title: str
    description: str = ""
    id: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))


@dataclass(frozen=True)
class Phone:
    """wa_id: digits of a WhatsApp account; with it the card shows "Message", without it "Invite"."""

    phone: str
    wa_id: str = ""
    type: str = "WORK"


def choices_of(parts: Iterable[Button | Row]) -> Choices:
    """The choices of all buttons of a message, or of all its rows. An empty id becomes the position, from "1"."""
    return tuple((part.id or str(position), part.title) for position, part in enumerate(parts, 1))
