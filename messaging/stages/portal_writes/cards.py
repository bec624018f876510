"""Timeline cards: one configurable activity for each message and each reply, kept up to date (crm_tasks says when).

A card is added once: its origin id is its task's key. When nobody knows whether it was added, it is looked for by that id
first. An update may be repeated. A card that somebody has deleted is not made again.

Bitrix24 docs: api-reference/crm/timeline/activities/configurable (the app's own tokens alone).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bx24.client import Client
from bx24.errors import Bx24Error
from messaging.limits.bounds import REST_TOTAL_S
from messaging.portals.crm import Pair
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.stages.portal_writes import owners
from messaging.stages.portal_writes.card_contents import CardContents
from messaging.stages.portal_writes.layout import layout
from messaging.stages.portal_writes.stage import after
from messaging.stages.portal_writes.writer import Done, GivenUp, Job, Unclear, Written
from messaging.store.portal_tasks import PortalTask

ADD, UPDATE, LIST = "crm.activity.configurable.add", "crm.activity.configurable.update", "crm.activity.list"
PROVIDER, ORIGINATOR = "CONFIGURABLE_REST_APP", "waba24"
#: The item, or the card, is gone: nobody misses it.
_GONE = frozenset({"NOT_FOUND", "OWNER_NOT_FOUND", "ERROR_NOT_FOUND"})


@dataclass(frozen=True)
class Need:
    """owner: the item, None: that of the client with this phone. digest: of the layout, to write no card twice."""

    owner: list[int] | None
    phone: str
    layout: dict[str, Any]
    is_reply: bool
    digest: str


class Cards:
    """The writer of tasks of the kind `card`."""

    kind = crm_tasks.CARD
    batch = 10
    one_of_a_lane = False

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Any]:
        contents = CardContents(session, self.runtime, tasks[0].portal_id, tasks)
        phones = owners.phones_of(session, tasks)
        needs: dict[int, Any] = {}
        for task in tasks:
            known = task.result or {}
            card = None if known.get("gone") else contents.of(task)
            if card is None:
                continue
            parts = layout(card, contents.language)
            digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
            if known.get("shown") != digest:
                is_reply = task.reply_id is not None
                needs[task.id] = Need(known.get("owner"), phones.get(task.id, ""), parts, is_reply, digest)
        return needs

    def busy_s(self, needs: Iterable[Any]) -> float:
        return REST_TOTAL_S

    def write(self, client: Client, jobs: Sequence[Job]) -> list[Written]:
        items = owners.find(client, {job.task_id: (job.needs.owner, job.needs.phone) for job in jobs})
        made, unseen = _made(client, [job for job in jobs if job.look_first and "activity" not in job.result])
        commands: dict[str, tuple[str, dict[str, Any]]] = {}
        for job in jobs:
            item, activity = items[job.task_id], job.result.get("activity") or made.get(job.task_id)
            if job.task_id in unseen:
                continue
            if activity is not None:
                commands[f"c{job.task_id}"] = (UPDATE, {"id": activity, "layout": job.needs.layout})
            elif item is not None:
                commands[f"c{job.task_id}"] = (ADD, _added(job, item))
        reply = client.batch(commands) if commands else None
        now = self.runtime.clock()
        return [
            _in_doubt(unseen[job.task_id], now)
            if job.task_id in unseen
            else Done({"nobody": True})
            if f"c{job.task_id}" not in commands or reply is None
            else _written(job, items[job.task_id], made, reply.results, reply.errors, now)
            for job in jobs
        ]

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Written) -> None:
        """Nothing follows."""


def _added(job: Job, item: Pair) -> dict[str, Any]:
    """completed: a card asks nobody for anything."""
    return {
        "ownerTypeId": item[0],
        "ownerId": item[1],
        "fields": {
            "completed": "Y",
            "isIncomingChannel": "Y" if job.needs.is_reply else "N",
            "originatorId": ORIGINATOR,
            "originId": origin(job.key),
        },
        "layout": job.needs.layout,
    }


def origin(key: str) -> str:
    """The origin id of a card, the same for ever: `waba24-m15`, `waba24-r8`, `waba24-run7`."""
    return f"{ORIGINATOR}-{key.removeprefix('card ')}"


def _in_doubt(error: Bx24Error, now: datetime) -> Written:
    """A card that could not be looked for stays in doubt, unless it never can be."""
    written = after(error, now)
    return written if isinstance(written, GivenUp) else Unclear(str(error))


def _made(client: Client, doubtful: Sequence[Job]) -> tuple[dict[int, int], dict[int, Bx24Error]]:
    """Of those that may have been added: task → the activity that is there; task → why it could not be looked for."""
    if not doubtful:
        return {}, {}
    asked = {
        f"l{job.task_id}": (
            LIST,
            {"filter": {"PROVIDER_ID": PROVIDER, "ORIGIN_ID": origin(job.key)}, "select": ["ID", "ORIGIN_ID"]},
        )
        for job in doubtful
    }
    reply = client.batch(asked)
    found: dict[int, int] = {}
    unseen = {job.task_id: reply.errors[f"l{job.task_id}"] for job in doubtful if f"l{job.task_id}" in reply.errors}
    for job in doubtful:
        listed = reply.results.get(f"l{job.task_id}")
        rows = list(listed.values()) if isinstance(listed, Mapping) else listed if isinstance(listed, list) else []
        # A filter that Bitrix24 does not know finds everything: it is compared once more.
        mine = [row for row in rows if isinstance(row, Mapping) and row.get("ORIGIN_ID") == origin(job.key)]
        if mine:
            found[job.task_id] = int(mine[0]["ID"])
    return found, unseen


def _written(
    job: Job,
    item: Pair | None,
    made: Mapping[int, int],
    results: Mapping[str, Any],
    errors: Mapping[str, Bx24Error],
    now: datetime,
) -> Written:
    name = f"c{job.task_id}"
    error = errors.get(name)
    if error is not None:
        if error.code.upper() in _GONE:
            return Done({"gone": True})
        written = after(error, now)
        is_own = isinstance(written, GivenUp) and "activity" in job.result
        return Done({"gone": True}) if is_own and error.code.upper() == "ERROR_WRONG_APPLICATION" else written
    answer = results.get(name)
    activity = answer.get("activity") if isinstance(answer, Mapping) else None
    number = activity.get("id") if isinstance(activity, Mapping) else None
    known = job.result.get("activity") or made.get(job.task_id) or number
    if name not in results or known is None:
        return Unclear("no answer")
    return Done({"activity": int(known), "shown": job.needs.digest, **({"owner": list(item)} if item else {})})
