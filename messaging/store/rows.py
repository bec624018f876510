"""Runs and messages as the stages read them: plain objects, in one question for a whole batch.

A stage decides on rows it holds: locked until the end of the transaction, read after the lock; runs are locked before their
messages, everywhere, so that no two transactions wait for each other. What is decided is written by
`messaging.store.changes`. Texts and tokens stay encrypted and are read where they are needed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, or_, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from messaging.store.callbacks import has_endpoint
from messaging.store.crypto import Cipher, Undecryptable
from messaging.store.database import ask
from messaging.store.models import Conversation, Line, Message, Portal, Run
from messaging.store.sql import among


class Client:
    """The client of a conversation: the phone is decrypted when it is asked for; "" if no known key opens it."""

    def __init__(self, cipher: Cipher, encrypted: str) -> None:
        self._cipher, self._encrypted = cipher, encrypted

    @cached_property
    def phone(self) -> str:
        try:
            return self._cipher.decrypt(self._encrypted)
        except Undecryptable:
            return ""


@dataclass(eq=False)
class MessageRow:
    """A message with its client, and its run if it has one. connected_at: since when its line has been connected.

    is_watched: an endpoint of the portal may want to know what becomes of it (messaging.callbacks).
    """

    model: ClassVar[Any] = Message

    id: int
    origin: str
    run_id: int | None
    campaign_id: int | None
    portal_id: int
    line_id: int
    conversation_id: int
    is_session: bool
    status: str
    created_at: datetime
    is_awaited: bool
    send_at: datetime | None
    attempts: int
    fence: int
    claimed_at: datetime | None
    accepted_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    gupshup_id: str | None
    whatsapp_id: str | None
    error_code: str
    error_reason: str
    item: str
    timeline: bool
    last_inbound_at: datetime | None
    connected_at: datetime
    is_watched: bool
    client: Client
    run: "RunRow | None" = None


@dataclass(eq=False)
class RunRow:
    """A run. awaited: the message of another run that it waits for. language, region, phone_region, portal_status: of its
    portal. is_watched: as of a message. properties, auth: filled for planning alone."""

    model: ClassVar[Any] = Run

    id: int
    trace: str
    portal_id: int
    shard: int
    side: str
    action: str
    workflow_id: str
    document: list[str]
    waits: bool
    stored_at: datetime
    deadline_at: datetime
    state: str
    plan_at: datetime | None
    plan_tries: int
    until: str
    line_id: int | None
    conversation_id: int | None
    awaits_message_id: int | None
    accept: list[str] | None
    outcome: str
    error_code: str
    note: str
    ended_at: datetime | None
    answer_at: datetime | None
    answer_tries: int
    answers_sent: int
    answered_at: datetime | None
    language: str
    region: str
    phone_region: str
    portal_status: str
    is_watched: bool = False
    properties: Any = None
    auth: Any = None
    message: MessageRow | None = None
    awaited: MessageRow | None = None


def _columns(row: type[MessageRow] | type[RunRow]) -> list[Any]:
    """The model's columns that this row class must be given, in its order."""
    needed = [field.name for field in fields(row) if field.default is MISSING]
    return [getattr(row.model, name) for name in needed if name in row.model.__table__.columns]


# Statements are made once: building a statement takes longer than running it.
_RUNS = (
    select(
        *_columns(RunRow),
        *(Portal.language, Portal.region, Portal.phone_region, Portal.status.label("portal_status")),
        has_endpoint(Run.portal_id).label("is_watched"),
    )
    .join(Portal, Portal.id == Run.portal_id)
    .order_by(Run.id)
)
_RUNS_LOCKED = _RUNS.with_for_update(of=Run.__table__)
_RUNS_BY_ID = _RUNS_LOCKED.where(among(Run.id, "ids"))
_RUNS_TO_PLAN = _RUNS.add_columns(Run.properties, Run.auth).where(among(Run.id, "ids"))
_MESSAGES = (
    select(
        *_columns(MessageRow),
        *(Conversation.last_inbound_at, Line.connected_at, has_endpoint(Message.portal_id).label("is_watched")),
        type_coerce(Conversation.phone, Text).label("phone"),
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .join(Line, Line.id == Message.line_id)
    .order_by(Message.id)
    .with_for_update(of=Message.__table__)
)
_BY_ID = among(Message.id, "ids")
_BY_RUN = among(Message.run_id, "ids")
_BY_PROVIDER = or_(among(Message.gupshup_id, "gupshup"), among(Message.whatsapp_id, "whatsapp"))


def _runs_of(which: ColumnElement[bool]) -> Any:
    return _RUNS_LOCKED.where(Run.id.in_(select(Message.run_id).where(which)))


_MESSAGES_BY_ID, _RUNS_OF_MESSAGES = _MESSAGES.where(_BY_ID), _runs_of(_BY_ID)
_MESSAGES_BY_RUN = _MESSAGES.where(_BY_RUN)
_MESSAGES_BY_PROVIDER, _RUNS_BY_PROVIDER = _MESSAGES.where(_BY_PROVIDER), _runs_of(_BY_PROVIDER)


def runs(session: Session, ids: Iterable[int]) -> list[RunRow]:
    """These runs, locked, without their messages."""
    return [_run(row) for row in ask(session, _RUNS_BY_ID, {"ids": list(ids)})]


def runs_with_messages(session: Session, ids: Iterable[int]) -> list[RunRow]:
    """These runs with the message each has sent, or waits for, all locked."""
    found = runs(session, ids)
    add_messages(session, found)
    return found


def add_messages(session: Session, found: Sequence[RunRow]) -> None:
    """Read the messages of these locked runs, and lock them."""
    asked = {"ids": [run.id for run in found]}
    _paired(found, _messages(session, _MESSAGES_BY_RUN, asked) if found else [])
    if awaited := {run.awaits_message_id for run in found if run.awaits_message_id is not None}:
        others = {message.id: message for message in messages_alone(session, awaited)}
        for run in found:
            run.awaited = others.get(run.awaits_message_id or 0)


def runs_to_plan(session: Session, ids: Collection[int]) -> tuple[list[RunRow], list[int]]:
    """These runs with their properties, not locked; and the ids of those that no known key decrypts."""
    try:
        return [_run(row) for row in ask(session, _RUNS_TO_PLAN, {"ids": list(ids)})], []
    except Undecryptable:
        if len(ids) == 1:
            return [], list(ids)
    parts = [runs_to_plan(session, [run_id]) for run_id in ids]
    return [run for found, _ in parts for run in found], [run_id for _, closed in parts for run_id in closed]


def messages(session: Session, which: ColumnElement[bool]) -> list[MessageRow]:
    """Messages with their runs, both locked, and their clients."""
    return _with_runs(session, _runs_of(which), _MESSAGES.where(which), {})


def messages_by_id(session: Session, ids: Iterable[int]) -> list[MessageRow]:
    """The same for known ids."""
    return _with_runs(session, _RUNS_OF_MESSAGES, _MESSAGES_BY_ID, {"ids": list(ids)})


def messages_alone(session: Session, ids: Iterable[int]) -> list[MessageRow]:
    """These messages, locked, without their runs."""
    return _messages(session, _MESSAGES_BY_ID, {"ids": list(ids)})


def messages_by_provider(session: Session, gupshup_ids: Iterable[str], whatsapp_ids: Iterable[str]) -> list[MessageRow]:
    """The same for ids the provider gave them."""
    asked = {"gupshup": list(gupshup_ids), "whatsapp": list(whatsapp_ids)}
    return _with_runs(session, _RUNS_BY_PROVIDER, _MESSAGES_BY_PROVIDER, asked)


def _with_runs(session: Session, runs_query: Any, query: Any, asked: Mapping[str, Any]) -> list[MessageRow]:
    of_messages = [_run(row) for row in ask(session, runs_query, asked)]
    found = _messages(session, query, asked)
    _paired(of_messages, found)
    return found


def _messages(session: Session, query: Any, asked: Mapping[str, Any]) -> list[MessageRow]:
    cipher: Cipher = session.get_bind().dialect.waba24_cipher  # type: ignore[attr-defined]  # set by open_engine
    return [_message(row, cipher) for row in ask(session, query, asked)]


def _run(columns: Sequence[Any]) -> RunRow:
    return RunRow(*columns)


def _message(columns: Sequence[Any], cipher: Cipher) -> MessageRow:
    values: list[Any] = [*columns[:-1], Client(cipher, columns[-1])]
    return MessageRow(*values)


def _paired(runs: Iterable[RunRow], messages: Iterable[MessageRow]) -> None:
    by_id = {run.id: run for run in runs}
    for message in messages:
        if message.run_id in by_id:
            message.run = by_id[message.run_id]
            message.run.message = message
