"""The planning stage of a drain: stored runs become messages or refusals (messaging.runs)."""

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from messaging import endings, runs
from messaging.models import Run
from messaging.runtime import Runtime

TRIES = 4
log = structlog.get_logger(__name__)


class Planning:
    """One run at a time per thread; which runs are being planned is known to this process alone, for it holds the shard."""

    name = "plan"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()

    @staticmethod
    def hands(threads: int) -> int:
        return max(4, threads // 4)

    def claim(self, session: Session, held: dict[int, int], room: int) -> list[Run]:
        now = self.runtime.clock()
        due = endings.readable(
            session,
            select(Run)
            .where(
                Run.shard.in_(held),
                Run.state == "stored",
                or_(Run.plan_at.is_(None), Run.plan_at <= now),
                Run.deadline_at > now,
                Run.id.not_in(self.busy),
            )
            .order_by(Run.id)
            .limit(room),
        )
        self.busy |= {run.id for run in due}
        for run in due:
            _ = run.portal  # read now: the thread that plans has no session
        session.expunge_all()
        return due

    def work(self, run: Run) -> runs.Outcome:
        return runs.plan(self.runtime, run)

    def record(self, session: Session, run: Run, outcome: runs.Outcome) -> None:
        self.busy.discard(run.id)
        runs.record(session, self.runtime, run.id, outcome)

    def lost(self, session: Session, run: Run) -> None:
        """A fault of ours. Planning only reads, so it may be repeated; then the robot is told, with a number to quote."""
        self.busy.discard(run.id)
        stored = session.get(Run, run.id)
        if stored is None:
            return  # wiped together with its portal
        if stored.state == "stored" and stored.plan_tries < TRIES:
            runs.record(session, self.runtime, run.id, runs.Postponed(2.0**stored.plan_tries, "internal"))
        elif stored.state == "stored":
            code, text = endings.internal(stored)
            endings.end(session, self.runtime, stored, "failed", code, text)
