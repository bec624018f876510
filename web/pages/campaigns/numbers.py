"""Counts of campaigns as pages show them, remembered for a moment: however many poll, they are counted once."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from messaging.campaigns.counts import Counts, counts, failures
from messaging.campaigns.repeats import Missed, missed_by
from messaging.store.campaigns import Campaign, CampaignState
from web.context import runtime

T = TypeVar("T")
_MOST = 500


class Remembered(Generic[T]):
    """Values of this process that are made anew when they are older than `keep`; at most 500 of them.

    While one thread makes a value anew, the others take the old one.
    """

    def __init__(self, keep: timedelta) -> None:
        self._keep = keep
        self._lock = Lock()
        self._values: dict[Hashable, tuple[datetime, T]] = {}
        self._making: set[Hashable] = set()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`; `make` makes it if it is too old or not known."""
        now = runtime().clock()
        with self._lock:
            kept = self._values.get(key)
            if kept is not None and (timedelta() <= now - kept[0] < self._keep or key in self._making):
                return kept[1]
            self._making.add(key)
        try:
            made = make()
        finally:
            with self._lock:
                self._making.discard(key)
        with self._lock:
            if len(self._values) >= _MOST:
                self._values.clear()
            self._values[key] = (now, made)
        return made


_moving: Remembered[tuple[Counts, dict[str, int]]] = Remembered(timedelta(seconds=2))
_ended: Remembered[tuple[Counts, dict[str, int]]] = Remembered(timedelta(seconds=60))


def counted(campaign: Campaign) -> tuple[Counts, dict[str, int]]:
    """How far it has come, and its failures by code; not older than two seconds, a minute a day after its end."""

    def make() -> tuple[Counts, dict[str, int]]:
        with runtime().db.read() as session:
            return counts(session, campaign.id), failures(session, campaign.id)

    is_old = campaign.ended_at is not None and runtime().clock() - campaign.ended_at > timedelta(days=1)
    is_draft = campaign.state == CampaignState.DRAFT
    # What a person changes in a draft is seen at once; what the worker does with others, in a moment.
    key = (campaign.key, campaign.state, campaign.reads if is_draft else 0)
    return (_ended if is_old else _moving).get(key, make)


_missed: Remembered[dict[Missed, int]] = Remembered(timedelta(seconds=10))


def missed(campaign: Campaign) -> dict[Missed, int]:
    """Whom it has missed → recipients, but for those whose messages failed; not older than ten seconds."""
    so_far, _failed = counted(campaign)

    def make() -> dict[Missed, int]:
        with runtime().db.read() as session:
            return missed_by(session, campaign.id, so_far)

    return _missed.get((campaign.key, campaign.state), make)
