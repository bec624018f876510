"""Rows in groups: loaded, locked and fresh in one question, without the sealed columns nobody asks for.

Whoever decides on a run's or a message's state holds its row: locked until the end of the transaction, read after the lock.
On SQLite the one writer holds everything. Row by row this would be the larger part of what a message costs us.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, or_, select
from sqlalchemy.orm import Session, contains_eager, load_only
from sqlalchemy.orm.attributes import set_committed_value

from messaging.models import Conversation, Line, Message, Portal, Run

#: What planning and ending a run read of it; the rest is sealed and opened by whoever needs it.
PLAIN_RUN = (
    Run.id, Run.trace, Run.portal_id, Run.shard, Run.side, Run.action, Run.workflow_id, Run.document, Run.waits,
    Run.stored_at, Run.deadline_at, Run.state, Run.plan_at, Run.plan_tries, Run.until, Run.line_id, Run.conversation_id,
    Run.accept, Run.outcome, Run.error_code, Run.note, Run.answer_at, Run.answer_tries, Run.answers_sent, Run.answered_at,
)  # fmt: skip
_PLAIN_MESSAGE = (
    Message.id, Message.run_id, Message.portal_id, Message.shard, Message.line_id, Message.conversation_id, Message.kind,
    Message.is_session, Message.status, Message.created_at, Message.send_at, Message.attempts, Message.fence,
    Message.claimed_at, Message.accepted_at, Message.sent_at, Message.delivered_at, Message.read_at, Message.failed_at,
    Message.gupshup_id, Message.whatsapp_id, Message.error_code, Message.error_reason,
)  # fmt: skip
_PLAIN_LINE = (
    Line.id, Line.portal_id, Line.name, Line.phone, Line.app_name, Line.app_id, Line.status, Line.pace, Line.burst,
    Line.connected_at, Line.templates_synced_at, Line.stopped_at, Line.stop_code, Line.stop_reason, Line.resumed_at,
    Line.probe_at, Line.probe_tries, Line.trial_at, Line.trial_run_id,
)  # fmt: skip
_PLAIN_PORTAL = (Portal.id, Portal.status, Portal.language, Portal.region, Portal.default_line_id)


def held(session: Session) -> set[int]:
    """Ids of the runs whose rows this transaction holds."""
    ids: set[int] = session.info.setdefault("held_runs", set())
    return ids


def hold(session: Session, run: Run) -> None:
    """Hold one run: a copy that was read before the lock may be older than the row."""
    if run.id not in held(session):
        session.refresh(run, ["state"], with_for_update=True)
        held(session).add(run.id)


def hold_all(session: Session, runs: Iterable[Run]) -> None:
    """These were read with their locks; their portals are read at once."""
    runs = list(runs)
    held(session).update(run.id for run in runs)
    know_portals(session, {run.portal_id for run in runs})


def let_go(session: Session) -> None:
    """A savepoint was rolled back: on PostgreSQL the locks taken since are gone."""
    held(session).clear()


# Statements are made once: SQLAlchemy spends more on building one than on running it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_MESSAGES = (
    select(Message)
    .join(Message.run)
    .join(Message.conversation)
    .order_by(Message.run_id)
    .options(
        load_only(*_PLAIN_MESSAGE),
        contains_eager(Message.run).load_only(*PLAIN_RUN),
        contains_eager(Message.conversation).load_only(Conversation.id, Conversation.line_id, Conversation.phone),
    )
    .with_for_update(of=[Message, Run])
    .execution_options(populate_existing=True)
)
_MESSAGES_BY_ID = _MESSAGES.where(Message.id.in_(_IDS))
_MESSAGES_BY_PROVIDER = _MESSAGES.where(
    or_(
        Message.gupshup_id.in_(bindparam("gupshup", expanding=True)),
        Message.whatsapp_id.in_(bindparam("whatsapp", expanding=True)),
    )
)
_RUNS_BY_ID = (
    select(Run)
    .where(Run.id.in_(_IDS))
    .order_by(Run.id)
    .options(load_only(*PLAIN_RUN))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_PORTALS = select(Portal).where(Portal.id.in_(_IDS)).options(load_only(*_PLAIN_PORTAL))
_LINES = (
    select(Line)
    .where(Line.portal_id.in_(_IDS))
    .order_by(Line.id)
    .options(load_only(*_PLAIN_LINE))
    .with_for_update(read=True)
    .execution_options(populate_existing=True)
)


def runs(session: Session, ids: Iterable[int]) -> list[Run]:
    """These runs, held."""
    found = session.scalars(_RUNS_BY_ID, {"ids": list(ids)}).all()
    hold_all(session, found)
    return list(found)


def messages(session: Session, which: ColumnElement[bool]) -> list[Message]:
    """Messages with their runs, both held, and their conversations."""
    return _tied(session, session.scalars(_MESSAGES.where(which)).all())


def messages_by_id(session: Session, ids: Iterable[int]) -> list[Message]:
    """The same for known ids."""
    return _tied(session, session.scalars(_MESSAGES_BY_ID, {"ids": list(ids)}).all())


def messages_by_provider(session: Session, gupshup_ids: Iterable[str], whatsapp_ids: Iterable[str]) -> list[Message]:
    """The same for ids the provider gave them."""
    asked = {"gupshup": list(gupshup_ids), "whatsapp": list(whatsapp_ids)}
    return _tied(session, session.scalars(_MESSAGES_BY_PROVIDER, asked).all())


def _tied(session: Session, found: Sequence[Message]) -> list[Message]:
    hold_all(session, [message.run for message in found])
    for message in found:
        set_committed_value(message.run, "message", message)
    return list(found)


def know_portals(session: Session, ids: set[int]) -> dict[int, Portal]:
    """These portals without their tokens, in one question; asked again in this transaction they cost nothing."""
    known: dict[int, Portal] = session.info.setdefault("portals", {})
    if missing := ids - known.keys():
        known.update({portal.id: portal for portal in session.scalars(_PORTALS, {"ids": list(missing)})})
    return {portal_id: known[portal_id] for portal_id in ids if portal_id in known}


def know_lines(session: Session, portals: Iterable[Portal]) -> dict[int, Line]:
    """All lines of these portals, none of them removed before the end of this transaction; `portal.lines` is filled."""
    portals = list(portals)
    found = session.scalars(_LINES, {"ids": [portal.id for portal in portals]}).all()
    for portal in portals:
        set_committed_value(portal, "lines", [line for line in found if line.portal_id == portal.id])
    return {line.id: line for line in found}
