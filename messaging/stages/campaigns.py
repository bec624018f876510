"""The stage that carries campaigns forward: it starts, prepares, feeds, pauses and finishes them.

A running campaign is fed in small portions (messaging.campaigns.portions), which leave after all that robots and people send:
so a pause takes effect at once, and a campaign delays nobody. A portion and the states of its recipients share one transaction:
a crash sends nothing twice and loses nobody. Audiences are read and judged on a thread (messaging.campaigns.preparing).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from activities.errors import Refused
from bx24.errors import Bx24Error
from gupshup.errors import GupshupError
from messaging.campaigns import events, header_file
from messaging.campaigns.campaign_lines import connected_lines, new_clients_left, sends_now
from messaging.campaigns.counts import Counts, counts
from messaging.campaigns.open_files import OpenFiles
from messaging.campaigns.portions import LOOK, Portion
from messaging.campaigns.preparing import Preparing
from messaging.campaigns.problems import internal, may_pass, stored
from messaging.limits.backoff import backoff_s
from messaging.money import accounts
from messaging.money.spending import Spending, day_of
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, Paused, Recipient, RecipientState, Skipped
from messaging.store.models import Portal
from messaging.store.pausing import pause_campaign
from messaging.store.sql import among, not_among
from messaging.store.states import PortalStatus
from messaging.store.types import UTCDateTime

State = CampaignState
#: A campaign that the worker has not looked at for this time is paused: a person decides whether it goes on.
STALE = timedelta(hours=6)
#: A campaign pauses itself if at least FAILURES messages have failed, and more than FAILED_SHARE of those that left.
FAILURES, FAILED_SHARE = 20, 0.25
#: Recipients marked in one transaction after a campaign was cancelled.
CANCEL_GROUP = 2000
TRIES = 8
BACKOFF_S, BACKOFF_MAX_S = 5.0, 300.0
#: Campaigns looked at in one batch, and recipients judged in it: all other work of the drain waits meanwhile.
LOOKED_AT, BUDGET = 50, 400
#: After a fault of ours a campaign is tried again after this time.
FAULT = timedelta(minutes=5)
_WAITS_BY_ITSELF = (Paused.LINE_STOPPED, Paused.LIMIT, Paused.BUDGET)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Task:
    """A campaign whose audience is to be read and judged."""

    campaign_id: int
    portal_id: int


#: `Preparing.reads` at the end, and seconds until preparing goes on (0: prepared), or why the campaign cannot be prepared.
Result = tuple[int, float | Refused | Bx24Error | GupshupError]


class Campaigns:
    """fed: ids of the lines that got messages since `fed` was last emptied."""

    name = "campaigns"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        #: What is being prepared: campaign and portal.
        self.busy: set[tuple[int, int]] = set()
        self.fed: set[int] = set()
        self.spending = Spending(runtime)
        self.budget = 0
        self.counted = events.Counted(runtime)
        self._open_files = OpenFiles()

    def slots(self, threads: int) -> int:
        return max(2, threads // 16)

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Task]:
        now = self.runtime.clock()
        asked = {"shards": list(held), "now": now, "limit": LOOKED_AT}
        self.budget = BUDGET
        self._open_files.close_left(now)
        for campaign in session.scalars(_DUE, asked).all():
            if self.budget > 0:
                self._carry(session, campaign, now)
        busy = [campaign_id for campaign_id, _ in self.busy]
        taken = {portal_id for _, portal_id in self.busy}
        tasks: list[Task] = []
        for row in session.execute(_TO_PREPARE, {**asked, "busy": busy}).all() if free_slots else ():
            # One campaign of a portal at a time, so that portals with large audiences leave room for the others.
            if len(tasks) < free_slots and row.portal_id not in taken:
                taken.add(row.portal_id)
                self.busy.add((row.id, row.portal_id))
                tasks.append(Task(row.id, row.portal_id))
        return tasks

    def _carry(self, session: Session, campaign: Campaign, now: datetime) -> None:
        """Do what can be done at once. A fault with one campaign delays this campaign only."""
        campaign_id = campaign.id
        was = campaign.state
        try:
            with session.begin_nested():
                self._step(session, campaign, now)
                if campaign.state != was:
                    session.flush()
                    events.state_changed(session, self.runtime, campaign)
        except OperationalError:
            raise
        except Exception:
            log.exception("a campaign cannot go on, it is tried again later", campaign=campaign_id)
            later = update(Campaign).where(Campaign.id == campaign_id).values(due_at=now + FAULT)
            session.execute(later.execution_options(synchronize_session=False))
            session.expire(campaign)

    def _step(self, session: Session, campaign: Campaign, now: datetime) -> None:
        match campaign.state:
            case State.SCHEDULED:
                self._begin(session, campaign, now)
            case State.RUNNING:
                self._feed(session, campaign, now)
            case State.PAUSED:
                self._try_again(session, campaign, now)
            case State.CANCELLED:
                self._mark_cancelled(session, campaign, now)
            case State.FINISHED:
                self._tell_once_more(session, campaign, now)
            case _:
                campaign.due_at = None

    # --- preparing ----------------------------------------------------------------------------------------------------

    def _begin(self, session: Session, campaign: Campaign, now: datetime) -> None:
        if campaign.start_at is not None and now - campaign.start_at > STALE:
            pause_campaign(session, campaign, Paused.STALE)
            return
        early = campaign.start_at is not None and campaign.start_at > now
        campaign.state, campaign.due_at = (State.SCHEDULED, campaign.start_at) if early else (State.PREPARING, now)

    def work(self, task: Task) -> Result:
        """Read and judge the audience. On a thread; writes in transactions of its own, for it may take minutes."""
        preparing = Preparing(self.runtime, task.campaign_id, self._open_files)
        try:
            rest_s = preparing.run()
            return preparing.reads, rest_s
        except (Refused, Bx24Error, GupshupError) as error:
            return preparing.reads, error

    def record(self, session: Session, done: list[tuple[Task, Result]]) -> None:
        for task, result in done:
            self.busy.discard((task.campaign_id, task.portal_id))
            reads, outcome = result
            campaign = self._prepared(session, task, reads)
            if campaign is None:
                continue  # changed meanwhile: the result for its former settings is of no use
            if not isinstance(outcome, float):
                self._failed(session, campaign, outcome)
            elif outcome:
                campaign.due_at = self.runtime.clock() + timedelta(seconds=outcome)

    def lost(self, session: Session, task: Task) -> None:
        self.busy.discard((task.campaign_id, task.portal_id))
        campaign = self._prepared(session, task, None)
        if campaign is not None:
            self._failed(session, campaign, internal(task.campaign_id))

    def _prepared(self, session: Session, task: Task, reads: int | None) -> Campaign | None:
        """The campaign, locked; None if it was changed since it was prepared. reads: `Preparing.reads`, None if not known."""
        campaign = session.get(Campaign, task.campaign_id, with_for_update=True, populate_existing=True)
        is_wanted = campaign is not None and campaign.state in (State.DRAFT, State.PREPARING)
        return campaign if is_wanted and reads in (None, campaign.reads if campaign else None) else None

    def _failed(self, session: Session, campaign: Campaign, why: Refused | Bx24Error | GupshupError) -> None:
        campaign.tries += 1
        if may_pass(why) and campaign.tries < TRIES:
            wait_s = backoff_s(campaign.tries, BACKOFF_MAX_S, BACKOFF_S)
            campaign.due_at = self.runtime.clock() + timedelta(seconds=wait_s)
            return
        campaign.problem = stored(why)
        was = campaign.state
        campaign.state, campaign.wants_check, campaign.due_at = State.DRAFT, False, None
        campaign.reads += 1
        if was != State.DRAFT:
            session.flush()
            events.state_changed(session, self.runtime, campaign)
        log.warning("a campaign cannot be prepared", campaign=campaign.id, code=campaign.problem["code"])

    # --- feeding ------------------------------------------------------------------------------------------------------

    def _feed(self, session: Session, campaign: Campaign, now: datetime) -> None:
        if campaign.fed_at is not None and now - campaign.fed_at > STALE:
            pause_campaign(session, campaign, Paused.STALE)
            return
        campaign.fed_at = now
        so_far = counts(session, campaign.id)
        if so_far.left == 0 and so_far.by_state["sending"] == 0:
            campaign.state, campaign.due_at, campaign.ended_at = State.FINISHED, events.later_than(now, now), now
            header_file.let_go(session, campaign, now)
            log.info("campaign finished", portal=campaign.portal_id, campaign=campaign.id, **so_far.by_state)
            return
        self.counted.tell(session, campaign, so_far, now)
        reason = self._trouble(session, campaign, so_far)
        if reason is not None:
            self._pause(session, campaign, reason, now)
            return
        portion = Portion(self.runtime, session, campaign, now, self.budget, self.spending)
        stop = portion.feed()
        self.budget -= portion.used
        self.fed |= portion.fed
        accounts.hasten(session, portion.fed, now)
        if stop is not None:
            self._pause(session, campaign, stop, now)

    def _trouble(self, session: Session, campaign: Campaign, so_far: Counts) -> Paused | None:
        """Why the campaign must not go on now."""
        lines = connected_lines(session, campaign)
        if not lines:
            return Paused.LINE_REMOVED
        if not any(sends_now(line) for line in lines):
            return Paused.LINE_STOPPED
        failed = so_far.by_state["failed"] - campaign.allowed_failures
        left = so_far.sent + so_far.by_state["failed"] - campaign.allowed_failures
        if failed >= FAILURES and failed > left * FAILED_SHARE:
            return Paused.FAILURES
        return None

    def _pause(self, session: Session, campaign: Campaign, reason: Paused, now: datetime) -> None:
        again_at = now + LOOK if reason in _WAITS_BY_ITSELF else None
        if reason is Paused.BUDGET:
            portal = session.get_one(Portal, campaign.portal_id)
            again_at = day_of(
                portal, day_of(portal, now) + timedelta(hours=36)
            )  # by the portal's clock, summer time or not
        pause_campaign(session, campaign, reason, again_at)
        log.warning("campaign paused", portal=campaign.portal_id, campaign=campaign.id, reason=str(reason))

    def _try_again(self, session: Session, campaign: Campaign, now: datetime) -> None:
        """A campaign that waits for its line, or for the next day of a limit, goes on when it can."""
        if campaign.paused_reason not in _WAITS_BY_ITSELF:
            campaign.due_at = None
            if campaign.paused_reason == Paused.UNINSTALLED:
                events.state_changed(session, self.runtime, campaign)  # not told before: the app was away
            return
        if campaign.due_at is not None and now - campaign.due_at > STALE:
            pause_campaign(session, campaign, Paused.STALE)  # nobody has looked at it for hours: a person decides
            return
        lines = connected_lines(session, campaign)
        campaign.fed_at, campaign.due_at = now, now + LOOK
        if campaign.paused_reason == Paused.BUDGET:  # it is another day, or somebody has changed a budget
            campaign.state, campaign.paused_reason, campaign.due_at = State.RUNNING, "", now
            return
        can_go_on = any(sends_now(line) and new_clients_left(session, line, now) > 0 for line in lines)
        if can_go_on or not lines:
            campaign.state, campaign.paused_reason, campaign.due_at = State.RUNNING, "", now

    def _tell_once_more(self, session: Session, campaign: Campaign, now: datetime) -> None:
        """Messages are read and answered for days after a campaign has ended: tell its counts a few times more."""
        campaign.due_at = events.later_than(campaign.ended_at or now, now)
        events.state_changed(session, self.runtime, campaign)

    def _mark_cancelled(self, session: Session, campaign: Campaign, now: datetime) -> None:
        mine = (Recipient.campaign_id == campaign.id) & (Recipient.state == RecipientState.PENDING)
        some = session.scalars(select(Recipient.id).where(mine).limit(CANCEL_GROUP)).all()
        if some:
            session.execute(_CANCELLED, {"ids": list(some)})
        if len(some) == CANCEL_GROUP:
            campaign.due_at = now
        else:
            self._tell_once_more(session, campaign, now)


# Statements are made once: building a statement takes longer than running it.
_DUE = (
    select(Campaign)
    .join(Portal, Portal.id == Campaign.portal_id)
    .where(
        among(Campaign.shard, "shards"),
        Campaign.due_at.is_not(None),
        Campaign.due_at <= bindparam("now", type_=UTCDateTime),
        Campaign.state.not_in([State.DRAFT, State.PREPARING]),
        Portal.status == PortalStatus.ACTIVE,
    )
    # Whoever was fed longest ago comes first: campaigns share a line in turn.
    .order_by(Campaign.due_at, Campaign.id)
    .limit(bindparam("limit"))
    .with_for_update(of=Campaign, skip_locked=True)
    .execution_options(populate_existing=True)
)
_TO_PREPARE = (
    select(Campaign.id, Campaign.portal_id)
    .join(Portal, Portal.id == Campaign.portal_id)
    .where(
        among(Campaign.shard, "shards"),
        Campaign.due_at.is_not(None),
        Campaign.due_at <= bindparam("now", type_=UTCDateTime),
        or_(Campaign.state == State.PREPARING, (Campaign.state == State.DRAFT) & Campaign.wants_check),
        not_among(Campaign.id, "busy"),
        Portal.status == PortalStatus.ACTIVE,
    )
    .order_by(Campaign.due_at, Campaign.id)
    .limit(bindparam("limit"))
)
_CANCELLED = (
    update(Recipient)
    .where(among(Recipient.id, "ids"), Recipient.state == RecipientState.PENDING)
    .values(state=RecipientState.SKIPPED, reason=Skipped.CANCELLED)
    .execution_options(synchronize_session=False)
)
