"""What customers' systems are told of campaigns: each new state, and its counts, each minute and at moments `AFTER` its end."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from messaging.callbacks import telling
from messaging.callbacks.listeners import wanted
from messaging.campaigns.counts import Counts, counts
from messaging.runtime import Runtime
from messaging.store.callbacks import Event
from messaging.store.campaigns import Campaign

EVERY = timedelta(minutes=1)
#: So long after its end a campaign's counts are told once more: clients read and answer late, for three days they count.
AFTER = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(hours=73))
#: How many campaigns a process remembers; with more, all are forgotten.
REMEMBERED = 1_000


def state_changed(session: Session, runtime: Runtime, campaign: Campaign) -> None:
    """Tell the new state of a campaign; the caller has already written it."""
    if wanted(session, campaign.portal_id, Event.CAMPAIGN_STATE):
        telling.campaign_changed(session, runtime, campaign, counts(session, campaign.id).to_dict())


def later_than(ended_at: datetime, now: datetime) -> datetime | None:
    """When the counts of a campaign that has ended are told next; None: never again."""
    return next((ended_at + after for after in AFTER if ended_at + after > now), None)


class Counted:
    """Tells the counts of running campaigns; one object per process remembers what was told last."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        #: Campaign → when and which counts were told last.
        self._last: dict[int, tuple[datetime, Counts]] = {}

    def tell(self, session: Session, campaign: Campaign, so_far: Counts, now: datetime) -> None:
        """Tell these counts, unless others were told within EVERY, or the same ones."""
        known = self._last.get(campaign.id)
        if known is not None and (now - known[0] < EVERY or known[1] == so_far):
            return
        if not wanted(session, campaign.portal_id, Event.CAMPAIGN_STATE):
            return
        if len(self._last) >= REMEMBERED:
            self._last.clear()
        self._last[campaign.id] = now, so_far
        if known is not None:  # else it was told a moment ago, with its state
            telling.campaign_changed(session, self.runtime, campaign, so_far.to_dict())
