"""What a group of runs needs around it while it is planned, and how its plans are written down."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.orm import Session, defer, load_only
from sqlalchemy.orm.attributes import set_committed_value

from activities.errors import Refused, refused
from messaging.conversations import lookup, replies
from messaging.lines import circuit_breaker
from messaging.policy import consent, holding, sending
from messaging.runs import deliveries, outcomes
from messaging.runs.outcomes import Outcome
from messaging.runtime import Runtime
from messaging.stages.planning.plan import Awaiting, Lineless, Planned, PlanResult, Postponed
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.opt_outs import EVERY_LINE
from messaging.store.rows import MessageRow, RunRow
from messaging.store.sql import among, insert_missing
from messaging.store.states import Hold, LineStatus, MessageStatus, OutcomeKind, RunState

log = structlog.get_logger(__name__)


# Statements are made once: building a statement takes longer than running it.
_PLANNED_BY = (
    *(Portal.id, Portal.status, Portal.language, Portal.region, Portal.default_line_id),
    *(Portal.policy, Portal.prices_version),
)
_PORTALS = select(Portal).where(among(Portal.id, "ids")).options(load_only(*_PLANNED_BY))
_LINES = (
    select(Line)
    .where(among(Line.portal_id, "ids"))
    .order_by(Line.id)
    .options(defer(Line.api_key), defer(Line.secret))
    .execution_options(populate_existing=True)
)
_LINES_LOCKED = _LINES.with_for_update(read=True)


class PlanningContext:
    """What a group of runs needs around it: portals with their lines, and the conversations with its phones.

    Made while planning, without locks; taken along into the transaction that writes (`enter`), where lines are read again and
    locked against removal. New messages are gathered and written at once.
    """

    def __init__(self, session: Session, runtime: Runtime, runs: Sequence[RunRow]) -> None:
        self.session = session
        self.runtime = runtime
        ids = list({run.portal_id for run in runs})
        self.portals = {portal.id: portal for portal in session.scalars(_PORTALS, {"ids": ids})}
        self.lines = self._read_lines(_LINES)
        self.messages: list[dict[str, Any]] = []
        #: Messages that could not leave in time and were planned again, with their columns.
        self.again: list[tuple[MessageRow, dict[str, Any]]] = []
        self._known: dict[str, list[Conversation]] = defaultdict(list)

    def enter(self, session: Session) -> "PlanningContext":
        """From now on in the transaction that writes: no line is removed before its end."""
        self.session = session
        self.lines = self._read_lines(_LINES_LOCKED)
        return self

    def _read_lines(self, query: Any) -> dict[int, Line]:
        found = self.session.scalars(query, {"ids": list(self.portals)}).all()
        for portal in self.portals.values():
            set_committed_value(portal, "lines", [line for line in found if line.portal_id == portal.id])
        return {line.id: line for line in found}

    def know(self, keys: Collection[str]) -> None:
        """Read the conversations with these phones (index keys) on any of the lines."""
        asked = [key for key in keys if key not in self._known]
        for one in lookup.conversations_with(self.session, list(self.lines), asked) if asked else []:
            for key in {one.phone_key, one.alias_key or one.phone_key}:
                self._known[key].append(one)

    def conversations(self, keys: Iterable[str]) -> list[Conversation]:
        """The conversations that are known with these phones."""
        return [one for key in keys for one in self._known.get(key, ())]

    def make(self, wanted: Iterable[tuple[int, str]]) -> None:
        """Make the conversations (line, phone) that are the first word, all in one statement."""
        keyed = {(line_id, self.runtime.phone_key(phone)): phone for line_id, phone in wanted}
        new = {pair: phone for pair, phone in sorted(keyed.items()) if self._with(pair[0], phone) is None}
        if new:
            made = [{"line_id": line_id, "phone": phone, "phone_key": key} for (line_id, key), phone in new.items()]
            # A client may have written meanwhile.
            for row in insert_missing(self.session, Conversation, made, "id", "line_id", "phone_key"):
                self._known[row.phone_key].append(Conversation(id=row.id, line_id=row.line_id, phone_key=row.phone_key))
            if missing := {phone for (line_id, _), phone in new.items() if self._with(line_id, phone) is None}:
                keys = {key for phone in missing for key in self.runtime.phone_keys(phone)}
                for key in keys:
                    self._known.pop(key, None)
                self.know(keys)

    def with_phone(self, line_id: int, phone: str) -> Conversation:
        """The conversation of this line with this phone (digits); `know` and `make` have seen to it that there is one."""
        found = self._with(line_id, phone)
        assert found is not None, "a conversation that was not made"
        return found

    def _with(self, line_id: int, phone: str) -> Conversation | None:
        found = [one for one in self.conversations(self.runtime.phone_keys(phone)) if one.line_id == line_id]
        return min(found, key=lambda one: one.id, default=None)

    def allowed(self, results: Sequence[tuple[RunRow, PlanResult]]) -> list[tuple[RunRow, PlanResult]]:
        """The same, with a refusal where a message may not go to its client: that weighs more than the wrong moment.

        Runs count in their order: what one of them allows holds for those behind it. What one of them stops holds for all
        that has not left yet, in front of it too; that is seen when messages leave.
        """
        wanted: list[sending.Wanted] = []
        lifted: set[tuple[int, str]] = set()
        for run, result in sorted(results, key=lambda one: one[0].id):
            if isinstance(result, Planned | Lineless) and result.consent:
                keys = {(run.portal_id, key) for key in self.client_of(result).keys}
                lifted = lifted | keys if result.consent == "allow" else lifted - keys
            elif (one := self._wanted(run, result)) is not None:
                is_lifted = any((run.portal_id, key) in lifted for key in one.keys)
                wanted.append(replace(one, is_lifted=is_lifted))
        refusals = sending.may_send(self.session, self.runtime.clock(), wanted)
        refused = {one.run_id: why for one, why in zip(wanted, refusals, strict=True) if why is not None}
        return [(run, self._instead(result, refused.get(run.id))) for run, result in results]

    def _wanted(self, run: RunRow, result: PlanResult) -> sending.Wanted | None:
        """The message that this run would send; None if it sends none, or is refused for what it says itself."""
        if isinstance(result, Planned) and result.message is not None:
            is_session, category = result.message["is_session"], result.message["category"]
        elif isinstance(result, Refused) and result.code == "window_closed":
            is_session, category = True, ""
        else:
            return None
        if result.line_id not in self.lines:
            return None
        keys = self.client(result.line_id, result.phone).keys
        return sending.Wanted(run.portal_id, result.line_id, keys, is_session, category, run.id)

    def _instead(self, result: PlanResult, why: Refused | None) -> PlanResult:
        if why is None or isinstance(result, Postponed | Lineless):
            return result
        why.line_id = result.line_id
        if isinstance(result, Planned):
            why.conversation_id = self.with_phone(result.line_id, result.phone).id
        else:
            why.conversation_id = result.conversation_id
        return why

    def client(self, line_id: int, phone: str) -> consent.Client:
        """The client with this phone, as this line knows him."""
        known = self.conversations(self.runtime.phone_keys(phone))
        return consent.Client.of(self.runtime, phone, [one for one in known if one.line_id == line_id])

    def client_of(self, planned: Planned | Lineless) -> consent.Client:
        """The client of an action about consent."""
        line_id = planned.line_id if isinstance(planned, Planned) else EVERY_LINE
        return self.client(line_id, planned.phone)

    def write(self) -> None:
        """Write the messages that were gathered. A client may have written since it was found that a message must wait."""
        if self.messages:
            self.session.execute(insert(Message), self.messages)
        again = Changes(self.session)
        for message, columns in self.again:
            again.set(message, **columns)
        again.write()
        planned = [*self.messages, *(columns for _, columns in self.again)]
        waiting = {message["conversation_id"] for message in planned if message["hold"] == Hold.WINDOW}
        holding.look_again(self.session, self.lines, waiting, self.runtime.clock())
        self.messages, self.again = [], []


def read_messages(session: Session, runs: Iterable[RunRow]) -> None:
    """Read and lock the messages of those of these locked runs that were planned before, and could not leave in time."""
    if planned_before := [run for run in runs if run.state == RunState.STORED and run.conversation_id is not None]:
        rows.add_messages(session, planned_before)


def record(changes: Changes, runtime: Runtime, run: RunRow, result: PlanResult, around: PlanningContext) -> None:
    """Write down what planning found. A run that was ended meanwhile stays as it is; its row is locked, and its message read
    (`read_messages`)."""
    if run.state != RunState.STORED:
        return
    if isinstance(result, Refused):
        # As far as planning came: people ask by line and by client why nothing was sent.
        changes.set(run, line_id=result.line_id, conversation_id=result.conversation_id)
        outcomes.finish_run(changes, runtime, run, outcomes.failed(result))
    elif isinstance(result, Postponed):
        postpone(changes, runtime, run, result)
    elif isinstance(result, Lineless):
        _consent(changes, runtime, run, result, around)
    elif isinstance(result, Awaiting):
        deliveries.begin(changes, runtime, run, result.message_id, result.until, result.deadline_at)
    else:
        _start(changes, runtime, run, result, around)


def postpone(changes: Changes, runtime: Runtime, run: RunRow, result: Postponed) -> None:
    """Plan it again later."""
    again_at = runtime.clock() + timedelta(seconds=result.after_s)
    changes.set(run, plan_tries=run.plan_tries + 1, plan_at=again_at)
    log.warning("run postponed", trace=run.trace, reason=result.reason, after_s=result.after_s)


def _start(changes: Changes, runtime: Runtime, run: RunRow, planned: Planned, around: PlanningContext) -> None:
    line = around.lines.get(planned.line_id)
    if line is None or line.status != LineStatus.CONNECTED:
        if planned.consent:
            _consent(changes, runtime, run, Lineless(planned.phone, planned.consent), around)
            return
        outcomes.finish_run(changes, runtime, run, outcomes.failed(refused("line_not_connected")))
        return
    conversation = around.with_phone(line.id, planned.phone)
    note = planned.note.to(run.language) if planned.note else ""
    changes.set(run, line_id=line.id, conversation_id=conversation.id, note=note)
    if planned.consent:
        _consent(changes, runtime, run, planned, around)
        return
    if planned.values is not None:
        outcomes.finish_run(changes, runtime, run, Outcome(OutcomeKind.OK, values=planned.values))
        return
    why = circuit_breaker.let_trial_through(line, run, runtime.clock()) if planned.leaves_at_once else None
    if why is not None:
        outcomes.finish_run(changes, runtime, run, outcomes.failed(why))
        return
    waits = {"until": planned.until, "deadline_at": planned.deadline_at, "accept": planned.accept}
    changes.set(run, state=RunState.WAITING, **waits)
    if planned.message is None:
        replies.early(changes, runtime, run)
    else:
        columns = _columns(run, conversation.id, planned, runtime.clock())
        if run.message is None:
            around.messages.append(columns)
        elif run.message.status == MessageStatus.HELD:
            del columns["created_at"]
            around.again.append((run.message, columns))
        log.info("run planned", trace=run.trace, run=run.id, line=line.id, kind=planned.message["kind"])


def _consent(
    changes: Changes, runtime: Runtime, run: RunRow, planned: Planned | Lineless, around: PlanningContext
) -> None:
    """Carry out what the run wants of the list of those who have opted out; it ends at once."""
    line_id = planned.line_id if isinstance(planned, Planned) else EVERY_LINE
    values = consent.by_action(changes, runtime, run, line_id, around.client_of(planned), planned.consent)
    outcomes.finish_run(changes, runtime, run, Outcome(OutcomeKind.OK, values=values))


def _columns(run: RunRow, conversation_id: int, planned: Planned, now: datetime) -> dict[str, Any]:
    """The columns of a run's message. The run's id is its place in the queues: robots send in the order they ran."""
    return {
        "run_id": run.id,
        "origin_id": run.id,
        "position": run.id,
        "portal_id": run.portal_id,
        "shard": run.shard,
        "line_id": planned.line_id,
        "conversation_id": conversation_id,
        "created_at": now,
        "send_at": now,
        **(planned.message or {}),
    }
