"""When the database has something due next, for the clock of the world."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from messaging.store.callbacks import Endpoint
from messaging.store.campaigns import Campaign
from messaging.store.models import InboundEvent, Lease, Line, Message, Portal, Reply, Run
from messaging.store.money import LineAccount
from messaging.store.open_channels import OperatorMessage
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage

_DATES: tuple[tuple[Any, Any], ...] = (
    (Run.plan_at, Run.state == "stored"),
    (Run.deadline_at, Run.state != "ended"),
    (Run.answer_at, Run.answer_at.is_not(None)),
    (Message.send_at, Message.status == "queued"),
    (Message.claimed_at, Message.status == "unknown"),
    (InboundEvent.due_at, InboundEvent.state == "stored"),
    (Message.held_until, Message.status == "held"),
    (PortalTask.due_at, PortalTask.state.in_(("due", "unclear"))),
    (OperatorMessage.due_at, OperatorMessage.state == "stored"),
    (ProviderMessage.due_at, ProviderMessage.state == "stored"),
    (Reply.fetch_at, Reply.fetch_at.is_not(None)),
    (Portal.registration_due_at, Portal.registration_due_at.is_not(None)),
    (Line.probe_at, Line.probe_at.is_not(None)),
    (Line.news_at, Line.news_at.is_not(None)),
    (Campaign.due_at, Campaign.due_at.is_not(None)),
    (Endpoint.due_at, Endpoint.due_at.is_not(None)),
    (LineAccount.due_at, LineAccount.due_at.is_not(None)),
    (Lease.expires_at, Lease.owner.not_in(("", bindparam("us")))),
)
#: The places of the two that become due later than they say.
_UNCLEAR, _LEASE = 4, 15
#: In one statement, built once: it is asked before each step of the clock.
_FIRSTS = select(*(select(func.min(date)).where(condition).scalar_subquery() for date, condition in _DATES))


def of(session: Session, drain: str, unclear: timedelta) -> Iterator[datetime]:
    """The first date of each kind of work. drain: the worker's name; unclear: after this time a send without answer is."""
    lags = {_UNCLEAR: unclear, _LEASE: timedelta(milliseconds=1)}
    for place, first in enumerate(session.execute(_FIRSTS, {"us": drain}).one()):
        if first:
            yield first + lags.get(place, timedelta())
