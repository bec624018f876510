"""The one place where a message's status rises, and is told to whom it concerns.

A message has one listener, by its origin: a robot's run may end, a campaign counts, a chat shows a tick. A new origin is one
more line in LISTENERS. After the listener, in this order: runs that wait for this message (`wait_delivery`); the line's
circuit breaker, for a refusal may speak of the whole line; the replies, for a client may have answered before Gupshup told
that it had taken the message; and the observers.
"""

from collections.abc import Callable
from datetime import datetime

from activities.errors import Refused
from messaging.conversations import chat_tasks, provider_statuses, replies
from messaging.lines import circuit_breaker
from messaging.runs import deliveries, outcomes
from messaging.runs.statuses import RANK, raised
from messaging.runtime import Runtime
from messaging.stages import observers
from messaging.store.changes import Changes
from messaging.store.models import Portal
from messaging.store.rows import MessageRow
from messaging.store.states import MessageStatus, Origin

#: Told that the status of a message of its origin has risen.
Listener = Callable[[Changes, Runtime, MessageRow], None]


def _nobody(_changes: Changes, _runtime: Runtime, _message: MessageRow) -> None:
    """Nobody waits for what a person or a campaign has sent: pages count the messages themselves."""


LISTENERS: dict[str, Listener] = {
    Origin.ROBOT: outcomes.message_changed,
    Origin.ACTIVITY: outcomes.message_changed,
    Origin.API: outcomes.message_changed,
    Origin.MANUAL: _nobody,
    Origin.CAMPAIGN: _nobody,
    Origin.OPERATOR: chat_tasks.operators_message_changed,
    Origin.PROVIDER: provider_statuses.message_changed,
}


def hold_back(changes: Changes, runtime: Runtime, message: MessageRow, why: Refused) -> None:
    """A queued message of no campaign may not leave any more: it ends here, with its run if it has one, and is never sent."""
    changes.set(message, error_code=why.code)
    if message.run is not None:
        outcomes.finish_run(changes, runtime, message.run, outcomes.failed(why))
    else:
        language = changes.session.get_one(Portal, message.portal_id).language
        changes.set(message, error_reason=why.text.to(language)[:500])
        runtime.counters.add("refusals", message.line_id, why.code, portal=message.portal_id)
        advance(changes, runtime, message, MessageStatus.FAILED, runtime.clock())


def advance(
    changes: Changes, runtime: Runtime, message: MessageRow, status: str, at: datetime, misconfigured: bool = False
) -> bool:
    """A message has come as far as `status`; False if it was as far before.

    at: the provider's moment, kept in any case. misconfigured: the send was answered 401, 403 or "no such app".
    """
    was = message.status
    changes.set(message, **raised(message, status, at))
    if message.status == was:
        return False
    LISTENERS[message.origin](changes, runtime, message)
    deliveries.message_changed(changes, runtime, message)
    circuit_breaker.on_status(changes, runtime, message, misconfigured)
    if RANK[was] < RANK[MessageStatus.ACCEPTED] <= RANK.get(message.status, -1):
        replies.overtaken(changes, runtime, message)
    for observer in observers.STATUS:
        observer(changes, runtime, message)
    return True
