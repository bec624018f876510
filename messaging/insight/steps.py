"""The steps of a timeline: one thing that happened each, in the order of time, with the pauses between them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from bx24.i18n import Text
from messaging.store.states import Origin

#: A pause longer than this is shown and, if its reason is known, explained.
GAP = timedelta(minutes=1)
#: Side of a run, or origin of a message without one → the sign of its first step: who wanted it.
FIRST_SIGNS: dict[str, str] = {
    "robots": "robot",
    "activities": "robot",
    Origin.API: "link",
    Origin.CAMPAIGN: "list",
    Origin.OPERATOR: "person",
    Origin.MANUAL: "person",
    Origin.PROVIDER: "message",
}
#: Signs of the steps that a message itself goes through, from whoever wanted it to the client's phone.
_SIGNS_OF_THE_MESSAGE = {*FIRST_SIGNS.values(), "clock", "up", "tick", "double-tick", "question", "cross"}


@dataclass(frozen=True)
class Step:
    """One thing that happened.

    at: None for what is still awaited. sign: an icon; mood: ok, bad, warn, info or "".
    quote: the client's words, for the page alone. details: name → value.
    raw: JSON as Gupshup got it from us or sent it to us, masked.
    waited: how long nothing happened before this step, if longer than GAP; because: the reason, if it is known.
    """

    at: datetime | None
    words: Text
    sign: str = "check"
    mood: str = ""
    quote: str = ""
    details: tuple[tuple[Text, str], ...] = ()
    raw: str = ""
    waited: timedelta | None = None
    because: Text | None = None


def in_order(steps: list[Step]) -> list[Step]:
    """The steps by time, those that are still awaited last.

    The steps of the message itself keep the order they are given in: Gupshup's times are whole seconds and its clock is
    not ours, so a later step may bear an earlier time.
    """
    zone = steps[0].at.tzinfo if steps[0].at else None
    latest, end = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
    keyed = []
    for number, step in enumerate(steps):
        at = step.at or end
        if step.at is not None and step.sign in _SIGNS_OF_THE_MESSAGE:
            at = latest = max(latest, at)
        keyed.append((at, number, step))
    return [step for _, _, step in sorted(keyed, key=lambda entry: entry[:2])]


def with_gaps(steps: list[Step], reason: Callable[[Step, Step], Text | None]) -> list[Step]:
    """The same steps; each that follows a long pause says how long, and why if `reason(before, after)` knows."""
    shown = steps[:1]
    for before, after in pairwise(steps):
        gap = after.at - before.at if after.at and before.at else timedelta()
        shown.append(replace(after, waited=gap, because=reason(before, after)) if gap > GAP else after)
    return shown
