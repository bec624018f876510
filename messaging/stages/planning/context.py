"""What a group of runs needs around it while it is planned, and how its plans are written down."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from activities.errors import Refused, refused
from messaging.conversations import lookup, replies
from messaging.lines import circuit_breaker
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.stages.planning.plan import Outcome, Planned, Postponed
from messaging.store import rows
from messaging.store.models import Conversation, Message
from messaging.store.rows import SomeRun

log = structlog.get_logger(__name__)


_MESSAGE: Any = Message.__table__
_CONVERSATION: Any = Conversation.__table__


class Around:
    """What a group of runs needs around it: portals with their lines, and the conversations with its phones.

    Made while planning, without locks; taken along into the transaction that writes (`enter`), where lines are read again and
    locked against removal. New messages are gathered and written at once.
    """

    def __init__(self, session: Session, runtime: Runtime, runs: Sequence[SomeRun]) -> None:
        self.session = session
        self.runtime = runtime
        self.portals = rows.know_portals(session, {run.portal_id for run in runs})
        self.lines = rows.know_lines(session, self.portals.values(), lock=False)
        self.messages: list[dict[str, Any]] = []
        self._known: dict[str, list[Conversation]] = defaultdict(list)

    def enter(self, session: Session) -> "Around":
        """From now on in the transaction that writes."""
        self.session = session
        rows.remember_portals(session, self.portals)
        self.lines = rows.know_lines(session, self.portals.values(), lock=True)
        return self

    def know(self, keys: Collection[str]) -> None:
        """Read the conversations with these phones (index keys) on any of the lines."""
        asked = [key for key in keys if key not in self._known]
        for one in lookup.conversations_with(self.session, list(self.lines), asked) if asked else []:
            for key in {one.phone_key, one.alias_key or one.phone_key}:
                self._known[key].append(one)

    def conversations(self, keys: Iterable[str]) -> list[Conversation]:
        """Those that are known with these phones."""
        return [one for key in keys for one in self._known.get(key, ())]

    def make(self, wanted: Iterable[tuple[int, str]]) -> None:
        """Make the conversations (line, phone) that are the first word, all in one statement."""
        keyed = {(line_id, self.runtime.phone_key(phone)): phone for line_id, phone in wanted}
        new = {pair: phone for pair, phone in sorted(keyed.items()) if self._with(*pair) is None}
        if new:
            made = [{"line_id": line_id, "phone": phone, "phone_key": key} for (line_id, key), phone in new.items()]
            # A client may have written meanwhile.
            for row in rows.add(self.session, _CONVERSATION, made, "id", "line_id", "phone_key", known=True):
                self._known[row.phone_key].append(Conversation(id=row.id, line_id=row.line_id, phone_key=row.phone_key))
            if missing := {key for line_id, key in new if self._with(line_id, key) is None}:
                for key in missing:
                    self._known.pop(key, None)
                self.know(missing)

    def with_phone(self, line_id: int, phone: str) -> Conversation:
        """The conversation of this line with this phone (digits); `know` and `make` have seen to it that there is one."""
        found = self._with(line_id, self.runtime.phone_key(phone))
        assert found is not None, "a conversation that was not made"
        return found

    def _with(self, line_id: int, key: str) -> Conversation | None:
        return next((one for one in self._known.get(key, ()) if one.line_id == line_id), None)

    def write(self) -> None:
        """Write the messages that were gathered."""
        rows.add(self.session, _MESSAGE, self.messages, "id")
        self.messages = []


def record(session: Session, runtime: Runtime, run: SomeRun, outcome: Outcome, around: Around) -> None:
    """Write down what planning found. A run that was ended meanwhile stays as it is; its row is held."""
    if run.state != "stored":
        return
    if isinstance(outcome, Refused):
        # As far as planning came: people ask by line and by client why nothing was sent.
        run.line_id, run.conversation_id = outcome.line_id, outcome.conversation_id
        outcomes.end(session, runtime, run, "failed", outcome.code, outcome.text)
    elif isinstance(outcome, Postponed):
        postpone(runtime, run, outcome)
    else:
        _start(session, runtime, run, outcome, around)


def postpone(runtime: Runtime, run: SomeRun, outcome: Postponed) -> None:
    """Plan it again later."""
    run.plan_tries += 1
    run.plan_at = runtime.clock() + timedelta(seconds=outcome.after_s)
    log.warning("run postponed", trace=run.trace, reason=outcome.reason, after_s=outcome.after_s)


def _start(session: Session, runtime: Runtime, run: SomeRun, planned: Planned, around: Around) -> None:
    now = runtime.clock()
    line = around.lines.get(planned.line_id)
    if line is None or line.status != "connected":
        refusal = refused("line_not_connected")
        outcomes.end(session, runtime, run, "failed", refusal.code, refusal.text)
        return
    conversation = around.with_phone(line.id, planned.phone)
    run.line_id, run.conversation_id = line.id, conversation.id
    run.note = planned.note.to(around.portals[run.portal_id].language) if planned.note else ""
    if planned.values is not None:
        outcomes.end(session, runtime, run, "ok", values=planned.values)
        return
    if planned.message is not None and (why := circuit_breaker.admit(line, run, now)) is not None:
        outcomes.end(session, runtime, run, "failed", why.code, why.text)
        return
    run.state, run.until, run.deadline_at, run.accept = "waiting", planned.until, planned.deadline_at, planned.accept
    if planned.message is None:
        replies.early(session, runtime, run)
        return
    around.messages.append(
        {
            "run_id": run.id,
            "portal_id": run.portal_id,
            "shard": run.shard,
            "line_id": line.id,
            "conversation_id": conversation.id,
            "status": "queued",
            "created_at": now,
            "send_at": now,
            **planned.message,
        }
    )
    log.info("run planned", trace=run.trace, run=run.id, line=line.id, kind=planned.message["kind"])
