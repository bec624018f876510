"""The messages of a campaign: queued for its recipients, taken back before they leave, answered by clients.

Everything here happens in the caller's transaction.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from activities.errors import Refused
from messaging.campaigns.judging import REASONS, Judged
from messaging.conversations import lookup
from messaging.conversations.queueing import BEHIND_THE_RUNS, queue_all
from messaging.money import estimates
from messaging.runs.reactions import AWAY, WINDOW
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, Recipient, RecipientState, Skipped
from messaging.store.database import ask
from messaging.store.models import Conversation, Message, Portal
from messaging.store.rows import MessageRow
from messaging.store.sql import among, insert_missing
from messaging.store.states import Origin

#: A message that has not left within this time is judged again: the sending hours may have ended, the template may be another.
JUDGED_FOR = timedelta(minutes=2)


def take_back(session: Session, messages: Collection[MessageRow], why: Mapping[int, Refused] | None = None) -> None:
    """Delete queued messages of campaigns that must not leave now; their recipients are skipped, or pending again.

    why: the refusals, by message; without one a message only waited too long, so that its recipient must be judged again.
    """
    if not messages:
        return
    gone = {row.id: row.origin_id for row in ask(session, _DELETED, {"ids": [message.id for message in messages]})}
    campaigns = {message.campaign_id for message in messages}
    cancelled = set(ask(session, _CANCELLED, {"ids": list(campaigns)}).scalars())
    recipients: defaultdict[str, list[int]] = defaultdict(list)
    for message in messages:
        refusal = (why or {}).get(message.id)
        reason = REASONS.get(refusal.code, "") if refusal is not None else ""
        if message.campaign_id in cancelled:
            reason = Skipped.CANCELLED
        recipients[reason].append(gone[message.id])
    for reason, ids in recipients.items():
        state = RecipientState.SKIPPED if reason else RecipientState.PENDING
        ask(session, _TAKEN_BACK, {"ids": ids, "new_state": state, "new_reason": reason})


# Statements are made once: building a statement takes longer than running it.
_DELETED = delete(Message).where(among(Message.id, "ids")).returning(Message.id, Message.origin_id)
_CANCELLED = select(Campaign.id).where(among(Campaign.id, "ids"), Campaign.state == CampaignState.CANCELLED)
_TAKEN_BACK = (
    update(Recipient)
    .where(among(Recipient.id, "ids"))
    .values(state=bindparam("new_state"), reason=bindparam("new_reason"), message_id=None)
)


def is_running(session: Session, campaign_id: int) -> bool:
    """Whether messages of this campaign may leave. The answer holds until the caller's transaction is over: the row is locked
    against a pause, and a pause that is being written is waited for."""
    state = select(Campaign.state).where(Campaign.id == campaign_id).with_for_update(read=True)
    return session.scalar(state) == CampaignState.RUNNING


def queue_messages(
    session: Session, runtime: Runtime, campaign: Campaign, judged: Sequence[Judged], now: datetime
) -> int:
    """Queue the messages of these recipients, all of whom may be written to; how many messages are new."""
    talks = _conversations_for(session, runtime, judged)
    portal = session.get_one(Portal, campaign.portal_id)
    rows = [
        {
            **(one.message or {}),
            "origin": Origin.CAMPAIGN,
            **estimates.columns(one.cost(runtime, portal)),
            "origin_id": one.recipient.id,
            "campaign_id": campaign.id,
            "priority": BEHIND_THE_RUNS,
            "portal_id": campaign.portal_id,
            "shard": campaign.shard,
            "line_id": one.line.id,
            "conversation_id": talks[one.line.id, one.recipient.phone],
            "judge_at": now + JUDGED_FOR,
            "country": one.country,
            "item": one.recipient.item,
            "timeline": False,
        }
        for one in judged
        if one.line is not None
    ]
    queued = queue_all(session, now, rows)
    of_recipient = [{"id": row.origin_id, "state": RecipientState.QUEUED, "message_id": row.id} for row in queued]
    if of_recipient:
        session.execute(update(Recipient), of_recipient)
    return len(queued)


def _conversations_for(session: Session, runtime: Runtime, judged: Sequence[Judged]) -> dict[tuple[int, str], int]:
    """(line, phone) → conversation of each recipient; a missing conversation is made."""
    found = {
        (one.line.id, one.recipient.phone): one.conversation.id
        for one in judged
        if one.line is not None and one.conversation is not None
    }
    new = {
        (one.line.id, runtime.phone_key(one.recipient.phone)): one.recipient.phone
        for one in judged
        if one.line is not None and (one.line.id, one.recipient.phone) not in found
    }
    if new:
        rows = [{"line_id": line, "phone": phone, "phone_key": key} for (line, key), phone in new.items()]
        insert_missing(session, Conversation, rows, "id")
        for talk in lookup.conversations_with(session, {line for line, _ in new}, [key for _, key in new]):
            if (talk.line_id, talk.phone_key) in new:
                found[talk.line_id, new[talk.line_id, talk.phone_key]] = talk.id
    return found


def note_reply(session: Session, conversation_ids: list[int], message_id: int | None, now: datetime) -> None:
    """Note that a client has replied: to the message that the client quoted or tapped, else to the newest one of WINDOW.

    conversation_ids: the client's. message_id: of the quoted or tapped message, None without one.
    """
    query = select(Message.origin_id).where(Message.campaign_id.is_not(None))
    if message_id is not None:
        query = query.where(Message.id == message_id)
    else:
        of_client = Message.conversation_id.in_(conversation_ids)
        is_there = Message.status.not_in(AWAY)
        query = query.where(of_client, Message.claimed_at > now - WINDOW, is_there)
    recipient_id = session.scalar(query.order_by(Message.id.desc()).limit(1))
    if recipient_id is not None:
        first = (Recipient.id == recipient_id) & Recipient.replied_at.is_(None)
        counted = update(Recipient).where(first).values(replied_at=now)
        session.execute(counted.execution_options(synchronize_session=False))
