"""What becomes of the API's keys in time."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from messaging.api.idempotency import KEPT
from messaging.runtime import Runtime
from messaging.store.api import IdempotencyKey


def idempotency_keys(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete keys of calls that are older than KEPT."""
    old = select(IdempotencyKey.id).where(IdempotencyKey.created_at <= runtime.clock() - KEPT)
    ids = list(session.scalars(old.order_by(IdempotencyKey.created_at).limit(limit).with_for_update(skip_locked=True)))
    if ids:
        gone = delete(IdempotencyKey).where(IdempotencyKey.id.in_(ids))
        session.execute(gone.execution_options(synchronize_session=False))
    return len(ids)


DUTIES = (idempotency_keys,)
