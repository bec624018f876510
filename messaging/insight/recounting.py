"""Days that are counted once more because something of them has changed late, or because nobody has counted them yet.

The migration that brought reports has named every day since the oldest message; for those it is looked up first what was not
written down then: who wrote a message, and whether the client answered or opted out. The newest day comes first, a piece at a
time. A crash in the middle leaves the day named, so it is counted again. A day whose messages are being deleted is never
counted again: what was counted of it stays.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from messaging.conversations import lookup
from messaging.insight.periods import midnight
from messaging.policy import consent
from messaging.runs import reactions
from messaging.runtime import Runtime
from messaging.store.campaigns import Recipient
from messaging.store.id_search import stretches
from messaging.store.models import Line, Message, Reply
from messaging.store.open_channels import OperatorMessage
from messaging.store.opt_outs import EVERY_LINE, OptOut
from messaging.store.reports import EAST, WEST, Recount
from messaging.store.states import Origin

#: Messages, replies and opt-outs of one transaction.
MESSAGES, REPLIES, OPT_OUTS = 500, 50, 50
Count = Callable[[Runtime, date], Iterator[None]]


def due(runtime: Runtime) -> Recount | None:
    """The newest day that is to be counted once more, if all its messages are still there."""
    with runtime.db.read() as session:
        found = session.scalar(select(Recount).order_by(Recount.day.desc()).limit(1))
    if found is None or found.day >= _oldest(runtime):
        return found
    with runtime.db.write() as session:
        session.execute(delete(Recount).where(Recount.day <= found.day))
    return None


def _oldest(runtime: Runtime) -> date:
    """The first day of which no message has been deleted, in any zone."""
    return (runtime.clock() - timedelta(days=runtime.config.keep_days) + EAST).date() + timedelta(days=1)


def recount(runtime: Runtime, again: Recount, count: Count) -> Iterator[None]:
    """Count a day once more with `count` (messaging.insight.daily); pauses after each piece."""
    this = Recount.day == again.day
    with runtime.db.write() as session:
        session.execute(update(Recount).where(this).values(has_begun=True))
    yield
    if again.is_past:
        yield from _look_up(runtime, again.day)
    yield from count(runtime, again.day)
    with runtime.db.write() as session:
        session.execute(delete(Recount).where(this, Recount.has_begun))


def _look_up(runtime: Runtime, day: date) -> Iterator[None]:
    """Write down who wrote the day's messages, and which messages the day's replies and opt-outs belong to."""
    begin, end = midnight(day) - EAST, midnight(day + timedelta(days=1)) + WEST
    for in_piece in stretches(runtime.db, Message.created_at, begin, end, MESSAGES):
        with runtime.db.write() as session:
            for column, origin, known, of_row in (
                (Message.author_id, Origin.OPERATOR, OperatorMessage.user_id, OperatorMessage.id),
                (Message.replied_at, Origin.CAMPAIGN, Recipient.replied_at, Recipient.id),
            ):
                told = select(known).where(of_row == Message.origin_id).scalar_subquery()
                unknown = (Message.origin == origin, column.is_(None))
                filled = update(Message).where(*in_piece, *unknown).values({column: told})
                session.execute(filled.execution_options(synchronize_session=False))
        yield
    for in_piece in stretches(runtime.db, Reply.received_at, begin, end, REPLIES):
        with runtime.db.write() as session:
            _answers(session, in_piece)
        yield
    for in_piece in stretches(runtime.db, OptOut.since, begin, end, OPT_OUTS):
        with runtime.db.write() as session:
            _opt_outs(session, in_piece)
        yield


def _answers(session: Session, in_piece: list[Any]) -> None:
    of_run = select(Message.id).where(Message.run_id == Reply.run_id).scalar_subquery()
    columns = (Reply.conversation_id, Reply.received_at, of_run)
    for talk, at, message_id in session.execute(select(*columns).where(*in_piece)).all():
        reactions.replied(session, [talk], message_id, at)


def _opt_outs(session: Session, in_piece: list[Any]) -> None:
    """Clients who have opted out by themselves and still stand on the list: of the others nothing is left."""
    # A message that was refused because the client had stopped them in WhatsApp.
    of_run = select(Message.id).where(Message.run_id == OptOut.run_id).scalar_subquery()
    columns = (OptOut.portal_id, OptOut.line_id, OptOut.phone_key, OptOut.alias_key, OptOut.since, of_run)
    told = select(*columns).where(*in_piece, OptOut.source.in_(consent.BY_CLIENT))
    for portal_id, line_id, phone_key, alias_key, at, message_id in session.execute(told).all():
        of_portal = select(Line.id).where(Line.portal_id == portal_id)
        line_ids = session.scalars(of_portal).all() if line_id == EVERY_LINE else [line_id]
        talks = lookup.conversations_with(session, line_ids, {phone_key, alias_key or phone_key})
        reactions.opted_out(session, [talk.id for talk in talks], message_id, at)
