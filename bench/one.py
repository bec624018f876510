"""One run carried alone, the usual way: a job per message. What stock RQ and Celery do in the benchmark.

The same steps through the same modules as a drain, each in a transaction of its own: plan, record, claim, POST, record.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from gupshup.client import Account
from messaging.lines import lines
from messaging.portals import crm, tokens
from messaging.runtime import Runtime
from messaging.stages.planning import context, plan
from messaging.stages.sending.stage import Outbox, Sending
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Message
from messaging.system import logs
from messaging.worker import jobs

#: What the baselines without a database post: the size and shape of a template message.
FORM = {"template": '{"id":"7c2a4f10-0000-4000-8000-000000000001","params":["Ольга","A-17"]}'}
PATH = "/wa/api/v1/template/msg"


@cache
def opened() -> Runtime:
    """The runtime of this process, its log set up as a worker's is: structlog's own default costs more."""
    runtime = jobs.runtime()
    logs.configure(runtime.config.log_format, runtime.config.log_level)
    return runtime


def carry(run_id: int) -> None:
    """A stored run, from its plan to the recorded outcome of its message."""
    carry_with(opened(), run_id)


def carry_with(runtime: Runtime, run_id: int) -> None:
    """`carry` over an opened runtime."""
    with runtime.db.read() as session:
        ((run,), _) = rows.runs_to_plan(session, [run_id])
    result = plan.plan(runtime, run, crm.Cards(tokens.portal_client(runtime, run.portal_id)))
    with runtime.db.write() as session:
        _planned(session, runtime, run_id, result)
    sending = _claim(runtime, run_id)
    if sending is None:
        return
    outbox = Outbox(runtime, "")
    sent = outbox.work(sending)
    with runtime.db.write() as session:
        outbox.record(session, [(sending, sent)])


def _planned(session: Session, runtime: Runtime, run_id: int, result: plan.PlanResult) -> None:
    (run,) = rows.runs(session, [run_id])
    around = context.PlanningContext(session, runtime, [run]).enter(session)
    if isinstance(result, plan.Planned):
        around.know(runtime.phone_keys(result.phone))
        around.make({(result.line_id, result.phone)})
    changes = Changes(session)
    context.record(changes, runtime, run, result, around)
    changes.write()
    around.write()


def _claim(runtime: Runtime, run_id: int) -> Sending | None:
    """The run's message, ours from now on; None if it has none, or somebody else was faster."""
    with runtime.db.write() as session:
        claimed = session.scalar(
            update(Message)
            .where(Message.run_id == run_id, Message.status == "queued")
            .values(status="sending", claimed_at=runtime.clock(), attempts=Message.attempts + 1)
            .returning(Message.id)
        )
        if claimed is None:
            return None
        relations = (joinedload(Message.run), joinedload(Message.line), joinedload(Message.conversation))
        message = session.scalars(select(Message).where(Message.id == claimed).options(*relations)).one()
        return Sending(
            message_id=message.id,
            trace=message.run.trace if message.run else "",
            fence=message.fence,
            portal_id=message.portal_id,
            line_id=message.line_id,
            account=lines.account(message.line),
            phone=message.conversation.phone,
            payload=message.payload,
            attempts=message.attempts,
        )


def post(phone: str) -> None:
    """The POST alone, without any database."""
    opened().gupshup.send(Account("sk_bench", "benchshop", "79001112233"), phone, PATH, FORM)
