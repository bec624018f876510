"""Telling a portal what became of the messages it has handed over (provider_statuses says when, and what).

A status may be told twice, so nothing is looked up before it is told again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.client import Client
from bx24.message_service import Status, code_of, is_forgotten, status_command
from messaging.conversations import provider_statuses
from messaging.limits.bounds import REST_TOTAL_S
from messaging.runtime import Runtime
from messaging.stages.portal_writes.stage import after
from messaging.stages.portal_writes.writer import Done, Job, Unclear, Written
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage


@dataclass(frozen=True)
class Need:
    """message_id: the portal's own."""

    code: str
    message_id: str
    status: Status


class ProviderStatuses:
    """The writer of tasks of the kind `provider`."""

    kind = provider_statuses.KIND
    batch = 50
    one_of_a_lane = False

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Any]:
        ids = {task.id: int((task.result or {}).get("row") or 0) for task in tasks}
        mine = (ProviderMessage.portal_id == tasks[0].portal_id) & ProviderMessage.id.in_(list(ids.values()))
        rows = {row.id: row for row in session.scalars(select(ProviderMessage).where(mine))}
        messages = provider_statuses.messages_of(session, list(rows.values()))
        needs: dict[int, Any] = {}
        for task in tasks:
            row = rows.get(ids[task.id])
            if row is None:
                continue
            status = provider_statuses.to_tell(row, messages.get(row.id), task.result or {})
            if status is not None:
                needs[task.id] = Need(code_of(row.line_id), row.message_id, status)
        return needs

    def busy_s(self, needs: Iterable[Any]) -> float:
        return REST_TOTAL_S

    def write(self, client: Client, jobs: Sequence[Job]) -> list[Written]:
        commands = {
            f"s{job.task_id}": status_command(job.needs.code, job.needs.message_id, job.needs.status) for job in jobs
        }
        reply = client.batch(commands)
        return [
            self._told(job, reply.errors.get(f"s{job.task_id}"), f"s{job.task_id}" in reply.results) for job in jobs
        ]

    def _told(self, job: Job, error: Any, has_answer: bool) -> Written:
        if error is None:
            told = {"told": str(job.needs.status), "again_told": job.result.get("again", 0)}
            return Done(told) if has_answer else Unclear("no answer")
        return Done({"forgotten": True}) if is_forgotten(error) else after(error, self.runtime.clock())

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Written) -> None:
        """Nothing follows."""
