"""What a search of runs asks for, and the conditions that follow from it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, false, or_, select

from messaging.store.models import Message, Run, shard_of
from messaging.store.states import MessageStatus, Origin, OutcomeKind

#: Statuses that only the message's own row can tell apart.
_OF_THE_MESSAGE = frozenset(
    {MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ},
)
#: Status of the list → statuses of messages without a run, where they are called otherwise.
_LONE: dict[str, tuple[str, ...]] = {
    OutcomeKind.FAILED: (MessageStatus.FAILED, MessageStatus.DROPPED),
    MessageStatus.QUEUED: (MessageStatus.QUEUED, MessageStatus.SENDING),
}
#: Origin of a run's message → the side its run came from. Messages of other origins have no run.
SIDES: dict[str, str] = {Origin.ROBOT: "robots", Origin.ACTIVITY: "activities", Origin.API: "api"}
#: Outcomes that say more than the message's status does.
_DECIDED = (OutcomeKind.REPLIED, OutcomeKind.FAILED, OutcomeKind.TIMEOUT, OutcomeKind.OK)


@dataclass(frozen=True)
class Query:
    """A search. Empty fields and None ask for everything.

    words: a phone or part of one, a document, an id. status: one of search_rows.STATUSES.
    without_line: runs that failed before a line was found for them. code: why a run or a message failed, as
    failures.by_reason names it. origin: of states.Origin; campaign_id: of the campaign's messages.
    sends_only: runs that send nothing are left out.
    since, until: the period of the robot call, without `until` itself.
    whole_phones: a part of a phone finds nothing; else a viewer who sees masked phones could guess them digit by digit.
    """

    words: str = ""
    line_id: int | None = None
    action: str = ""
    status: str = ""
    since: datetime | None = None
    until: datetime | None = None
    whole_phones: bool = False
    code: str = ""
    origin: str = ""
    campaign_id: int | None = None
    sends_only: bool = False
    without_line: bool = False

    @property
    def reads_messages(self) -> bool:
        """Whether the rows of messages must be read, for their status."""
        return self.status in _OF_THE_MESSAGE

    def conditions(self, portal_id: int, low: int, high: int) -> list[ColumnElement[bool]]:
        """For a portal's runs with low <= id < high: all that the index ix_run_portal and the failed messages can tell."""
        found = [Run.portal_id == portal_id, Run.id >= low, Run.id < high]
        if self.since is not None:
            found.append(Run.stored_at >= self.since)
        if self.until is not None:
            found.append(Run.stored_at < self.until)
        if self.action:
            found.append(Run.action == self.action)
        if self.without_line:
            found.append(Run.line_id.is_(None))
        elif self.line_id is not None:
            found.append(Run.line_id == self.line_id)
        if self.sends_only:
            found.append(Run.action.startswith("send_"))
        if self.origin or self.campaign_id is not None:
            found.append(Run.side == SIDES[self.origin] if self._may_be_runs else false())
        failed = select(Message.run_id).where(
            Message.portal_id == portal_id,
            Message.status == MessageStatus.FAILED,
            Message.run_id >= low,
            Message.run_id < high,
        )
        return [*found, *self._of_status(portal_id, failed), *self._of_code(failed)]

    @property
    def _may_be_runs(self) -> bool:
        return self.campaign_id is None and self.origin in SIDES

    def _of_code(self, failed: Select[int | None]) -> list[ColumnElement[bool]]:
        """failed: the runs whose message has failed; the message's reason counts, not the run's."""
        if not self.code:
            return []
        sent_nothing = (Run.outcome == OutcomeKind.FAILED) & (Run.error_code == self.code) & Run.id.not_in(failed)
        return [or_(sent_nothing, Run.id.in_(failed.where(Message.error_code == self.code)))]

    def _of_status(self, portal_id: int, failed: Select[int | None]) -> list[ColumnElement[bool]]:
        refused = Run.id.in_(failed)
        match self.status:
            case "":
                return []
            case OutcomeKind.FAILED:
                succeeded = (OutcomeKind.REPLIED, OutcomeKind.OK)
                return [or_(Run.outcome == OutcomeKind.FAILED, refused), Run.outcome.not_in(succeeded)]
            case OutcomeKind.REPLIED | OutcomeKind.OK:
                return [Run.outcome == self.status]
            case OutcomeKind.TIMEOUT:
                return [Run.outcome == OutcomeKind.TIMEOUT, ~refused]
            case MessageStatus.QUEUED:
                return [Run.outcome == "", ~refused]
            case MessageStatus.HELD:
                return [Run.outcome == "", Run.id.in_(_having(portal_id, MessageStatus.HELD))]
            case OutcomeKind.UNKNOWN:
                return [Run.id.in_(_having(portal_id, MessageStatus.UNKNOWN)), Run.outcome.not_in(_DECIDED)]
            case _:
                return [Run.outcome.not_in(_DECIDED)]

    def of_lone(self, portal_id: int, low: int, high: int) -> list[ColumnElement[bool]]:
        """For a portal's messages without a run whose place is between these runs."""
        found = [
            Message.portal_id == portal_id,
            Message.run_id.is_(None),
            Message.position >= low,
            Message.position < high,
        ]
        if self.since is not None:
            found.append(Message.created_at >= self.since)
        if self.until is not None:
            found.append(Message.created_at < self.until)
        if self.action:
            found.append(Message.action == self.action)
        if self.without_line:
            found.append(false())  # every message has a line
        elif self.line_id is not None:
            found.append(Message.line_id == self.line_id)
        if self.origin:
            found.append(Message.origin == self.origin)
        if self.campaign_id is not None:
            found.append(Message.campaign_id == self.campaign_id)
        if self.status:
            found.append(Message.status.in_(_LONE.get(self.status, (self.status,))))
        if self.code:
            found += [Message.status == MessageStatus.FAILED, Message.error_code == self.code]
        return found

    def message_condition(self) -> ColumnElement[bool] | None:
        """What the message's row must fulfil as well; None: it need not be read."""
        if self.status == MessageStatus.QUEUED:
            waiting = (MessageStatus.QUEUED, MessageStatus.SENDING)
            return or_(Message.id.is_(None), *(Message.status == status for status in waiting))
        if not self.reads_messages:
            return None
        # Runs without a message of their own have waited for another's.
        return or_(Message.status == self.status, Message.id.is_(None) & (Run.outcome == self.status))


def _having(portal_id: int, status: MessageStatus) -> Select[int | None]:
    """Runs of messages with a status that few have, and that has an index of its own."""
    return select(Message.run_id).where(Message.shard == shard_of(portal_id), Message.status == status)
