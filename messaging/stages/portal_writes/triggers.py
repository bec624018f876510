"""Setting off triggers: a deal moves on, and the robots of its new stage start (crm_tasks says what sets them off).

Bitrix24 moves the item inside the call, and a second call may move it again. So when nobody knows whether a call was carried
out, the item is looked at first: if it has moved since the call was claimed, the trigger counts as set off (decision 0037).
Of a contact or company its deals are looked at, and its items of smart processes.
Of one item never more than one trigger is under way, and the next one waits until nobody can take the move of the one before
for its own. What is looked at is then set off in a request of its own, so that one slow stage leaves no others in doubt.

Bitrix24 docs: api-reference/crm/automation/triggers/crm-automation-trigger-execute (an administrator's token).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bx24.batch import MAX_BATCH, Command
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS
from bx24.errors import Bx24Error, Rejected, Unauthorized
from messaging.portals import crm, portals
from messaging.portals.crm import Pair
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.stages.portal_writes import owners
from messaging.stages.portal_writes.stage import after
from messaging.stages.portal_writes.writer import Again, Done, GivenUp, Job, Unclear, Written
from messaging.store.models import Portal
from messaging.store.portal_tasks import PortalTask, TaskState, hold_lane

EXECUTE = "crm.automation.trigger.execute"
DEAL = ENTITY_TYPE_IDS["DEAL"]
#: On items of these types Bitrix24 moves what belongs to them: field of the deal or the smart process.
_MOVES_DEAL = {crm.CONTACT: "contactIds", crm.COMPANY: "companyId"}
#: How far the portal's clock may be behind ours.
SKEW = timedelta(seconds=5)
#: From the end of a trigger to the next one of its item.
APART = 2 * SKEW
#: A batch of ten triggers, each of which moves an item (13 s and more, measured).
BUSY_S = 150.0
_NOT_REGISTERED = "is not registered"


@dataclass(frozen=True)
class Need:
    """owner: the item, None: that of the client with this phone. since: the earliest call of which nobody knows what came."""

    code: str
    owner: list[int] | None
    phone: str
    since: datetime | None


class Triggers:
    """The writer of tasks of the kind `trigger`."""

    kind = crm_tasks.TRIGGER
    batch = 10
    one_of_a_lane = True

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Any]:
        phones = owners.phones_of(session, tasks)
        for task in tasks:
            known = task.result or {}
            if task.state == TaskState.UNCLEAR and "since" not in known and task.claimed_at is not None:
                task.result = {**known, "since": task.claimed_at.isoformat()}
        return {task.id: _need(task.result or {}, phones.get(task.id, "")) for task in tasks}

    def busy_s(self, needs: Iterable[Any]) -> float:
        return BUSY_S

    def write(self, client: Client, jobs: Sequence[Job]) -> list[Written]:
        items = owners.find(client, {job.task_id: (job.needs.owner, job.needs.phone) for job in jobs})
        results: dict[int, Written] = {
            job.task_id: Done({"outcome": "nobody"}) for job in jobs if items[job.task_id] is None
        }
        known = [(job, item) for job in jobs if (item := items[job.task_id]) is not None]
        if sure := [(job, item) for job, item in known if job.needs.since is None]:
            results |= _set_off(client, sure, self.runtime.clock())
        for job, item in known:
            if job.needs.since is not None:
                results[job.task_id] = self._again(client, job, item)
        return [results[job.task_id] for job in jobs]

    def _again(self, client: Client, job: Job, item: Pair) -> Written:
        """Set off what may have been set off before, unless the item has moved meanwhile."""
        try:
            if _has_moved(client, item, job.needs.since - SKEW):
                return Done({"outcome": "moved", "owner": list(item)})
            return _set_off(client, [(job, item)], self.runtime.clock())[job.task_id]
        except Bx24Error as error:
            done = after(error, self.runtime.clock())
            return Unclear(str(error)) if isinstance(done, Unclear) else done

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Written) -> None:
        if task.done_at is not None and task.lane:
            hold_lane(session, task, task.done_at + APART)
        if isinstance(result, Again) and _NOT_REGISTERED in result.reason:
            portal = session.get_one(Portal, task.portal_id, with_for_update=True)
            if portal.registration_due_at is None:
                portals.register_again(session, portal, runtime)


def _need(known: Mapping[str, Any], phone: str) -> Need:
    since = datetime.fromisoformat(known["since"]) if "since" in known else None
    return Need(str(known.get("code")), known.get("owner"), phone, since)


def _set_off(client: Client, jobs: Sequence[tuple[Job, Pair]], now: datetime) -> dict[int, Written]:
    """Call the triggers of these jobs in one request. Raises Bx24Error if nobody knows what became of the request."""
    reply = client.batch(
        {
            f"t{job.task_id}": (
                EXECUTE,
                {"CODE": job.needs.code, "OWNER_TYPE_ID": item[0], "OWNER_ID": item[1]},
            )
            for job, item in jobs
        }
    )
    return {
        job.task_id: _called(reply.errors.get(f"t{job.task_id}"), f"t{job.task_id}" in reply.results, item, now)
        for job, item in jobs
    }


def _called(error: Bx24Error | None, has_answer: bool, item: Pair, now: datetime) -> Written:
    if error is None:
        return Done({"outcome": "done", "owner": list(item)}) if has_answer else Unclear("no answer")
    written = after(error, now)
    if isinstance(written, GivenUp) and _NOT_REGISTERED in written.reason:
        return Again(written.reason, 60.0)  # somebody has deleted it: it is registered again
    return written


def _has_moved(client: Client, item: Pair, since: datetime) -> bool:
    """Whether the item, or what belongs to this contact or company, has changed its stage since then. Raises Bx24Error.

    What does not tell when it moved counts as moved: a trigger that is lost is better than one that comes twice.
    """
    entity, number = item
    if entity in _MOVES_DEAL:
        items = _of_person(client, {_MOVES_DEAL[entity]: number})
    else:
        items = [crm.item(client.call("crm.item.get", {"entityTypeId": entity, "id": number}).result)]
    moments = [_moment(one.get("movedTime")) if isinstance(one, Mapping) else None for one in items]
    return moments[:1] == [None] or any(moment is not None and moment >= since for moment in moments)


def _of_person(client: Client, of: Mapping[str, int]) -> list[Any]:
    """The deals and the items of smart processes of a contact or company; of each type those that moved last. Orders are not
    among what crm.item.list reads. Raises Bx24Error.

    Smart processes without stages move nowhere, and those without clients belong to nobody.
    Bitrix24 docs: crm/universal/user-defined-object-types/crm-type-list (an administrator of the CRM).
    """
    first = _asked(client, {"deals": _newest(DEAL, of), "types": ("crm.type.list", {"order": {"id": "ASC"}})})
    types = [one for one in _rows(first["types"], "types") if isinstance(one, Mapping)]
    moving = [one for one in types if "N" not in (one.get("isClientEnabled"), one.get("isStagesEnabled"))]
    numbers = [int(one["entityTypeId"]) for one in moving if str(one.get("entityTypeId")).isdecimal()][:MAX_BATCH]
    more = _asked(client, {f"s{one}": _newest(one, of) for one in numbers}) if numbers else {}
    return [row for answer in (first["deals"], *more.values()) for row in _rows(answer, "items")]


def _newest(entity: int, of: Mapping[str, int]) -> Command:
    asked = {"entityTypeId": entity, "filter": dict(of), "order": {"movedTime": "DESC"}}
    return "crm.item.list", {**asked, "select": ["id", "movedTime"], "start": -1}


def _asked(client: Client, commands: Mapping[str, Command]) -> dict[str, Any]:
    """Answers by key; what is refused for good has nothing to show. Raises Bx24Error."""
    reply = client.batch(commands)
    for error in reply.errors.values():
        if not isinstance(error, Rejected | Unauthorized):
            raise error
    return {name: reply.results.get(name) for name in commands}


def _rows(answer: Any, name: str) -> list[Any]:
    rows = answer.get(name) if isinstance(answer, Mapping) else None
    return list(rows.values()) if isinstance(rows, Mapping) else rows if isinstance(rows, list) else []


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
