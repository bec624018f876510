"""What messages consist of. Checked by the message they go into, which knows their position."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Button:
    """id comes back with the click (`postbackText`); empty: the button's position, "1" to "3"."""

    title: str
    id: str = ""


@dataclass(frozen=True)
class Row:
    """id comes back with the choice (`postbackText`); empty: the row's position in the whole list, from "1"."""

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
