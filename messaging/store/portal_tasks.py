"""What is to be done in a portal besides answering workflows: a trigger, a timeline card, a message in a chat.

A task is a row first, written in the transaction that sees its cause; the stage messaging.stages.portal_writes does it later.
So no webhook request waits for the portal, and a crash delays a task but loses none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    bindparam,
    case,
    null,
    or_,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import JSON

from messaging.store.indexes import partial
from messaging.store.models import Base, shard_of
from messaging.store.sql import among, insert_missing
from messaging.store.types import EncryptedJson, Key, LiteralString, UTCDateTime


class TaskState(StrEnum):
    """due: to be done at `due_at`; doing: claimed, so it may have happened from now on; unclear: nobody knows whether it
    happened, the writer looks before it repeats; done; failed: given up, `error` says why."""

    DUE = "due"
    DOING = "doing"
    UNCLEAR = "unclear"
    DONE = "done"
    FAILED = "failed"


_WAITS = "state = 'due' OR state = 'unclear'"


#: `error` of a task whose payload no known key decrypts, and of one whose portal has uninstalled the app.
UNREADABLE, UNINSTALLED = "unreadable", "uninstalled"
#: `error` begins with it where a task was tried for two days in vain.
NO_ANSWER = "in vain:"


class PortalTask(Base):
    """One thing to do in a portal.

    kind: whose task it is (messaging.stages.portal_writes). key: what the task is about; unique in its portal, so that a
    cause that comes twice makes one task. lane: tasks of one lane, all of one kind, are done one after another in the order
    of their ids; "": in any order. claims: how often it was claimed, which tells a late result from a present one.
    settled_at: when the portal cannot be at work any more on what was begun with the last claim. tries: how often it
    failed since it became due; failing_since: when it did so first. again: it became due again while it was being done.
    result: what the portal answered, as far as later tasks need it.
    """

    __tablename__ = "portal_task"
    __table_args__ = (
        UniqueConstraint("portal_id", "key"),
        partial("ix_portal_task_due", "shard", "due_at", where=_WAITS),
        partial("ix_portal_task_next", *("portal_id", "kind", "id", "due_at"), where=_WAITS),
        partial("ix_portal_task_doing", "shard", "claimed_at", where="state = 'doing'"),
        partial(
            "ix_portal_task_lane",
            *("portal_id", "lane", "id"),
            where="state = 'due' OR state = 'doing' OR state = 'unclear'",
        ),
        partial("ix_portal_task_failed", "portal_id", "kind", "id", where="state = 'failed'"),
        partial("ix_portal_task_over", "done_at", where="done_at IS NOT NULL"),
        partial("ix_portal_task_stuck", "due_at", where="done_at IS NULL"),
        Index("ix_portal_task_kind", "portal_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(12))
    key: Mapped[str] = mapped_column(String(80))
    lane: Mapped[str] = mapped_column(String(40), default="")
    message_id: Mapped[int | None] = mapped_column(Key)
    reply_id: Mapped[int | None] = mapped_column(Key)
    conversation_id: Mapped[int | None] = mapped_column(Key)
    payload: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    state: Mapped[str] = mapped_column(LiteralString(8), default=TaskState.DUE)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    claims: Mapped[int] = mapped_column(Integer, default=0)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    again: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(String(300), default="")


def is_open() -> ColumnElement[bool]:
    """The task is neither done nor given up. In these words, so that the indexes of such tasks are used."""
    return or_(PortalTask.state == "due", PortalTask.state == "doing", PortalTask.state == "unclear")


def put(session: Session, portal_id: int, now: datetime, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store these tasks of a portal, except those whose key it knows; returns the ids of the new ones.

    Each is a map of columns: `kind` and `key`, and what else it has; `due_at` is now if it is not said.
    """
    if not tasks:
        return []
    common = {"portal_id": portal_id, "shard": shard_of(portal_id), "created_at": now, "due_at": now}
    empty = dict.fromkeys(("message_id", "reply_id", "conversation_id", "payload", "result"))
    empty |= dict.fromkeys(("claimed_at", "settled_at", "failing_since", "done_at"))
    defaults = {"lane": "", "state": TaskState.DUE, "claims": 0, "tries": 0, "again": 0, "error": ""}
    rows = [{**empty, **defaults, **common, **task} for task in tasks]
    return [row.id for row in insert_missing(session, PortalTask, rows, "id")]


#: A task that is being done is not claimed twice at once: it is marked, and becomes due when its result is recorded.
_CHANGED = (
    update(PortalTask)
    .where(PortalTask.portal_id == bindparam("portal"), among(PortalTask.key, "keys"))
    .values(
        state=case((PortalTask.state == "doing", "doing"), (PortalTask.state == "unclear", "unclear"), else_="due"),
        again=case((PortalTask.state == "doing", 1), else_=PortalTask.again),
        tries=case((PortalTask.state == "doing", PortalTask.tries), else_=0),
        due_at=case(
            (PortalTask.state == "due", PortalTask.due_at),
            (PortalTask.state == "unclear", PortalTask.due_at),
            else_=bindparam("at", type_=UTCDateTime),
        ),
        failing_since=case((is_open(), PortalTask.failing_since), else_=null()),
        done_at=None,
    )
    .execution_options(synchronize_session=False)
)


def change(session: Session, portal_id: int, keys: Sequence[str], at: datetime) -> None:
    """What these tasks show has changed: they are due again at that moment, unless they are due anyway.

    For tasks that bring something in the portal up to date, such as a card: the writer reads the rows when it writes.
    """
    session.execute(_CHANGED, {"portal": portal_id, "keys": list(keys), "at": at})


#: A key names one row: a task that waits for something is due now.
_HASTENED = (
    update(PortalTask)
    .where(
        PortalTask.portal_id == bindparam("portal"),
        among(PortalTask.key, "keys"),
        PortalTask.state == "due",
        PortalTask.due_at > bindparam("now", type_=UTCDateTime),
    )
    .values(due_at=bindparam("now", type_=UTCDateTime))
    .execution_options(synchronize_session=False)
)


def hasten(session: Session, portal_id: int, keys: Sequence[str], now: datetime) -> None:
    """What these tasks wait for has happened: they are due now, unless they have failed before or are done."""
    session.execute(_HASTENED, {"portal": portal_id, "keys": list(keys), "now": now})


_HELD = (
    update(PortalTask)
    .where(
        PortalTask.portal_id == bindparam("portal"),
        PortalTask.lane == bindparam("of_lane"),
        PortalTask.state == "due",
        PortalTask.due_at < bindparam("until", type_=UTCDateTime),
    )
    .values(due_at=bindparam("until", type_=UTCDateTime))
    .execution_options(synchronize_session=False)
)


def hold_lane(session: Session, task: PortalTask, until: datetime) -> None:
    """The tasks that wait in the lane of this one are not due before that moment."""
    session.flush()
    session.execute(_HELD, {"portal": task.portal_id, "of_lane": task.lane, "until": until})
