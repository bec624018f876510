"""Which recipients of a campaign may be written to now, by which line, with which message; and why the others may not.

A recipient is judged twice by the same rules: when the campaign is prepared, which is also its dry run, and again when its
message is queued.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from activities import phones
from activities.errors import Refused
from messaging.campaigns.composing import Composer
from messaging.conversations import lookup
from messaging.money import estimates
from messaging.money.table import Cost
from messaging.policy.sending import Wanted, may_send
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, Recipient, RecipientState, Skipped
from messaging.store.models import Conversation, Line, Portal

#: Refusals of the rules of sending → why the recipient is skipped.
REASONS = {"opted_out": Skipped.OPTED_OUT, "marketing_cap": Skipped.MARKETING_CAP}


@dataclass(frozen=True)
class Judged:
    """What is to become of a recipient.

    line: by which the client is written to. conversation: the client's on that line, None if there is none. keys: the client's
    in the phone index. message: the columns of the message's content (`composing.Composer.columns`). reason: why the recipient
    is skipped (`Skipped`), "" if it is not; why: the same in words, if a rule gave any.
    """

    recipient: Any
    line: Line | None
    conversation: Conversation | None
    keys: frozenset[str]
    message: dict[str, Any] | None = None
    reason: str = ""
    why: Refused | None = None

    @property
    def country(self) -> str:
        """The country of the client's phone, two letters."""
        return phones.country_of(self.recipient.phone)

    def cost(self, runtime: Runtime, portal: Portal) -> Cost:
        """What the message is expected to cost; zero if there is no message."""
        if self.line is None or self.message is None:
            return Cost(0, "")
        return estimates.of_message(runtime, portal, self.line, self.conversation, self.message, self.country)


class Judge:
    """Says which recipients of a campaign may be written to now. composers: by line, those that have the template."""

    def __init__(self, runtime: Runtime, campaign: Campaign, lines: Sequence[Line], composers: Mapping[int, Composer]):
        self.runtime = runtime
        self.campaign = campaign
        self.lines = list(lines)
        self.composers = composers
        self._own = {line.phone for line in lines}

    def judge(self, session: Session, recipients: Sequence[Any]) -> list[Judged]:
        """recipients: rows with id, phone, values and line_id, in their order."""
        keys = {row.id: frozenset(self.runtime.phone_keys(row.phone)) for row in recipients}
        talks = self._conversations(session, {key for found in keys.values() for key in found})
        judged = [self._composed(row, keys[row.id], talks) for row in recipients]
        asked = [one for one in judged if not one.reason]
        wanted = [
            Wanted(self.campaign.portal_id, one.line.id, one.keys, one.message["is_session"], one.message["category"])
            for one in asked
            if one.line is not None and one.message is not None
        ]
        answers = may_send(session, self.runtime.clock(), wanted) if wanted else []
        refused = {id(one): why for one, why in zip(asked, answers, strict=True) if why is not None}
        return [_refused(one, refused[id(one)]) if id(one) in refused else one for one in judged]

    def _conversations(self, session: Session, keys: Collection[str]) -> dict[str, list[Conversation]]:
        found: dict[str, list[Conversation]] = {}
        for talk in lookup.conversations_with(session, [line.id for line in self.lines], keys):
            for key in {talk.phone_key, talk.alias_key or talk.phone_key}:
                found.setdefault(key, []).append(talk)
        return found

    def _composed(self, row: Any, keys: frozenset[str], talks: Mapping[str, list[Conversation]]) -> Judged:
        mine = [talk for key in keys for talk in talks.get(key, ())]
        line = self._line(row, mine)
        known = next((talk for talk in mine if line is not None and talk.line_id == line.id), None)
        if row.phone in self._own or line is None:
            return Judged(row, line, known, keys, reason=Skipped.INVALID_PHONE)
        try:
            return Judged(row, line, known, keys, self.composers[line.id].columns(row.values or {}))
        except Refused as why:
            return Judged(row, line, known, keys, reason=Skipped.MISSING_VALUE, why=why)

    def _line(self, row: Any, talks: Sequence[Conversation]) -> Line | None:
        """The line of the client's newest conversation, else the lines in turn."""
        by_id = {line.id: line for line in self.lines if line.id in self.composers}
        if row.line_id in by_id:
            return by_id[row.line_id]
        at = {talk: talk.last_activity_at or talk.last_inbound_at for talk in talks if talk.line_id in by_id}
        talked = {talk: when for talk, when in at.items() if when is not None}
        if talked:
            return by_id[max(talked, key=lambda talk: talked[talk]).line_id]
        return list(by_id.values())[row.id % len(by_id)] if by_id else None


def _refused(one: Judged, why: Refused) -> Judged:
    reason = REASONS.get(why.code, Skipped.OPTED_OUT)
    return Judged(one.recipient, one.line, one.conversation, one.keys, reason=reason, why=why)


def record(session: Session, judged: Sequence[Judged]) -> None:
    """Write the judgement into the rows of pending recipients."""
    session.execute(
        update(Recipient),
        [
            {
                "id": one.recipient.id,
                "state": RecipientState.SKIPPED if one.reason else RecipientState.PENDING,
                "reason": one.reason,
                "line_id": one.line.id if one.line is not None else None,
            }
            for one in judged
        ],
    )


#: The next recipients to be judged for the first time, in the order in which they were stored.
UNJUDGED = (
    select(Recipient)
    .where(
        Recipient.campaign_id == bindparam("campaign"),
        Recipient.id > bindparam("after"),
        Recipient.phone_key.is_not(None),
    )
    .order_by(Recipient.id)
    .limit(bindparam("limit"))
)
