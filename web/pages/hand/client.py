"""The client of a card: what the card said when it was opened, and whom of its numbers the person writes to, on which line.

The card is read with the token of the person who opens it; what it says is sealed in a pass, which the page's forms bring
back. So nobody writes to a client whose card is closed to him, and a page holds no number that its viewer must not see.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import wraps
from typing import Any, Self

from flask import Response, make_response, request

from bx24.documents import ENTITY_TYPE_IDS
from messaging.lines import selection
from messaging.portals.client_card import ClientCard, Phone, Value
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from messaging.templates import from_card
from messaging.templates.by_hand import Recipient
from web import passes
from web.context import clean, runtime, typed
from web.frames import Viewer, page
from web.pages.messages import without_phones
from web.pages.shell import ALONE, reads, show
from web.rights import sees_phones

PURPOSE = "hand"


@dataclass(frozen=True)
class Card:
    """A card as its pass keeps it. item: "DEAL_5"."""

    item: str
    title: str
    first_name: str
    phones: tuple[Phone, ...]
    values: tuple[Value, ...]

    @classmethod
    def of(cls, card: ClientCard) -> Self:
        names = {number: name for name, number in ENTITY_TYPE_IDS.items()}
        item = f"{names[card.item[0]]}_{card.item[1]}"
        return cls(item, card.title, card.first_name, card.phones, card.values)

    @classmethod
    def read(cls, said: dict[str, Any]) -> Self:
        """From what `sealed` has put into a pass."""
        phones = tuple(Phone(**one) for one in said["phones"])
        values = tuple(Value(**one) for one in said["values"])
        return cls(said["item"], said["title"], said["first_name"], phones, values)

    def masked(self) -> Self:
        """For a person who may not see phones. A value that holds one is not offered: masked it would be sent as it stands."""
        return replace(
            self,
            title=without_phones(self.title),
            first_name="" if _has_phone(self.first_name) else self.first_name,
            phones=tuple(replace(one, owner=without_phones(one.owner)) for one in self.phones),
            values=tuple(one for one in self.values if not _has_phone(f"{one.title} {one.text}")),
        )

    def sealed(self, viewer: Viewer) -> str:
        """The pass for the forms of this viewer's page."""
        return passes.issue(PURPOSE, viewer, asdict(self))


def _has_phone(text: str) -> bool:
    return without_phones(text) != text


def shown_card(viewer: Viewer, portal: Portal, card: Card) -> Card:
    """The card as this person may see it."""
    return card if sees_phones(viewer, portal) else card.masked()


@dataclass(frozen=True)
class Client:
    """The client that was chosen: `number` of the card's phones, and the line."""

    card: Card
    number: int
    lines: Sequence[Line]
    to: Recipient


def chosen(app: Runtime, portal: Portal, card: Card, number: int, line_id: str) -> Client | None:
    """The client of this number of the card, on this line; "": on the line on which we have talked, else the default one.

    None without such a phone or a line.
    """
    with app.db.read() as session:
        lines = selection.connected(session, portal.id)
    known = {str(line.id): line for line in lines}
    if not 0 <= number < len(card.phones) or not lines or line_id not in {"", *known}:
        return None
    phone = card.phones[number].digits
    line = known.get(line_id) or from_card.talked_on(app, lines, phone)
    line = line or known.get(str(portal.default_line_id)) or lines[0]
    return Client(card, number, lines, from_card.recipient(app, line, phone))


def with_client(view: Callable[..., Response]) -> Callable[..., Response]:
    """For what the page asks: the view gets the viewer, the portal and the client that the form names."""

    @wraps(view)
    def checked(viewer: Viewer, portal: Portal) -> Response:
        try:
            given = passes.read(PURPOSE, viewer, clean(request.form.get("pass", "")))
        except passes.Ended:
            return nothing(viewer, "ended")
        card = shown_card(viewer, portal, Card.read(given))
        number = request.form.get("phone", "")
        client = chosen(
            runtime(),
            portal,
            card,
            int(number) if number.isdecimal() and len(number) < 4 else 0,
            request.form.get("line", ""),
        )
        return view(viewer, portal, client) if client is not None else nothing(viewer, "no_line")

    return reads(checked)


def nothing(viewer: Viewer, reason: str, **more: Any) -> Response:
    """The page that says why there is nobody to write to. reason: a case of hand_bits.html.

    On an open page it stands above the conversation and what was typed, which stay; it is said once, however often it is asked.
    """
    if request.headers.get("HX-Request"):
        if typed("told") == reason:
            return make_response("", 204)
        answer = page("pages/hand_problem.html", viewer, reason=reason, **more)
        answer.headers.update({"HX-Retarget": "#hand-problem", "HX-Reswap": "innerHTML"})
        return answer
    return show("pages/hand_nothing.html", viewer, shell=ALONE, has_banner=False, reason=reason, **more)
