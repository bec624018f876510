"""The stage that carries campaigns forward: it starts, prepares, feeds, pauses and finishes them.

Fed are small portions, as much as a line sends in FEED_S, behind everything that robots and people send: so pausing is true
at once, and nobody waits behind a campaign. A portion is one transaction with the states of its recipients: a crash sends
nobody twice and loses nobody. Reading and judging an audience goes on a thread (messaging.campaigns.preparing).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import structlog
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from activities.errors import Refused
from bx24.errors import Bx24Error
from gupshup.errors import GupshupError
from messaging.campaigns import changes, recipients
from messaging.campaigns.composing import digest_of
from messaging.campaigns.counts import Counts, counts, on_line
from messaging.campaigns.hours import opens_at
from messaging.campaigns.preparing import Preparing, composers_for, lines_of
from messaging.campaigns.recipients import Judge
from messaging.limits.backoff import backoff_s
from messaging.limits.bounds import share_of_portal
from messaging.policy import tier
from messaging.policy.settings import Policy
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, Paused, Recipient, RecipientState, Skipped
from messaging.store.models import Line, Portal, Run
from messaging.store.sql import among
from messaging.store.states import LineStatus, PortalStatus
from messaging.store.types import UTCDateTime

State = CampaignState
#: So many seconds of a line's pace are queued at most.
FEED_S = 3.0
FEED = timedelta(seconds=FEED_S)
#: A running campaign that has nothing to feed, and one that waits for its line, are looked at so often.
LOOK = timedelta(seconds=30)
#: Recipients of one portion at most, however quick the line.
PORTION = 200
#: A campaign that nobody has looked at for so long asks a person before it goes on.
STALE = timedelta(hours=6)
#: The share of a line's limit of new clients that campaigns leave to robots and people.
LIMIT_SHARE = 0.9
#: A campaign pauses itself if at least so many messages, and so large a part of those that left, have failed.
FAILURES, FAILED_SHARE = 20, 0.25
#: Recipients marked in one transaction after a campaign was cancelled.
CANCEL_GROUP = 2000
TRIES = 8
BACKOFF_S, BACKOFF_MAX_S = 5.0, 300.0
#: Campaigns looked at in one round.
LOOKED_AT = 50
_WAITS_BY_ITSELF = (Paused.LINE_STOPPED, Paused.LIMIT)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Task:
    """A campaign whose audience is to be read and judged."""

    campaign_id: int
    portal_id: int


#: Seconds after which to go on, 0 if it is prepared; or why it could not be.
Result = float | Refused | Bx24Error | GupshupError


class Campaigns:
    """fed: lines that have got messages since somebody last looked."""

    name = "campaigns"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        #: What is being prepared: campaign and portal.
        self.busy: set[tuple[int, int]] = set()
        self.fed: set[int] = set()
        self._share = 1

    def slots(self, threads: int) -> int:
        slots = max(2, threads // 16)
        self._share = share_of_portal(slots)
        return slots

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Task]:
        now = self.runtime.clock()
        asked = {"shards": list(held), "now": now, "limit": LOOKED_AT}
        taken = Counter(portal_id for _, portal_id in self.busy)
        tasks: list[Task] = []
        for campaign in session.scalars(_DUE, asked).all():
            if not self._needs_preparing(session, campaign, now):
                continue
            of_portal = taken[campaign.portal_id]
            if (
                (campaign.id, campaign.portal_id) not in self.busy
                and len(tasks) < free_slots
                and of_portal < self._share
            ):
                taken[campaign.portal_id] += 1
                self.busy.add((campaign.id, campaign.portal_id))
                tasks.append(Task(campaign.id, campaign.portal_id))
        session.flush()
        return tasks

    def _needs_preparing(self, session: Session, campaign: Campaign, now: datetime) -> bool:
        """Do what can be done at once; whether the campaign is to be prepared."""
        match campaign.state:
            case State.SCHEDULED:
                self._begin(session, campaign, now)
            case State.RUNNING:
                self._feed(session, campaign, now)
            case State.PAUSED:
                self._try_again(session, campaign, now)
            case State.CANCELLED:
                self._mark_cancelled(session, campaign, now)
            case State.PREPARING:
                return True
            case _:
                if campaign.wants_check:
                    return True
                campaign.due_at = None
        return False

    # --- preparing ----------------------------------------------------------------------------------------------------

    def _begin(self, session: Session, campaign: Campaign, now: datetime) -> None:
        if campaign.start_at is not None and now - campaign.start_at > STALE:
            changes.put_to_rest(session, campaign, Paused.STALE)
            return
        campaign.state, campaign.due_at = State.PREPARING, now

    def work(self, task: Task) -> Result:
        """Read and judge the audience. On a thread; writes in transactions of its own, for it may take minutes."""
        try:
            return Preparing(self.runtime, task.campaign_id).run()
        except (Refused, Bx24Error, GupshupError) as error:
            return error

    def record(self, session: Session, done: list[tuple[Task, Result]]) -> None:
        for task, result in done:
            self.busy.discard((task.campaign_id, task.portal_id))
            if not isinstance(result, float):
                self._failed(session, task, result)
            elif result and (campaign := session.get(Campaign, task.campaign_id, with_for_update=True)) is not None:
                campaign.due_at = self.runtime.clock() + timedelta(seconds=result)

    def lost(self, session: Session, task: Task) -> None:
        self.busy.discard((task.campaign_id, task.portal_id))
        self._failed(session, task, changes.internal(task.campaign_id))

    def _failed(self, session: Session, task: Task, why: Refused | Bx24Error | GupshupError) -> None:
        campaign = session.get(Campaign, task.campaign_id, with_for_update=True, populate_existing=True)
        if campaign is None or campaign.state not in (State.DRAFT, State.PREPARING):
            return
        campaign.tries += 1
        # What a person must change does not pass by itself; a vendor's trouble, and a fault of ours, may.
        passing = why.code == "internal" if isinstance(why, Refused) else getattr(why, "retryable", True)
        if passing and campaign.tries < TRIES:
            wait_s = backoff_s(campaign.tries, BACKOFF_MAX_S, BACKOFF_S)
            campaign.due_at = self.runtime.clock() + timedelta(seconds=wait_s)
            return
        campaign.problem = changes.problem_of(why)
        campaign.state, campaign.wants_check, campaign.due_at = State.DRAFT, False, None
        campaign.reads += 1
        log.warning("a campaign cannot be prepared", campaign=campaign.id, code=campaign.problem["code"])

    # --- feeding ------------------------------------------------------------------------------------------------------

    def _feed(self, session: Session, campaign: Campaign, now: datetime) -> None:
        if campaign.fed_at is not None and now - campaign.fed_at > STALE:
            changes.put_to_rest(session, campaign, Paused.STALE)
            return
        campaign.fed_at = now
        so_far = counts(session, campaign.id)
        reason = self._trouble(session, campaign, so_far)
        if reason is not None:
            self._rest(session, campaign, reason, now)
            return
        _Portion(self, session, campaign, now).feed()
        if so_far.left == 0 and so_far.by_state["sending"] == 0:
            campaign.state, campaign.due_at, campaign.ended_at = State.FINISHED, None, now
            log.info("campaign finished", portal=campaign.portal_id, campaign=campaign.id, **so_far.by_state)

    def _trouble(self, session: Session, campaign: Campaign, so_far: Counts) -> Paused | None:
        """Why the campaign must not go on now."""
        lines = lines_of(session, campaign)
        if not lines:
            return Paused.LINE_REMOVED
        if all(is_still(line) for line in lines):
            return Paused.LINE_STOPPED
        failed = so_far.by_state["failed"] - campaign.allowed_failures
        left = so_far.sent + so_far.by_state["failed"] - campaign.allowed_failures
        if failed >= FAILURES and failed > left * FAILED_SHARE:
            return Paused.FAILURES
        return None

    def _rest(self, session: Session, campaign: Campaign, reason: Paused, now: datetime) -> None:
        changes.put_to_rest(session, campaign, reason, now + LOOK if reason in _WAITS_BY_ITSELF else None)
        log.warning("campaign paused", portal=campaign.portal_id, campaign=campaign.id, reason=str(reason))

    def _try_again(self, session: Session, campaign: Campaign, now: datetime) -> None:
        """A campaign that waits for its line, or for the next day of a limit, goes on when it can."""
        if campaign.paused_reason not in _WAITS_BY_ITSELF:
            campaign.due_at = None
            return
        lines = lines_of(session, campaign)
        campaign.fed_at, campaign.due_at = now, now + LOOK
        can_go_on = any(not is_still(line) and _limit_left(session, line, now) > 0 for line in lines)
        if can_go_on or not lines:
            campaign.state, campaign.paused_reason, campaign.due_at = State.RUNNING, "", now

    def _mark_cancelled(self, session: Session, campaign: Campaign, now: datetime) -> None:
        mine = (Recipient.campaign_id == campaign.id) & (Recipient.state == RecipientState.PENDING)
        some = session.scalars(select(Recipient.id).where(mine).limit(CANCEL_GROUP)).all()
        if some:
            session.execute(_CANCELLED, {"ids": list(some)})
        campaign.due_at = now if len(some) == CANCEL_GROUP else None


def is_still(line: Line) -> bool:
    """Whether nothing leaves on this line just now."""
    return line.stopped_at is not None or line.paused_at is not None or line.status != LineStatus.CONNECTED


def _limit_left(session: Session, line: Line, now: datetime) -> int:
    """How many new clients campaigns may write to today on this line."""
    used = tier.use(session, line, now)
    if not used.limit:
        return PORTION
    return int(used.limit * LIMIT_SHARE) - used.written - on_line(session, line.id)


class _Portion:
    """What a campaign may send next."""

    def __init__(self, stage: Campaigns, session: Session, campaign: Campaign, now: datetime) -> None:
        self.stage, self.runtime = stage, stage.runtime
        self.session, self.campaign, self.now = session, campaign, now
        self.portal = session.get_one(Portal, campaign.portal_id)
        self.lines = lines_of(session, campaign)

    def feed(self) -> None:
        """Queue the portion, and set when the next one is due."""
        campaign = self.campaign
        shared = (campaign.mapping or {}).get("shared")
        composers = composers_for(self.session, self.runtime, campaign, self.lines, shared)
        working = [line for line in self.lines if not is_still(line)]
        if not self._is_template_as_it_was(composers, working):
            self.stage._rest(self.session, campaign, Paused.TEMPLATE, self.now)
            return
        self._rescue([line.id for line in self.lines], [line.id for line in self.lines if is_still(line)])
        judge = Judge(self.runtime, campaign, self.lines, composers)
        left, gap = self._allowed_now()
        limits = {line.id: _limit_left(self.session, line, self.now) for line in working}
        if limits and max(limits.values()) <= 0:
            self.stage._rest(self.session, campaign, Paused.LIMIT, self.now)
            return
        queued = 0
        for line in working:
            room = min(self._room(line), left - queued, limits[line.id], PORTION)
            if room > 0:
                queued += self._feed_line(judge, line, room)
        campaign.due_at = self.now + (gap if queued or self._is_more_due() else LOOK)

    def _is_template_as_it_was(self, composers: dict[int, Any], working: Sequence[Line]) -> bool:
        """Whether all lines still have the template that was looked at when the campaign was started."""
        if any(line.id not in composers for line in working):
            return False
        digests = {digest_of(composers[line.id].info) for line in working}
        if not self.campaign.digest and len(digests) == 1:
            self.campaign.digest = digests.pop()
            return True
        return digests == {self.campaign.digest}

    def _rescue(self, known: list[int], still: list[int]) -> None:
        """What is queued on a line that is still waits as a recipient; what was meant for a removed line gets another."""
        if still:
            recipients.take_back(self.session, self.campaign.id, still)
        lost = [line_id for line_id in self.campaign.line_ids if line_id not in known]
        if lost and known:
            recipients.take_back(self.session, self.campaign.id, lost)
            self.session.execute(
                update(Recipient)
                .where(
                    Recipient.campaign_id == self.campaign.id,
                    Recipient.state == RecipientState.PENDING,
                    Recipient.line_id.in_(lost),
                )
                .values(line_id=known[0])
                .execution_options(synchronize_session=False)
            )

    def _allowed_now(self) -> tuple[int, timedelta]:
        """How many may be queued by the campaign's own pace, and when the next portion is due."""
        per_minute = self.campaign.per_minute
        if not per_minute:
            return PORTION * len(self.lines), FEED
        portion = max(1, int(per_minute * FEED_S / 60))
        return portion, timedelta(seconds=max(FEED_S, 60 * portion / per_minute))

    def _room(self, line: Line) -> int:
        return ceil(line.pace * FEED_S) - on_line(self.session, line.id)

    def _feed_line(self, judge: Judge, line: Line, room: int) -> int:
        asked = {"campaign": self.campaign.id, "line": line.id, "now": self.now, "limit": room}
        found = self.session.scalars(_NEXT, asked).all()
        awake = [one for one in found if not self._put_off(one)]
        judged = judge.judge(self.session, awake)
        skipped = [one for one in judged if one.reason]
        if skipped:
            recipients.record(self.session, skipped)
        position = self.session.scalar(select(func.max(Run.id))) or 0
        go = [one for one in judged if not one.reason]
        queued = recipients.write_to(self.session, self.runtime, self.campaign, go, position, self.now) if go else 0
        if queued:
            self.stage.fed.add(line.id)
        return queued

    def _put_off(self, recipient: Recipient) -> bool:
        """Whether it is no hour for this client; then the recipient waits until it is."""
        region = recipients.region_of(self.portal)
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
    """How many of its messages are queued or being handed over."""
    so_far = counts(session, campaign_id)
    return so_far.by_state["queued"] + so_far.by_state["sending"]


# Statements are made once: building a statement takes longer than running it.
_DUE = (
    select(Campaign)
    .join(Portal, Portal.id == Campaign.portal_id)
    .where(
        among(Campaign.shard, "shards"),
        Campaign.due_at.is_not(None),
        Campaign.due_at <= bindparam("now", type_=UTCDateTime),
        Portal.status == PortalStatus.ACTIVE,
    )
    # Whoever was fed longest ago comes first: campaigns share a line in turn.
    .order_by(Campaign.due_at, Campaign.id)
    .limit(bindparam("limit"))
    .with_for_update(of=Campaign, skip_locked=True)
    .execution_options(populate_existing=True)
)
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
_CANCELLED = (
    update(Recipient)
    .where(among(Recipient.id, "ids"), Recipient.state == RecipientState.PENDING)
    .values(state=RecipientState.SKIPPED, reason=Skipped.CANCELLED)
    .execution_options(synchronize_session=False)
)
