"""Budgets of a day: of a line, and of a campaign. A day is the portal's.

A budget stops campaigns. Robots, people and the API go on above a line's budget, for they answer to what a client or an
employee has just done; their messages count, though, and the pages warn (decision 0044). What is spent is summed from the
messages themselves, so it survives any crash; between two sums a process adds what it has queued.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from messaging.money import accounts
from messaging.money.accounts import RESERVE, Left
from messaging.money.table import Cost
from messaging.policy import zones
from messaging.policy.settings import Policy
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from messaging.store.money import LineAccount
from messaging.store.reports import ReportDay, ReportKey

#: A sum is as old as that at most; what robots spend meanwhile may go beyond a budget.
KEPT = timedelta(seconds=30)
#: A remembered sum that stops a campaign is computed again when it is older than this.
DOUBTED = timedelta(seconds=5)
#: From this share of a budget on people are warned.
WARN_FROM = 0.8
#: Days whose average is the cost of a usual day.
USUAL = 7
#: Without a usual day a balance below this, in millionths, is low: Gupshup itself warns at 5 units (gupshup-2.md 3.1).
LOW = 5_000_000
#: The longest that a balance may be asked to last, days.
MOST_DAYS = 60
#: Sums kept in one process.
_MOST = 2_000
Stop = Literal["budget", "balance"]


@dataclass(frozen=True)
class Budget:
    """amount, spent: today, in millionths of `currency`."""

    amount: int
    spent: int
    currency: str

    @property
    def left(self) -> int:
        return max(0, self.amount - self.spent)

    @property
    def is_high(self) -> bool:
        """Whether people should be warned."""
        return self.spent >= self.amount * WARN_FROM

    @property
    def is_reached(self) -> bool:
        return self.spent >= self.amount


@dataclass(frozen=True)
class Supply:
    """What an account has left. a_day: what a usual day costs, in millionths, 0: not known; wanted_days: it should last."""

    left: Left
    a_day: int
    wanted_days: int

    @property
    def days(self) -> int | None:
        """For how many usual days it lasts; None: nobody can tell."""
        return max(0, self.left.amount) // self.a_day if self.a_day else None

    @property
    def is_low(self) -> bool:
        """Whether people should be warned."""
        return self.left.amount < (self.wanted_days * self.a_day if self.a_day else LOW)


def day_of(portal: Portal, now: datetime) -> datetime:
    """When the portal's day has begun."""
    local = now.astimezone(zones.of(Policy.of(portal), portal.region, portal.language, portal.phone_region))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def of_line(session: Session, portal: Portal, line_id: int, now: datetime) -> Budget | None:
    """A line's budget and what is spent of it; None if it has none."""
    account = accounts.of_lines(session, [line_id]).get(line_id)
    if account is None or account.budget is None:
        return None
    gone = accounts.spent(session, [line_id], day_of(portal, now), account.budget_currency)
    return Budget(account.budget, gone, account.budget_currency)


def supply(session: Session, portal: Portal, account: LineAccount | None, now: datetime) -> Supply | None:
    """For how long a line's account lasts; None if nobody has told its balance."""
    return supplies(session, portal, [account], now).get(account.line_id) if account is not None else None


def supplies(session: Session, portal: Portal, known: Collection[LineAccount], now: datetime) -> dict[int, Supply]:
    """The same by line, of all whose balance is known, in two statements."""
    lefts = accounts.left_of(session, known)
    usual = _usual_days(session, portal, list(lefts), now) if lefts else {}
    wanted = Policy.of(portal).balance_days
    return {line_id: Supply(left, usual.get((line_id, left.currency), 0), wanted) for line_id, left in lefts.items()}


def _usual_days(session: Session, portal: Portal, line_ids: Sequence[int], now: datetime) -> dict[tuple[int, str], int]:
    """Line, currency → what the line's messages have cost a day, on average of the last USUAL days, as reports count them."""
    today = day_of(portal, now).date()
    mine = (ReportDay.portal_id == portal.id, ReportDay.day >= today - timedelta(days=USUAL), ReportDay.day < today)
    costs = (
        select(ReportKey.line_id, ReportKey.currency, func.sum(ReportDay.cost))
        .join_from(ReportDay, ReportKey, ReportKey.id == ReportDay.key_id)
        .where(*mine, ReportKey.line_id.in_(line_ids))
        .group_by(ReportKey.line_id, ReportKey.currency)
    )
    return {(line_id, currency): int(cost or 0) // USUAL for line_id, currency, cost in session.execute(costs)}


def of_campaign(session: Session, portal: Portal, campaign: Campaign, now: datetime) -> Budget | None:
    """The same of a campaign."""
    if campaign.budget is None:
        return None
    day, currency = day_of(portal, now), campaign.budget_currency
    gone = accounts.spent(session, campaign.line_ids or [], day, currency, campaign.id)
    return Budget(campaign.budget, gone, currency)


class Spending:
    """What the worker's campaigns may still spend. What is spent is remembered for KEPT, budgets and balances are not."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._sums: dict[tuple[str, int, str], tuple[datetime, datetime, int]] = {}

    def affordable(
        self, session: Session, portal: Portal, campaign: Campaign, line_id: int, costs: Sequence[Cost]
    ) -> tuple[int, Stop | None]:
        """How many of these messages, in their order, the campaign may queue on this line, and what stops the next one.

        A message without a price counts nothing; so does one in another currency than the budget.
        """
        if not costs:
            return 0, None  # nobody to be written to: nothing to stop
        account = accounts.of_lines(session, [line_id]).get(line_id)
        left = accounts.left(session, account)
        whole = _sum(costs, left.currency) if left is not None else 0
        if left is not None and left.amount < whole * RESERVE:
            return 0, "balance"
        fits = self._fitting(session, portal, campaign, account, costs)
        if fits < len(costs):
            self._forget(line_id, campaign.id)  # what was counted may have failed since
            fits = self._fitting(session, portal, campaign, account, costs)
        self._add(line_id, campaign.id, costs[:fits])
        return fits, "budget" if fits < len(costs) else None

    def _fitting(
        self,
        session: Session,
        portal: Portal,
        campaign: Campaign,
        account: LineAccount | None,
        costs: Sequence[Cost],
    ) -> int:
        budgets = (self._of_line(session, portal, account), self._of(session, portal, campaign))
        return min([len(costs), *(_fitting(costs, budget) for budget in budgets if budget is not None)])

    def _forget(self, line_id: int, campaign_id: int) -> None:
        now = self._runtime.clock()
        for key, (at, _day, _gone) in list(self._sums.items()):
            if key[:2] in (("line", line_id), ("campaign", campaign_id)) and now - at >= DOUBTED:
                del self._sums[key]

    def _of_line(self, session: Session, portal: Portal, account: LineAccount | None) -> Budget | None:
        if account is None or account.budget is None:
            return None
        key = ("line", account.line_id, account.budget_currency)
        gone = self._spent(key, portal, lambda day: accounts.spent(session, [key[1]], day, key[2]))
        return Budget(account.budget, gone, key[2])

    def _of(self, session: Session, portal: Portal, campaign: Campaign) -> Budget | None:
        if campaign.budget is None:
            return None
        key = ("campaign", campaign.id, campaign.budget_currency)
        lines = campaign.line_ids or []
        gone = self._spent(key, portal, lambda day: accounts.spent(session, lines, day, key[2], campaign.id))
        return Budget(campaign.budget, gone, key[2])

    def _spent(self, key: tuple[str, int, str], portal: Portal, count: Callable[[datetime], int]) -> int:
        now = self._runtime.clock()
        day = day_of(portal, now)
        known = self._sums.get(key)
        if known is not None and now - known[0] < KEPT and known[1] == day:
            return known[2]
        if len(self._sums) >= _MOST:
            self._sums.clear()
        self._sums[key] = (now, day, count(day))
        return self._sums[key][2]

    def _add(self, line_id: int, campaign_id: int, costs: Sequence[Cost]) -> None:
        """These are queued: they count before they are summed again."""
        for (kind, number, currency), (at, day, gone) in list(self._sums.items()):
            if (kind, number) in (("line", line_id), ("campaign", campaign_id)):
                self._sums[kind, number, currency] = (at, day, gone + _sum(costs, currency))


def _sum(costs: Iterable[Cost], currency: str) -> int:
    return sum(cost.amount or 0 for cost in costs if cost.currency == currency)


def _fitting(costs: Sequence[Cost], budget: Budget) -> int:
    """How many of these messages what is left of a budget pays for."""
    left = budget.left
    for number, cost in enumerate(costs):
        left -= _sum([cost], budget.currency)
        if left < 0:
            return number
    return len(costs)
