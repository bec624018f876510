"""Events that a portal sends us besides those of the app's own life: what operators write, clicks on timeline cards.

A handler stores what the event says, in one transaction, and asks nobody: the portal waits for our answer, and never repeats
an event (reference bitrix24-2.md 11).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from bx24 import open_channels
from bx24.payloads import EventCall
from messaging.intake import operator_messages, timeline_clicks
from messaging.portals import scopes
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.store.models import Portal

Handler = Callable[[Runtime, Portal, EventCall], None]


@dataclass(frozen=True)
class Bound:
    """An event we ask for. scope: which the portal must have granted. handle: called for a portal whose application_token
    was right."""

    scope: str
    handle: Handler


#: By the event's name in upper case.
EVENTS: dict[str, Bound] = {
    timeline_clicks.EVENT: Bound(crm_tasks.CRM, timeline_clicks.clicked),
    open_channels.MESSAGE_ADDED: Bound(scopes.OPEN_CHANNELS, operator_messages.written),
    open_channels.STATUS_DELETED: Bound(scopes.OPEN_CHANNELS, operator_messages.switched_off),
    open_channels.LINE_DELETED: Bound(scopes.OPEN_CHANNELS, operator_messages.switched_off),
}


def wanted(granted: Collection[str]) -> list[str]:
    """The events a portal with these scopes can send."""
    return [name for name, event in EVENTS.items() if event.scope in granted]
