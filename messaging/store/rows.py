"""Rows in groups: read and locked in one question, changed as plain objects, written in one statement for each kind of change.

Whoever decides on a run's or a message's state holds its row: locked until the end of the transaction, read after the lock.
On SQLite the one writer holds everything; so what costs time (opening sealed values, planning) is done before it.

The day's work goes through here because the ORM's own way with a row (identity map, unit of work) was the larger part of what
a message cost us. The rare ways (an uninstall, a deadline) use the ORM; `Run` and `RunRow` have the same attributes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Self

from sqlalchemy import (
    ColumnElement,
    Table,
    Update,
    bindparam,
    column,
    func,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm import Session, load_only
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.types import Text

from messaging.store.crypto import Undecryptable, Vault
from messaging.store.database import ask, put
from messaging.store.models import Conversation, InboundEvent, Line, Message, Portal, Run
from messaging.store.sql import among
from messaging.store.types import Array

#: What planning and ending a run read of it; the rest is sealed and opened by whoever needs it.
_PLAIN_RUN = (
    Run.id, Run.trace, Run.portal_id, Run.shard, Run.side, Run.action, Run.workflow_id, Run.document, Run.waits,
    Run.stored_at, Run.deadline_at, Run.state, Run.plan_at, Run.plan_tries, Run.until, Run.line_id, Run.conversation_id,
    Run.accept, Run.outcome, Run.error_code, Run.note, Run.ended_at, Run.answer_at, Run.answer_tries, Run.answers_sent,
    Run.answered_at,
)  # fmt: skip
_PLAIN_MESSAGE = (
    Message.id, Message.run_id, Message.portal_id, Message.line_id, Message.conversation_id, Message.is_session,
    Message.status, Message.send_at, Message.attempts, Message.fence, Message.claimed_at, Message.accepted_at,
    Message.sent_at, Message.delivered_at, Message.read_at, Message.failed_at, Message.gupshup_id, Message.whatsapp_id,
    Message.error_code, Message.error_reason,
)  # fmt: skip
_PLAIN_LINE = (
    Line.id, Line.portal_id, Line.name, Line.phone, Line.app_name, Line.app_id, Line.status, Line.pace, Line.burst,
    Line.connected_at, Line.templates_synced_at, Line.stopped_at, Line.stop_code, Line.stop_reason, Line.resumed_at,
    Line.probe_at, Line.probe_tries, Line.trial_at, Line.trial_run_id, Line.paused_at,
)  # fmt: skip
_PLAIN_PORTAL = (Portal.id, Portal.status, Portal.language, Portal.region, Portal.default_line_id)


class Row:
    """A row as it was read; what is set on it is written by `write`. Names that are no columns of it are not."""

    table: ClassVar[Table]

    #: Columns that may be set without having been read.
    SEALED: ClassVar[tuple[str, ...]] = ()
    _written: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
        self._read = values

    def changes(self) -> dict[str, Any]:
        """The columns that were changed since it was read or written."""
        now, was = self.__dict__, {**self._read, **self._written}
        names = (*self._read, *self.SEALED)
        return {name: now[name] for name in names if name in now and now[name] is not was.get(name, _UNREAD)}

    def written(self, changes: Mapping[str, Any]) -> None:
        self._written = {**self._written, **changes}

    def as_read(self) -> Self:
        """The same row without the changes, those that were written and rolled back as well."""
        return type(self)(self._read)


_UNREAD = object()


class RunRow(Row):
    """A run. `portal` and `message` are set by whoever reads it. Sealed columns only where they were asked for."""

    table = Run.__table__  # type: ignore[assignment]  # a FromClause by its declaration
    SEALED = ("answer", "log_line", "auth")

    id: int
    trace: str
    portal_id: int
    shard: int
    side: str
    action: str
    workflow_id: str
    document: list[str]
    properties: Any
    auth: Any
    event_token: str
    waits: bool
    stored_at: datetime
    deadline_at: datetime
    state: str
    plan_at: datetime | None
    plan_tries: int
    until: str
    line_id: int | None
    conversation_id: int | None
    accept: list[str] | None
    outcome: str
    error_code: str
    answer: Any
    note: str
    log_line: str
    ended_at: datetime | None
    answer_at: datetime | None
    answer_tries: int
    answers_sent: int
    answered_at: datetime | None
    portal: Portal
    message: "MessageRow | None" = None


class Client:
    """The client of a conversation: the phone is opened when it is asked for."""

    def __init__(self, vault: Vault, sealed: str) -> None:
        self._vault, self._sealed = vault, sealed

    @cached_property
    def phone(self) -> str:
        return self._vault.open(self._sealed)


class MessageRow(Row):
    """A message with its run and its client."""

    table = Message.__table__  # type: ignore[assignment]  # a FromClause by its declaration

    id: int
    run_id: int
    portal_id: int
    line_id: int
    conversation_id: int
    is_session: bool
    status: str
    send_at: datetime
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
    run: RunRow
    conversation: Client


class EventRow(Row):
    """A stored webhook."""

    table = InboundEvent.__table__  # type: ignore[assignment]  # a FromClause by its declaration

    id: int
    line_id: int
    shard: int
    key: str
    sealed_body: str
    label: str
    received_at: datetime
    due_at: datetime
    state: str


def values_of(row: Any) -> dict[str, Any]:
    """A row of a Core select by the names of its columns."""
    return dict(row._mapping)


SomeRun = Run | RunRow
SomeMessage = Message | MessageRow


def write(session: Session, changed: Iterable[Row]) -> None:
    """Write what was changed: one statement for all rows with the same columns changed."""
    groups: defaultdict[tuple[Table, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
    for row in changed:
        if changes := row.changes():
            names = tuple(sorted(changes))
            groups[row.table, names].append({"row_id": row.__dict__["id"], **{f"new_{n}": changes[n] for n in names}})
            row.written(changes)
    connection = session.connection()
    for (table, names), parameters in groups.items():
        if connection.dialect.name == "postgresql":
            columns = {key: [each[key] for each in parameters] for key in parameters[0]}
            connection.execute(_update_together(table, names), columns)
        else:
            put(connection, _update(table, names), parameters)


@lru_cache(256)
def _update_together(table: Table, names: tuple[str, ...]) -> Update:
    """PostgreSQL takes the values of all rows as arrays: row by row each would be a statement of its own."""
    arrays = [bindparam("row_id", type_=Array(table.c.id.type))]
    arrays += [bindparam(f"new_{name}", type_=Array(table.c[name].type)) for name in names]
    new = (
        func.unnest(*arrays)
        .table_valued(column("row_id"), *(column(name) for name in names))
        .render_derived(name="new")
    )
    return update(table).where(table.c.id == new.c.row_id).values({name: new.c[name] for name in names})


@lru_cache(256)
def _update(table: Table, names: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(table).where(table.c.id == bindparam("row_id")).values(values)


def add(
    session: Session, table: Table, made: Sequence[Mapping[str, Any]], *told: str, known: bool = False
) -> list[Any]:
    """Insert rows, all with the same columns, at once; `told` of each that is new. known: skip what is there."""
    if not made:
        return []
    connection = session.connection()
    names = tuple(made[0])
    if connection.dialect.name == "postgresql":
        columns = {name: [each[name] for each in made] for name in names}
        return list(connection.execute(_insert_together(table, names, told, known), columns))
    return list(connection.execute(_insert(table, told, known), made))


@lru_cache(256)
def _insert_together(table: Table, names: tuple[str, ...], told: tuple[str, ...], known: bool) -> Any:
    """PostgreSQL takes arrays here as well: a list of rows is another statement for each number of them."""
    from sqlalchemy.dialects import postgresql  # 2 MB, where it is used

    arrays = [bindparam(name, type_=Array(table.c[name].type)) for name in names]
    new = func.unnest(*arrays).table_valued(*(column(name) for name in names)).render_derived(name="new")
    statement = postgresql.insert(table).from_select(names, select(*new.c))
    return (statement.on_conflict_do_nothing() if known else statement).returning(*table.c[told])


@lru_cache(256)
def _insert(table: Table, told: tuple[str, ...], known: bool) -> Any:
    from sqlalchemy.dialects import sqlite

    statement = sqlite.insert(table)
    return (statement.on_conflict_do_nothing() if known else statement).returning(*table.c[told])


# --- reading -------------------------------------------------------------------------------------------------------------
# Statements are made once: SQLAlchemy spends more on building one than on running it.

_NAMES_OF_MESSAGE = [column.key for column in _PLAIN_MESSAGE]
_MESSAGES = (
    select(*_PLAIN_MESSAGE, *_PLAIN_RUN, type_coerce(Conversation.phone, Text).label("sealed_phone"))
    .join_from(Message, Run, Run.id == Message.run_id)
    .join(Conversation, Conversation.id == Message.conversation_id)
    .order_by(Message.run_id)
    .with_for_update(of=[Message.__table__, Run.__table__])
)
_MESSAGES_BY_ID = _MESSAGES.where(among(Message.id, "ids"))
_MESSAGES_BY_PROVIDER = _MESSAGES.where(
    or_(
        among(Message.gupshup_id, "gupshup"),
        among(Message.whatsapp_id, "whatsapp"),
    )
)
_RUNS_BY_ID = select(*_PLAIN_RUN).where(among(Run.id, "ids")).order_by(Run.id).with_for_update()
_RUNS_TO_PLAN = select(*_PLAIN_RUN, Run.properties, Run.auth).where(among(Run.id, "ids")).order_by(Run.id)
_PORTALS = select(Portal).where(among(Portal.id, "ids")).options(load_only(*_PLAIN_PORTAL))
_LINES = (
    select(Line)
    .where(among(Line.portal_id, "ids"))
    .order_by(Line.id)
    .options(load_only(*_PLAIN_LINE))
    .execution_options(populate_existing=True)
)
_LINES_LOCKED = (
    select(Line)
    .where(among(Line.portal_id, "ids"))
    .order_by(Line.id)
    .options(load_only(*_PLAIN_LINE, Line.api_key))  # whoever plans a message sends it a moment later
    .execution_options(populate_existing=True)
    .with_for_update(read=True)
)


def runs(session: Session, ids: Iterable[int]) -> list[RunRow]:
    """These runs, held."""
    found = [RunRow(values_of(row)) for row in ask(session, _RUNS_BY_ID, {"ids": list(ids)})]
    know_portals(session, {run.portal_id for run in found})
    return found


def runs_to_plan(session: Session, ids: Iterable[int]) -> tuple[list[RunRow], list[int]]:
    """These runs with their properties, not held; and the ids of those no known key opens."""
    return readable(session, _RUNS_TO_PLAN, ids)


def readable(session: Session, query: Any, ids: Iterable[int]) -> tuple[list[RunRow], list[int]]:
    """Runs by their ids, and the ids of those that cannot be opened: one such must stop nobody else's."""
    wanted, shut = list(ids), []
    try:
        return [RunRow(values_of(row)) for row in ask(session, query, {"ids": wanted})], []
    except Undecryptable:
        found = []
    for run_id in wanted:
        try:
            found += [RunRow(values_of(row)) for row in ask(session, query, {"ids": [run_id]})]
        except Undecryptable:
            shut.append(run_id)
    return found, shut


def messages(session: Session, which: ColumnElement[bool]) -> list[MessageRow]:
    """Messages with their runs, both held, and their clients."""
    return _messages(session, _MESSAGES.where(which), {})


def messages_by_id(session: Session, ids: Iterable[int]) -> list[MessageRow]:
    """The same for known ids."""
    return _messages(session, _MESSAGES_BY_ID, {"ids": list(ids)})


def messages_by_provider(session: Session, gupshup_ids: Iterable[str], whatsapp_ids: Iterable[str]) -> list[MessageRow]:
    """The same for ids the provider gave them."""
    return _messages(session, _MESSAGES_BY_PROVIDER, {"gupshup": list(gupshup_ids), "whatsapp": list(whatsapp_ids)})


def _messages(session: Session, query: Any, asked: Mapping[str, Any]) -> list[MessageRow]:
    vault: Vault = session.get_bind().dialect.waba24_vault  # type: ignore[attr-defined]  # set by open_engine
    names_of_run = [column.key for column in _PLAIN_RUN]
    found = []
    values: list[Any]
    for *values, sealed in ask(session, query, asked):
        message = MessageRow(dict(zip(_NAMES_OF_MESSAGE, values, strict=False)))
        message.run = RunRow(dict(zip(names_of_run, values[len(_NAMES_OF_MESSAGE) :], strict=True)))
        message.run.message = message
        message.conversation = Client(vault, sealed)
        found.append(message)
    know_portals(session, {message.portal_id for message in found})
    return found


def know_portals(session: Session, ids: set[int]) -> dict[int, Portal]:
    """These portals without their tokens, in one question; asked again in this transaction they cost nothing."""
    known: dict[int, Portal] = session.info.setdefault("portals", {})
    if missing := ids - known.keys():
        known.update({portal.id: portal for portal in session.scalars(_PORTALS, {"ids": list(missing)})})
    return {portal_id: known[portal_id] for portal_id in ids if portal_id in known}


def remember_portals(session: Session, portals: Mapping[int, Portal]) -> None:
    """These were read a moment ago, before the transaction; what is read of them here may be that old."""
    session.info.setdefault("portals", {}).update(portals)


def known_lines(session: Session) -> dict[int, Line]:
    """The lines this transaction has read and locked, with their keys."""
    lines: dict[int, Line] = session.info.setdefault("lines", {})
    return lines


def know_lines(session: Session, portals: Iterable[Portal], lock: bool) -> dict[int, Line]:
    """All lines of these portals; `portal.lines` is filled. lock: none is removed before the end of this transaction."""
    portals = list(portals)
    query = _LINES_LOCKED if lock else _LINES
    found = session.scalars(query, {"ids": [portal.id for portal in portals]}).all()
    for portal in portals:
        set_committed_value(portal, "lines", [line for line in found if line.portal_id == portal.id])
    if lock:
        known_lines(session).update({line.id: line for line in found})
    return {line.id: line for line in found}


# --- the ORM's runs ------------------------------------------------------------------------------------------------------


def hold(session: Session, run: SomeRun) -> None:
    """Hold one run: a copy that was read before the lock may be older than the row."""
    ids: set[int] = session.info.setdefault("held_runs", set())
    if isinstance(run, Run) and run.id not in ids:
        session.refresh(run, ["state"], with_for_update=True)
        ids.add(run.id)


def hold_all(session: Session, locked: Sequence[Run]) -> None:
    """These were read with their locks; their portals are read at once."""
    session.info.setdefault("held_runs", set()).update(run.id for run in locked)
    know_portals(session, {run.portal_id for run in locked})


def let_go(session: Session) -> None:
    """A savepoint was rolled back: on PostgreSQL the locks taken since are gone."""
    session.info.pop("held_runs", None)
