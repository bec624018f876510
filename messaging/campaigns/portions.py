"""What a campaign sends next: a small portion, as much as its lines send in FEED_S, judged when it is queued."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from messaging.campaigns import header_file
from messaging.campaigns.campaign_lines import connected_lines, new_clients_left, sends_now
from messaging.campaigns.composing import composers_for, digest_of, fits, variables_of
from messaging.campaigns.counts import counts, on_line
from messaging.campaigns.hours import opens_at
from messaging.campaigns.judging import Judge, Judged, record
from messaging.campaigns.messages import queue_messages
from messaging.campaigns.recipients import region_of
from messaging.money.spending import Spending, Stop
from messaging.policy.settings import Policy
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, Paused, Recipient, RecipientState
from messaging.store.models import Line, Portal
from messaging.store.pausing import take_back
from messaging.store.types import UTCDateTime

#: The messages queued on a line are at most those that it sends in this time at its pace.
FEED_S = 3.0
FEED = timedelta(seconds=FEED_S)
#: How often a campaign is looked at that has nothing to queue, or waits for its line.
LOOK = timedelta(seconds=30)
#: Recipients of one portion at most, however quick the line.
PORTION = 300
#: Recipients moved from a removed line in one transaction.
MOVED = 2000


class Portion:
    """What a campaign may send next.

    budget: how many recipients may be judged; used: how many were. fed: ids of the lines that got messages.
    """

    def __init__(
        self,
        runtime: Runtime,
        session: Session,
        campaign: Campaign,
        now: datetime,
        budget: int,
        spending: Spending,
    ) -> None:
        self.runtime, self.budget, self.spending = runtime, budget, spending
        #: What keeps lines from sending more: the day's budget, or the account's balance.
        self.stops: set[Stop] = set()
        self.fed: set[int] = set()
        self.used = 0
        self.session, self.campaign, self.now = session, campaign, now
        self.portal = session.get_one(Portal, campaign.portal_id)
        self.lines = connected_lines(session, campaign)

    def feed(self) -> Paused | None:
        """Queue the portion and set when the next one is due, None; or the reason for which the campaign must pause."""
        campaign = self.campaign
        header_file.keep_on(self.session, campaign, self.now)
        composers = composers_for(self.session, self.runtime, campaign, self.lines)
        working = [line for line in self.lines if sends_now(line)]
        if not self._is_template_as_it_was(composers, working):
            return Paused.TEMPLATE
        self._rescue([line.id for line in self.lines], [line.id for line in self.lines if not sends_now(line)])
        judge = Judge(self.runtime, campaign, self.lines, composers)
        left, gap = self._allowed_now()
        limits = {line.id: new_clients_left(self.session, line, self.now) for line in working}
        if limits and max(limits.values()) <= 0 and not on_campaign(self.session, campaign.id):
            return Paused.LIMIT  # what is queued was allowed, and leaves first
        queued = 0
        for line in working:
            room = int(min(self._room(line), left - queued, limits[line.id], PORTION, self.budget - self.used))
            if room > 0:
                queued += self._feed_line(judge, line, room)
        if self.stops and not queued and not on_campaign(self.session, campaign.id):  # what is queued is paid for
            return Paused.BALANCE if "balance" in self.stops else Paused.BUDGET
        campaign.due_at = self.now + (gap if queued or self._is_more_due() else LOOK)
        return None

    def _is_template_as_it_was(self, composers: dict[int, Any], working: Sequence[Line]) -> bool:
        """Whether all lines still have the template that was looked at when the campaign was started."""
        variables = variables_of(self.campaign)
        if any(line.id not in composers or not fits(variables, composers[line.id].info) for line in working):
            return False
        digests = {digest_of(composers[line.id].info) for line in working}
        if not self.campaign.digest and len(digests) == 1:
            self.campaign.digest = digests.pop()
            return True
        return digests == {self.campaign.digest}

    def _rescue(self, known: list[int], silent: list[int]) -> None:
        """Take back what is queued on lines that send nothing now; recipients of removed lines get another line."""
        if silent:
            take_back(self.session, self.campaign.id, silent)
        lost = [line_id for line_id in self.campaign.line_ids if line_id not in known]
        if lost and known:
            take_back(self.session, self.campaign.id, lost)
            orphans = select(Recipient.id).where(
                Recipient.campaign_id == self.campaign.id,
                Recipient.state == RecipientState.PENDING,
                Recipient.line_id.in_(lost),
            )
            some = self.session.scalars(orphans.limit(MOVED)).all()
            moved = update(Recipient).where(Recipient.id.in_(some)).values(line_id=known[0])
            self.session.execute(moved.execution_options(synchronize_session=False))

    def _allowed_now(self) -> tuple[int, timedelta]:
        """How many may be queued by the campaign's own pace, and when the next portion is due."""
        per_minute = self.campaign.per_minute
        if not per_minute:
            return PORTION * len(self.lines), FEED
        portion = ceil(per_minute * FEED_S / 60)
        return portion, timedelta(seconds=60 / (per_minute // portion))  # whole portions

    def _room(self, line: Line) -> int:
        """How many more messages may be queued on the line."""
        return ceil(line.pace * FEED_S) - on_line(self.session, line.id)

    def _feed_line(self, judge: Judge, line: Line, room: int) -> int:
        """Queue up to `room` messages on the line; how many were queued."""
        judged = judge.judge(self.session, self._awake(line, room))
        self.used += len(judged)  # judging costs as much as queueing
        skipped = [one for one in judged if one.reason]
        if skipped:
            record(self.session, skipped)
        go = self._affordable(line, [one for one in judged if not one.reason])
        queued = queue_messages(self.session, self.runtime, self.campaign, go, self.now) if go else 0
        if queued:
            self.fed.add(line.id)
        return queued

    def _awake(self, line: Line, room: int) -> list[Recipient]:
        """Up to `room` next recipients for whom it is a sending hour. If some recipients sleep, a whole portion is looked at:
        the half of an audience that sleeps must not keep the other half waiting."""
        found = self._next(line, room)
        awake = [one for one in found if not self._put_off(one)]
        if len(awake) < len(found):
            self.session.flush()
            awake = [one for one in self._next(line, PORTION) if not self._put_off(one)]
        return awake[:room]

    def _next(self, line: Line, limit: int) -> Sequence[Recipient]:
        asked = {"campaign": self.campaign.id, "line": line.id, "now": self.now, "limit": limit}
        return self.session.scalars(_NEXT, asked).all()

    def _affordable(self, line: Line, judged: list[Judged]) -> list[Judged]:
        """The recipients whose messages budgets and balance pay for."""
        costs = [one.cost(self.runtime, self.portal) for one in judged]
        fits, stop = self.spending.affordable(self.session, self.portal, self.campaign, line.id, costs)
        self.stops |= {stop} if stop is not None else set()
        return judged[:fits]

    def _put_off(self, recipient: Recipient) -> bool:
        """Whether it is no sending hour where the client is; then the recipient waits until it is."""
        region = region_of(self.portal)
        opens = opens_at(self.campaign.hours, Policy.of(self.portal), recipient.phone, region, self.now)
        if opens is not None:
            recipient.due_at = opens
        return opens is not None

    def _is_more_due(self) -> bool:
        self.session.flush()
        mine = (Recipient.campaign_id == self.campaign.id) & (Recipient.state == RecipientState.PENDING)
        due = select(Recipient.id).where(mine, Recipient.due_at <= self.now).limit(1)
        return self.session.scalar(due) is not None or bool(on_campaign(self.session, self.campaign.id))


def on_campaign(session: Session, campaign_id: int) -> int:
    """How many messages of a campaign are queued or being handed over."""
    so_far = counts(session, campaign_id)
    return so_far.by_state["queued"] + so_far.by_state["sending"]


_NEXT = (
    select(Recipient)
    .where(
        Recipient.campaign_id == bindparam("campaign"),
        Recipient.line_id == bindparam("line"),
        Recipient.state == RecipientState.PENDING,
        Recipient.due_at <= bindparam("now", type_=UTCDateTime),
    )
    .order_by(Recipient.due_at, Recipient.id)
    .limit(bindparam("limit"))
)
