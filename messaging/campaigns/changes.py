"""What people do with campaigns: create, edit, check, start, pause, resume, cancel, copy, delete.

Each change first locks the campaign's row and looks at its state: of two people who press at the same moment, the second gets
WrongState. `also` is called at the end of the change, in its transaction. The worker does what a change leaves to be done
(messaging.stages.campaigns).
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from messaging.campaigns import events, header_file, recipients
from messaging.campaigns.audience import WHOLE, Kind
from messaging.campaigns.counts import counts
from messaging.campaigns.recipients import Entry
from messaging.money import accounts
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, Paused
from messaging.store.models import Portal, shard_of
from messaging.store.pausing import pause_all, pause_campaign, take_back

State = CampaignState
#: States in which a campaign may be on its way.
OPEN = (State.SCHEDULED, State.PREPARING, State.RUNNING, State.PAUSED)
#: Campaigns of one portal that may be open at the same time, and drafts it may have.
OPEN_AT_MOST, DRAFTS_AT_MOST = 20, 200
#: A paused campaign is cancelled when nobody has resumed it for this time.
PAUSED_KEPT = timedelta(days=90)
#: Recipients of one campaign.
AUDIENCE_AT_MOST = 100_000
#: The settings that `edit` takes: AUDIENCE says who gets the campaign, CONTENT what they get, PLAN when and at which cost.
AUDIENCE = frozenset({"audience"})
CONTENT = frozenset({"line_ids", "template", "language", "mapping"})
PLAN = frozenset({"name", "hours", "per_minute", "start_at", "budget", "budget_currency"})
T = TypeVar("T")
#: What is to be written in the transaction of a change.
Also = Callable[[Session, Campaign], None]
log = structlog.get_logger(__name__)


class WrongState(Exception):
    """The campaign is by now in a state that does not allow the change. state: which."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the campaign is {state}")
        self.state = state


class TooMany(Exception):
    """A limit of the portal or the campaign is reached. limit: how many campaigns or recipients there may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit}")
        self.limit = limit


def find(session: Session, portal_id: int, key: str, lock: bool = False) -> Campaign:
    """A campaign of the portal. Raises LookupError."""
    mine = select(Campaign).where(Campaign.key == key, Campaign.portal_id == portal_id)
    found = session.scalar(mine.with_for_update() if lock else mine)
    if found is None:
        raise LookupError(key)
    return found


def create(
    runtime: Runtime,
    portal_id: int,
    user_id: int,
    name: str,
    rows: Sequence[recipients.Row] = (),
    also: Also | None = None,
    **settings: Any,
) -> str:
    """A new draft; its key. settings: as of `edit`; rows: its recipients. Raises TooMany."""
    with runtime.db.write() as session:
        session.get_one(Portal, portal_id, with_for_update=True)
        _room(session, portal_id, [State.DRAFT], DRAFTS_AT_MOST)
        made = Campaign(
            key=secrets.token_urlsafe(12),
            portal_id=portal_id,
            shard=shard_of(portal_id),
            name=name[:200],
            created_by=user_id,
            created_at=runtime.clock(),
            **{"line_ids": [], "mapping": {}, **settings},
        )
        session.add(made)
        session.flush()
        if rows:
            made.read_at = runtime.clock()
            recipients.store(session, made.id, rows)
        if also is not None:
            also(session, made)
        return made.key


def begin(runtime: Runtime, portal_id: int, user_id: int, name: str, hours: str) -> str:
    """The key of a draft with these sending hours: a new one, or this person's newest draft if nothing is chosen in it.

    So a person who opens a campaign and closes it again, day after day, does not fill the portal with drafts. Raises TooMany.
    """
    mine = (Campaign.portal_id == portal_id) & (Campaign.state == State.DRAFT) & (Campaign.created_by == user_id)
    with runtime.db.read() as session:
        newest = session.scalar(select(Campaign).where(mine).order_by(Campaign.id.desc()).limit(1))
    if newest is not None and newest.audience is None and not newest.line_ids and not newest.template:
        return newest.key
    return create(runtime, portal_id, user_id, name, hours=hours)


def _room(session: Session, portal_id: int, states: list[State], limit: int) -> None:
    of_portal = select(Campaign.id).where(Campaign.portal_id == portal_id, Campaign.state.in_(states))
    if len(session.scalars(of_portal.limit(limit)).all()) >= limit:
        raise TooMany(limit)


def edit(runtime: Runtime, portal_id: int, key: str, **settings: Any) -> None:
    """Change a draft. settings: columns of AUDIENCE, CONTENT and PLAN. Raises LookupError, WrongState."""

    def change(session: Session, campaign: Campaign) -> None:
        if "mapping" in settings:
            settings["mapping"] = header_file.carried(campaign.mapping, settings["mapping"])
        changed = {name for name, value in settings.items() if getattr(campaign, name) != value}
        for name in changed:
            setattr(campaign, name, settings[name])
        if changed & (AUDIENCE | CONTENT):
            _check_anew(campaign)
        is_kept = (campaign.audience or {}).get("kind") in WHOLE
        if changed & AUDIENCE or ("mapping" in changed and not is_kept):
            campaign.read_at = campaign.cursor = None  # other fields or columns may be wanted now

    _change(runtime, portal_id, key, (State.DRAFT,), change)


def take_header(runtime: Runtime, portal_id: int, key: str, file: dict[str, Any]) -> None:
    """Make an uploaded file the header of a draft. file: of header_file.uploaded. Raises LookupError, WrongState."""

    def change(session: Session, campaign: Campaign) -> None:
        campaign.mapping = header_file.with_uploaded(campaign.mapping, file)
        _check_anew(campaign)

    _change(runtime, portal_id, key, (State.DRAFT,), change)


def _check_anew(campaign: Campaign) -> None:
    """Forget what a check has found out about the recipients; a check that is under way stores nothing more."""
    campaign.checked_at, campaign.checked_id, campaign.problem = None, 0, None
    campaign.reads += 1
    campaign.tries = 0


def add(runtime: Runtime, portal_id: int, key: str, entries: list[Entry], also: Also | None = None) -> int:
    """Add recipients to a draft, in the place of those from another source; how many were taken.

    Raises LookupError, WrongState, TooMany.
    """
    with runtime.db.read() as session:
        region = recipients.region_of(session.get_one(Portal, portal_id))
    rows = recipients.rows_of(runtime, entries, region)

    def change(session: Session, campaign: Campaign) -> bool:
        if (campaign.audience or {}).get("kind") != Kind.PHONES and not _is_empty(session, campaign):
            return False
        if counts(session, campaign.id).audience + len(rows) > AUDIENCE_AT_MOST:
            raise TooMany(AUDIENCE_AT_MOST)
        campaign.audience = {"kind": Kind.PHONES}
        _check_anew(campaign)
        campaign.read_at = runtime.clock()
        recipients.store(session, campaign.id, rows)
        if also is not None:
            also(session, campaign)
        return True

    _change_until(runtime, portal_id, key, change)
    return len(rows)


def clear(runtime: Runtime, portal_id: int, key: str) -> None:
    """Forget a draft's recipients and where they come from. Raises LookupError, WrongState."""
    _change_until(runtime, portal_id, key, _is_empty)


def remove(runtime: Runtime, portal_id: int, key: str) -> None:
    """Delete a draft with its recipients. Raises LookupError, WrongState."""

    def change(session: Session, campaign: Campaign) -> bool:
        if not _is_empty(session, campaign):
            return False
        session.delete(campaign)
        return True

    _change_until(runtime, portal_id, key, change)


def _is_empty(session: Session, campaign: Campaign) -> bool:
    """Forget where a draft's recipients come from, and some of the recipients; whether none are left.

    Between two calls the draft has no source: it cannot be started, and what is left is deleted when another source is read.
    """
    campaign.audience = campaign.read_at = campaign.cursor = None
    _check_anew(campaign)
    return not recipients.forget_some(session, campaign.id)


def _change_until(runtime: Runtime, portal_id: int, key: str, change: Callable[[Session, Campaign], bool]) -> None:
    """Call `change` until it returns True, each time in a transaction of its own: others wait for a long one."""
    while not _change(runtime, portal_id, key, (State.DRAFT,), change):
        pass


def check(runtime: Runtime, portal_id: int, key: str) -> None:
    """Let the worker read and judge the recipients of a draft: the dry run. Raises LookupError, WrongState."""

    def change(session: Session, campaign: Campaign) -> None:
        _check_anew(campaign)
        campaign.wants_check, campaign.due_at = True, runtime.clock()

    _change(runtime, portal_id, key, (State.DRAFT,), change)


def start(runtime: Runtime, portal_id: int, key: str, also: Also | None = None) -> None:
    """Start a draft, at its `start_at` or now. The caller has checked that nothing is missing.

    Raises LookupError, WrongState, TooMany.
    """

    def change(session: Session, campaign: Campaign) -> None:
        _room(session, portal_id, list(OPEN), OPEN_AT_MOST)
        campaign.wants_check = False
        _begin(campaign, runtime.clock())

    _change(runtime, portal_id, key, (State.DRAFT,), change, also)


def _begin(campaign: Campaign, now: datetime) -> None:
    _check_anew(campaign)
    later = campaign.start_at is not None and campaign.start_at > now
    campaign.state = State.SCHEDULED if later else State.PREPARING
    campaign.due_at = campaign.start_at if later else now


def unschedule(runtime: Runtime, portal_id: int, key: str) -> None:
    """Make a draft of a campaign that has not begun. Raises LookupError, WrongState."""

    def change(session: Session, campaign: Campaign) -> None:
        campaign.state, campaign.due_at = State.DRAFT, None
        _check_anew(campaign)

    _change(runtime, portal_id, key, (State.SCHEDULED, State.PREPARING), change)


def pause(runtime: Runtime, portal_id: int, key: str, also: Also | None = None) -> None:
    """Pause: nothing more leaves but what is being handed over at this moment. Raises LookupError, WrongState."""
    _change(
        runtime,
        portal_id,
        key,
        (State.RUNNING, State.PAUSED),
        lambda session, campaign: pause_campaign(session, campaign, Paused.BY_HAND),
        also,
    )


def resume(runtime: Runtime, portal_id: int, key: str, also: Also | None = None) -> None:
    """Go on; a campaign that has not begun begins, at its `start_at` if that is to come. Past failures do not pause it again.

    Raises LookupError, WrongState.
    """

    def change(session: Session, campaign: Campaign) -> None:
        now = runtime.clock()
        if campaign.paused_reason == Paused.TEMPLATE:
            campaign.digest = ""  # the person has seen the template as it is now
        if campaign.paused_reason == Paused.BALANCE:
            accounts.doubt(session, campaign.line_ids or [], now)
        campaign.state, campaign.paused_reason = State.RUNNING, ""
        campaign.due_at = campaign.fed_at = now
        campaign.allowed_failures = counts(session, campaign.id).by_state["failed"]
        if campaign.started_at is None:
            _begin(campaign, now)

    _change(runtime, portal_id, key, (State.PAUSED,), change, also)


def set_budget(runtime: Runtime, portal_id: int, key: str, budget: int | None, currency: str) -> None:
    """What a campaign may cost a day, in millionths; None: any sum. Raises LookupError, WrongState.

    A campaign that waits because its budget is reached looks again.
    """

    def change(session: Session, campaign: Campaign) -> None:
        campaign.budget, campaign.budget_currency = budget, currency if budget is not None else ""
        if campaign.paused_reason == Paused.BUDGET:
            campaign.due_at = runtime.clock()

    _change(runtime, portal_id, key, (State.DRAFT, *OPEN), change)


def look_again(runtime: Runtime, portal_id: int) -> None:
    """Let the portal's campaigns that wait because of a budget be looked at: a line's budget was changed."""
    waiting = (Campaign.portal_id == portal_id) & (Campaign.paused_reason == Paused.BUDGET)
    with runtime.db.write() as session:
        session.execute(update(Campaign).where(waiting).values(due_at=runtime.clock()))
    runtime.wakeups.notify([shard_of(portal_id)])


def cancel(runtime: Runtime, portal_id: int, key: str, also: Also | None = None) -> None:
    """Cancel a campaign: nothing more leaves, and the worker marks the recipients left. Raises LookupError, WrongState."""

    _change(runtime, portal_id, key, OPEN, lambda session, campaign: end(session, campaign, runtime.clock()), also)


def end(session: Session, campaign: Campaign, now: datetime) -> None:
    """Cancel a locked campaign."""
    take_back(session, campaign.id)
    campaign.state, campaign.paused_reason = State.CANCELLED, ""
    campaign.reads += 1
    campaign.ended_at = campaign.due_at = now
    header_file.let_go(session, campaign, now)


def pause_all_campaigns(runtime: Runtime, stored_before: datetime) -> int:
    """Pause all campaigns that would go on by themselves, and say how many: after a backup was restored, some of their
    recipients may have been written to already."""

    def rest(session: Session) -> int:
        found = pause_all(session, Paused.RESTORED, Campaign.created_at <= stored_before)
        for campaign in found:
            events.state_changed(session, runtime, campaign)
        return len(found)

    return runtime.db.write_again(rest)


def copy(runtime: Runtime, portal_id: int, key: str, user_id: int, name: str) -> str:
    """A draft with the same settings and the same source of recipients; its key. Raises LookupError, TooMany."""
    with runtime.db.read() as session:
        old = find(session, portal_id, key)
    new = create(runtime, portal_id, user_id, name)
    with runtime.db.write() as session:
        made = find(session, portal_id, new)
        for column in ("line_ids", "template", "language", "hours", "per_minute", "budget", "budget_currency"):
            setattr(made, column, getattr(old, column))
        made.mapping = header_file.copied(old.mapping)
        made.audience = old.audience if (old.audience or {}).get("kind") == Kind.CRM else None
    return new


def _change(
    runtime: Runtime,
    portal_id: int,
    key: str,
    states: tuple[State, ...],
    change: Callable[[Session, Campaign], T],
    also: Also | None = None,
) -> T:
    with runtime.db.write() as session:
        campaign = find(session, portal_id, key, lock=True)
        was = campaign.state
        if was not in states:
            raise WrongState(was)
        done = change(session, campaign)
        session.flush()
        if campaign.state != was:
            events.state_changed(session, runtime, campaign)
        if also is not None:
            also(session, campaign)
        log.info("campaign changed", portal=portal_id, campaign=campaign.id, was=was, state=campaign.state)
        shard = campaign.shard
    runtime.wakeups.notify([shard])
    return done
