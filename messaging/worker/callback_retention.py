"""What becomes of events for customers' systems in time: they are deleted soon, for they hold phones and texts."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.store.callbacks import Callback, CallbackState, Endpoint, EndpointState

#: How long people see delivered events, and can send again those that were given up.
DONE_KEPT, FAILED_KEPT = timedelta(days=2), timedelta(days=14)
#: How long events are kept for an endpoint that is switched off, or whose portal is not active.
WAITING_KEPT = timedelta(days=14)


def ended_callbacks(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete events DONE_KEPT after they were taken, FAILED_KEPT after they were given up."""
    now = runtime.clock()
    done = _ended(session, CallbackState.DONE, now - DONE_KEPT, limit)
    failed = _ended(session, CallbackState.FAILED, now - FAILED_KEPT, limit - len(done))
    return _delete(session, [*done, *failed])


def _ended(session: Session, state: CallbackState, before: datetime, limit: int) -> list[int]:
    old = (Callback.state == state) & Callback.ended_at.is_not(None) & (Callback.ended_at < before)
    return list(session.scalars(select(Callback.id).where(old).order_by(Callback.ended_at).limit(limit)))


def stuck_callbacks(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete what waits for an endpoint that has been off for WAITING_KEPT without a break."""
    before = runtime.clock() - WAITING_KEPT
    off = (Endpoint.state == EndpointState.OFF) & (Endpoint.waiting > 0) & (Endpoint.off_at < before)
    endpoint = session.scalar(select(Endpoint).where(off).limit(1).with_for_update(skip_locked=True))
    if endpoint is None:
        return 0
    waiting = (Callback.endpoint_id == endpoint.id) & (Callback.state == CallbackState.WAITING)
    ids = session.scalars(select(Callback.id).where(waiting).order_by(Callback.id).limit(limit)).all()
    endpoint.waiting = max(0, endpoint.waiting - len(ids)) if ids else 0
    return max(1, _delete(session, list(ids)))


def removed_endpoints(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete the events of endpoints that somebody has deleted, then the endpoints."""
    removed = select(Endpoint).where(Endpoint.state == EndpointState.REMOVED).order_by(Endpoint.id).limit(1)
    endpoint = session.scalar(removed.with_for_update(skip_locked=True))
    if endpoint is None:
        return 0
    ids = session.scalars(select(Callback.id).where(Callback.endpoint_id == endpoint.id).limit(limit)).all()
    if ids:
        return _delete(session, list(ids))
    session.delete(endpoint)
    return 1


def _delete(session: Session, ids: list[int]) -> int:
    if ids:
        session.execute(delete(Callback).where(Callback.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)


DUTIES = (ended_callbacks, stuck_callbacks, removed_endpoints)
