"""On which CRM item a task acts: the one that is known, else the contact or lead of the conversation's client."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.client import Client
from messaging.portals.crm import Pair, find_clients
from messaging.store.models import Conversation
from messaging.store.portal_tasks import PortalTask


def phones_of(session: Session, tasks: Sequence[PortalTask]) -> dict[int, str]:
    """Task → its client's phone (digits), for tasks without an item: as the task names it, or its conversation."""
    lost = [task for task in tasks if not (task.result or {}).get("owner")]
    ids = {task.conversation_id for task in lost if task.conversation_id is not None}
    known = {row.id: row.phone for row in session.scalars(select(Conversation).where(Conversation.id.in_(ids)))}
    named = {task.id: str((task.payload or {}).get("phone") or "") for task in lost}
    return {task.id: named[task.id] or known.get(task.conversation_id or 0, "") for task in lost}


def find(client: Client, wanted: Mapping[int, tuple[Any, str]]) -> dict[int, Pair | None]:
    """Task → its item. wanted: task → what is known of its owner, and the client's phone. Raises Bx24Error."""
    phones = {phone for owner, phone in wanted.values() if not owner and phone}
    found = find_clients(client, sorted(phones)) if phones else {}
    return {
        task_id: (int(owner[0]), int(owner[1])) if owner else found.get(phone)
        for task_id, (owner, phone) in wanted.items()
    }
