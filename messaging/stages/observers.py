"""Who else is told what became of a message, and what a client wrote: the CRM's timeline, triggers, operators' chats …

A message has one listener by its origin (messaging.stages.status_changes); these hear of all messages and replies. They run
in the transaction that learned it, ask nobody, and mostly store a portal task (messaging.store.portal_tasks), so what they
cause happens once for each cause, however often the event comes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from messaging.callbacks import telling
from messaging.campaigns import messages as campaign_messages
from messaging.conversations import chat_tasks
from messaging.policy import consent
from messaging.runs import crm_tasks, reactions
from messaging.runtime import Runtime
from messaging.store.changes import Changes
from messaging.store.models import Conversation, Line, Message, Reply
from messaging.store.rows import MessageRow, RunRow


@dataclass(frozen=True)
class Heard:
    """What a client wrote or tapped, stored a moment ago, for the first time.

    conversations: of this client on this line, the reply's own first. message: ours that was quoted or tapped, if any.
    run: the run the reply ends, if any. values: as messaging.conversations.replies.values_of gives them. is_words: the client
    has written or tapped something himself; a reaction is not.
    """

    line: Line
    conversations: list[Conversation]
    reply: Reply
    message: Message | None
    run: RunRow | None
    values: dict[str, Any]
    is_words: bool


StatusObserver = Callable[[Changes, Runtime, MessageRow], None]
ReplyObserver = Callable[[Changes, Runtime, Heard], None]


def _consent(changes: Changes, runtime: Runtime, heard: Heard) -> None:
    if heard.is_words:
        message_id = heard.message.id if heard.message else None
        consent.said(
            *(changes.session, runtime, heard.line, heard.conversations, heard.reply, heard.values, heard.run),
            message_id,
        )


def _in_crm(changes: Changes, runtime: Runtime, heard: Heard) -> None:
    crm_tasks.replied(changes, runtime, heard.line.portal_id, heard.reply, heard.message, heard.run)


def _into_the_chat(changes: Changes, runtime: Runtime, heard: Heard) -> None:
    chat_tasks.client_wrote(changes.session, runtime, heard.line, heard.reply, heard.message)


def _counts_for_a_campaign(changes: Changes, runtime: Runtime, heard: Heard) -> None:
    ids = [conversation.id for conversation in heard.conversations]
    campaign_messages.note_reply(changes.session, ids, heard.message.id if heard.message else None, runtime.clock())


def _to_customers(changes: Changes, runtime: Runtime, heard: Heard) -> None:
    telling.replied(changes.session, runtime, heard.line.portal_id, heard.reply, heard.message, heard.run)


def _counts_for_reports(changes: Changes, runtime: Runtime, heard: Heard) -> None:
    ids = [conversation.id for conversation in heard.conversations]
    reactions.replied(changes.session, ids, heard.message.id if heard.message else None, runtime.clock())


#: Told that a message's status has risen, after its listener.
STATUS: tuple[StatusObserver, ...] = (
    *(consent.failed, crm_tasks.message_changed, chat_tasks.mirrored, reactions.changed),
    telling.message_changed,
)
#: Told of a reply, after the run that it ends.
REPLY: tuple[ReplyObserver, ...] = (
    *(_consent, _in_crm, _into_the_chat),
    *(_counts_for_a_campaign, _counts_for_reports, _to_customers),
)
