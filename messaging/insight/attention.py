"""What of a portal needs a person: the worst first. What is said about it, and where it leads, pages know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from messaging.callbacks import endpoints
from messaging.insight import crm_work, failures, line_activity, line_checks
from messaging.insight.line_checks import Result
from messaging.insight.queue_depth import Queue, queues_of
from messaging.money import accounts, spending
from messaging.policy import tier
from messaging.runs.crm_tasks import Trigger
from messaging.runtime import Runtime
from messaging.store.callback_queue import host_of
from messaging.store.callbacks import EndpointState
from messaging.store.campaigns import Campaign, CampaignState, Paused
from messaging.store.models import Line, Message, Portal, Template
from messaging.store.states import LineStatus, MessageStatus
from messaging.store.template_drafts import ChangeKind
from messaging.templates import changes, usage

#: Failures older than that are past.
RECENT = timedelta(hours=24)
#: How long the start page shows a changed category.
CATEGORY_TOLD = timedelta(days=7)
#: A webhook that has taken nothing for this time needs a person.
WEBHOOK_FAILS = timedelta(minutes=30)
#: Seconds after which a queue waits for somebody, not for its turn.
WAITS_LONG_S = 60
#: Pauses that need nobody: a person wanted them, or the line is told of by itself and the campaign goes on with it.
QUIET = (Paused.BY_HAND, Paused.LINE_STOPPED)
#: Campaigns named one by one.
CAMPAIGNS = 3
#: Reasons named one by one.
REASONS = 5
#: Statuses of templates that robots cannot send though they could once, or should have been able to.
UNUSABLE = ("REJECTED", "PAUSED", "DISABLED", "DEACTIVATED", "FAILED")


class Kind(StrEnum):
    """Each with what it fills in of a Problem besides `line`."""

    LINE_STOPPED = "line_stopped"  # since
    LINE_BROKEN = "line_broken"  # count: checks that found something wrong
    LINE_SILENT = "line_silent"  # since
    LINE_PAUSED = "line_paused"  # since, count: messages that wait
    GUPSHUP_SILENT = "gupshup_silent"  # since: of the last question
    TRIGGERS = "triggers"  # count: not registered; code: what Bitrix24 said
    WEBHOOK_OFF = "webhook_off"  # code: its reason; names: its host; since
    WEBHOOK_FAILING = "webhook_failing"  # code: what the last try came to; names: its host; since
    CRM = "crm"  # count: triggers and cards that were given up; code: the commonest error
    ROBOTS = "robots"  # count: not registered, 0: nobody could be asked; code: what Bitrix24 said
    TIER = "tier"  # count: clients written to first in 24 hours; code: the limit
    BALANCE = "balance"  # count: millionths left; code: the currency; since: when; limit: days it lasts, -1: unknown
    CAMPAIGN = "campaign"  # code: why it is paused; names: its key and its name
    BUDGET = "budget"  # count, limit: millionths spent today and of the budget; code: the currency
    TEMPLATES = "templates"  # count, names, code: their status; runs
    RECATEGORISED = "recategorised"  # count, names; code: the new category; runs
    WAITING = "waiting"  # count, since
    REASON = "reason"  # code, count


@dataclass(frozen=True)
class Problem:
    """Something that needs a person. line: None if it concerns no line, or all lines."""

    kind: Kind
    line: Line | None = None
    count: int = 0
    since: datetime | None = None
    code: str = ""
    names: tuple[str, ...] = ()
    limit: int = 0
    #: Robots' runs of the last 30 days with these templates.
    runs: int = 0


def problems(session: Session, runtime: Runtime, portal: Portal) -> list[Problem]:
    """Everything that needs a person on this portal."""
    mine = session.scalars(select(Line).where(Line.portal_id == portal.id).order_by(Line.id)).all()
    lines = [line for line in mine if line.status == LineStatus.CONNECTED]
    if not lines:
        return [*_robots(portal), *_webhooks(session, runtime, portal)]
    queues = queues_of(session, runtime.clock(), portal.id, [line.id for line in mine])
    return [
        *_lines(session, runtime, lines),
        *_robots(portal),
        *_tiers(session, runtime.clock(), lines),
        *_money(session, portal, lines, runtime.clock()),
        *_campaigns(session, portal),
        *_templates(session, lines, runtime.clock()),
        *_recategorised(session, portal, lines, runtime.clock()),
        *_waiting(runtime.clock(), queues),
        *_webhooks(session, runtime, portal),
        *_given_up(session, runtime, portal),
        *_reasons(session, runtime, portal, {line.id: line for line in mine}),
    ]


def is_broken(line: Line, results: Mapping[str, Result]) -> bool:
    """Whether a line cannot work: it is stopped, or a check found something wrong."""
    return line.stopped_at is not None or line_checks.worst(results) in ("key", "wrong")


def _lines(session: Session, runtime: Runtime, lines: Sequence[Line]) -> list[Problem]:
    silent = line_activity.silent_since(session, runtime.clock(), [line.id for line in lines])
    found = [_line(session, line, line_checks.last(runtime, line.id), silent.get(line.id)) for line in lines]
    order = list(Kind)
    return sorted((problem for problem in found if problem is not None), key=lambda one: order.index(one.kind))


def _line(session: Session, line: Line, results: Mapping[str, Result], silent: datetime | None) -> Problem | None:
    """The worst of what is wrong with a line."""
    if line.stopped_at is not None:
        return Problem(Kind.LINE_STOPPED, line, since=line.stopped_at)
    wrong = [result for result in results.values() if result.state == "wrong"]
    if wrong and not (silent is not None and all(result.code == "silent" for result in wrong)):
        return Problem(Kind.LINE_BROKEN, line, count=len(wrong))
    if silent is not None:
        return Problem(Kind.LINE_SILENT, line, since=silent)
    if line.paused_at is not None:
        held = (Message.line_id == line.id) & (Message.status == MessageStatus.QUEUED)
        waiting = session.scalar(select(func.count()).where(held)) or 0
        return Problem(Kind.LINE_PAUSED, line, count=waiting, since=line.paused_at)
    down = [result.at for result in results.values() if (result.state, result.code) == ("unknown", "down")]
    return Problem(Kind.GUPSHUP_SILENT, line, since=max(down)) if down else None


def _robots(portal: Portal) -> list[Problem]:
    if portal.registration_due_at is not None:
        return []  # being registered
    known = portal.registration or {}
    failed = known.get("failed", {})
    triggers = {code: why for code, why in failed.items() if code in set(Trigger)}
    robots = {code: why for code, why in failed.items() if code not in triggers}
    told = [(Kind.ROBOTS, robots), (Kind.TRIGGERS, triggers)]
    if failed:
        return [Problem(kind, count=len(of), code=str(next(iter(of.values())))) for kind, of in told if of]
    return [Problem(Kind.ROBOTS, code=str(known["error"]))] if known.get("error") else []


def _tiers(session: Session, now: datetime, lines: Sequence[Line]) -> list[Problem]:
    """Lines that have nearly written to as many new clients as WhatsApp allows in 24 hours."""
    used = [(line, tier.use(session, line, now)) for line in lines if line.stopped_at is None]
    return [Problem(Kind.TIER, line, count=one.written, code=str(one.limit)) for line, one in used if one.is_high]


def _money(session: Session, portal: Portal, lines: Sequence[Line], now: datetime) -> list[Problem]:
    """Accounts that will soon be empty, and budgets of the day that are nearly used up."""
    found: list[Problem] = []
    by_id = {line.id: line for line in lines}
    known = accounts.of_lines(session, list(by_id))
    supplies = spending.supplies(session, portal, known.values(), now)
    for line_id, account in sorted(known.items()):
        supply = supplies.get(line_id)
        if supply is not None and supply.is_low:
            left, days = supply.left, -1 if supply.days is None else supply.days
            found.append(
                Problem(Kind.BALANCE, by_id[line_id], count=left.amount, since=left.at, code=left.currency, limit=days)
            )
        budget = spending.of_line(session, portal, line_id, now) if account.budget is not None else None
        if budget is not None and budget.is_high:
            spent, limit, currency = budget.spent, budget.amount, budget.currency
            found.append(Problem(Kind.BUDGET, by_id[line_id], count=spent, limit=limit, code=currency))
    return found


def _campaigns(session: Session, portal: Portal) -> list[Problem]:
    """Campaigns that stand still without anybody having paused them, the newest first."""
    mine = (Campaign.portal_id == portal.id, Campaign.state == CampaignState.PAUSED)
    still = (*mine, Campaign.paused_reason.not_in(QUIET))
    newest = select(Campaign).where(*still).order_by(Campaign.id.desc()).limit(CAMPAIGNS)
    return [
        Problem(Kind.CAMPAIGN, code=one.paused_reason, names=(one.key, one.name)) for one in session.scalars(newest)
    ]


def _templates(session: Session, lines: Sequence[Line], now: datetime) -> list[Problem]:
    stored = select(Template.line_id, Template.status, Template.name).where(
        Template.line_id.in_([line.id for line in lines]), Template.status.in_(UNUSABLE)
    )
    names: dict[tuple[str, int], list[str]] = {}
    for line_id, status, name in session.execute(stored.order_by(Template.line_id, Template.name)):
        names.setdefault((status, line_id), []).append(name)
    by_id = {line.id: line for line in lines}
    order = {status: nth for nth, status in enumerate(UNUSABLE)}
    return [
        Problem(
            Kind.TEMPLATES,
            by_id[line_id],
            count=len(found),
            code=status,
            names=tuple(dict.fromkeys(found)),
            runs=usage.runs_using(session, line_id, set(found), now),
        )
        for (status, line_id), found in sorted(names.items(), key=lambda one: (order[one[0][0]], one[0][1]))
    ]


def _recategorised(session: Session, portal: Portal, lines: Sequence[Line], now: datetime) -> list[Problem]:
    """Templates whose category WhatsApp has changed in the last days, or is going to change."""
    kinds = (ChangeKind.CATEGORY, ChangeKind.ANNOUNCED)
    names: dict[tuple[str, int], list[str]] = {}
    for change in changes.recent(session, portal.id, kinds, now - CATEGORY_TOLD):
        names.setdefault((change.after, change.line_id), []).append(change.name)
    by_id = {line.id: line for line in lines}
    return [
        Problem(
            Kind.RECATEGORISED,
            by_id[line_id],
            count=len(set(found)),
            code=category,
            names=tuple(dict.fromkeys(found)),
            runs=usage.runs_using(session, line_id, set(found), now),
        )
        for (category, line_id), found in names.items()
        if line_id in by_id
    ]


def _waiting(now: datetime, queues: Sequence[Queue]) -> list[Problem]:
    """Messages that wait though their line is not paused."""
    waiting = next(queue for queue in queues if queue.name == "messages")
    if not waiting.depth or waiting.oldest_s < WAITS_LONG_S:
        return []
    return [Problem(Kind.WAITING, count=waiting.depth, since=now - timedelta(seconds=waiting.oldest_s))]


def _webhooks(session: Session, runtime: Runtime, portal: Portal) -> list[Problem]:
    """Addresses of customers' systems that are switched off, or have taken nothing for some time."""
    found = []
    for endpoint in endpoints.listed(session, portal.id):
        host, since = (host_of(endpoint),), endpoint.failing_since
        if endpoint.state == EndpointState.OFF:
            found.append(Problem(Kind.WEBHOOK_OFF, since=endpoint.off_at, code=endpoint.off_reason, names=host))
        elif since is not None and runtime.clock() - since >= WEBHOOK_FAILS:
            found.append(Problem(Kind.WEBHOOK_FAILING, since=since, code=endpoint.error, names=host))
    return found


def _given_up(session: Session, runtime: Runtime, portal: Portal) -> list[Problem]:
    """Triggers and timeline cards that Bitrix24 did not take."""
    found = crm_work.given_up(session, portal.id, runtime.clock() - RECENT)
    commonest = next((error for (_kind, error), _count in found.most_common(1)), "")
    return [Problem(Kind.CRM, count=found.total(), code=commonest)] if found else []


def _reasons(session: Session, runtime: Runtime, portal: Portal, lines: Mapping[int, Line]) -> list[Problem]:
    found = failures.by_reason(session, portal.id, runtime.clock() - RECENT)
    for line in lines.values():
        if line.stopped_at is not None:
            del found[line.id, line.stop_code]  # told with the line
    return [
        Problem(Kind.REASON, lines.get(line_id or 0), count=number, code=code)
        for (line_id, code), number in found.most_common(REASONS)
    ]
