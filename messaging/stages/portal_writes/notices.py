"""Notices for one person, such as why a message was not sent again. Telling twice shows it once: the tag is the same."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from bx24.client import Client
from bx24.errors import Bx24Error, Rejected
from bx24.notices import notify
from messaging.limits.bounds import REST_TOTAL_S
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.stages.portal_writes.stage import after
from messaging.stages.portal_writes.writer import Done, Job, Written
from messaging.store.portal_tasks import PortalTask


class Notices:
    """The writer of tasks of the kind `notice`."""

    kind = crm_tasks.NOTICE
    batch = 5
    one_of_a_lane = False

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Any]:
        return {task.id: task.payload for task in tasks if task.payload}

    def busy_s(self, needs: Iterable[Any]) -> float:
        return REST_TOTAL_S

    def write(self, client: Client, jobs: Sequence[Job]) -> list[Written]:
        return [self._told(client, job) for job in jobs]

    def _told(self, client: Client, job: Job) -> Written:
        try:
            notify(client, int(job.needs["user_id"]), str(job.needs["text"]), f"waba24:{job.key}")
        except Rejected:
            return Done({"untold": True})  # the card says it too: a portal without the scope `im` loses nothing
        except Bx24Error as error:
            return after(error, self.runtime.clock())
        return Done()

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Written) -> None:
        """Nothing follows."""
