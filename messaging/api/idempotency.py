"""Calls that are not done twice: a POST with an Idempotency-Key is answered once, and for two days again in the same words.

Two ways, both crash-proof:

    claim_of     for what is stored by the group commit: the key's row is inserted in the transaction of the row that it
                 makes, with the answer. There is no moment in which one of them exists without the other
    begin … end  for everything else: the key's row is inserted first, as "busy". `Work.answered` writes the answer in the
                 transaction that does the work; what is left busy by a dead process counts as not begun after BUSY_FOR

What is refused is not kept: whoever corrects the body may use the key again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from messaging.queue.group_commit import Claim
from messaging.queue.group_insert import ClaimSpec
from messaging.runtime import Runtime
from messaging.store.api import IdempotencyKey
from messaging.store.sql import insert_missing

KEPT = timedelta(hours=48)
#: Longer than calls take. One that takes longer still finds that another has begun, and is rolled back.
BUSY_FOR = timedelta(minutes=2)
#: Characters of a key.
KEY_LENGTH = 255
CLAIM = ClaimSpec(IdempotencyKey, key=("token_id", "digest"), made="run_id")
# Made once: building a statement takes longer than running it.
_FOUND = select(IdempotencyKey).where(
    IdempotencyKey.token_id == bindparam("token"), IdempotencyKey.digest == bindparam("digest")
)


class Conflict(Exception):
    """The key was used for another body."""


class Busy(Exception):
    """The first call with this key is still worked on. again_s: seconds until it will have ended, at most."""

    def __init__(self, again_s: float) -> None:
        super().__init__("busy")
        self.again_s = again_s


@dataclass(frozen=True)
class Keyed:
    """A call with a key. digest: of route and key; body_digest: of method, path and body."""

    token_id: int
    digest: str
    body_digest: str

    @classmethod
    def of(cls, token_id: int, route: str, key: str, path: str, body: bytes) -> "Keyed":
        """route: the method and the pattern of the address; path: the address itself, with its query."""
        asked = hashlib.sha256(f"{route}\n{path}\n".encode() + body).hexdigest()
        return cls(token_id, hashlib.sha256(f"{route}\n{key}".encode()).hexdigest(), asked)


@dataclass(frozen=True)
class Answer:
    """What the first call was answered. run_id: of the run it has stored, None: it has stored none."""

    status: int
    body: Any
    run_id: int | None


def claim_of(runtime: Runtime, keyed: Keyed, status: int, body: Any) -> Claim:
    """The claim under which the group commit stores what this call makes."""
    values = {
        "token_id": keyed.token_id,
        "digest": keyed.digest,
        "body_digest": keyed.body_digest,
        "status": status,
        "answer": body,
        "created_at": runtime.clock(),
    }
    return Claim(CLAIM, values)


def answered_before(runtime: Runtime, keyed: Keyed) -> Answer | None:
    """The answer to the first call with this key; None: there was none. Raises Conflict, Busy.

    What is older than KEPT, or was left by a dead process, counts as never having been: its row is deleted.
    """
    now = runtime.clock()
    with runtime.db.read() as session:
        found = session.scalar(_FOUND, {"token": keyed.token_id, "digest": keyed.digest})
    if found is None:
        return None
    if found.created_at <= now - KEPT or (found.status is None and _is_dead(found, now)):
        _forget(runtime, found)
        return None
    if found.body_digest != keyed.body_digest:
        raise Conflict
    if found.status is None:
        assert found.busy_until is not None
        raise Busy((found.busy_until - now).total_seconds())
    return Answer(found.status, found.answer, found.run_id)


class Work:
    """A call with a key that is worked on."""

    def __init__(self, runtime: Runtime, row_id: int, begun: datetime) -> None:
        self.runtime = runtime
        #: The row as it was begun: one that took longer than BUSY_FOR may have been begun anew by another call.
        self._mine = (
            IdempotencyKey.id == row_id,
            IdempotencyKey.created_at == begun,
            IdempotencyKey.status.is_(None),
        )
        self.is_answered = False

    def answered(self, session: Session, status: int, body: Any) -> None:
        """Write the answer, in the transaction that does the work: no crash leaves one without the other.

        Raises Busy if the key was given to another call meanwhile; the work must be rolled back then.
        """
        written = update(IdempotencyKey).where(*self._mine).values(status=status, answer=body, busy_until=None)
        if not session.execute(written.returning(IdempotencyKey.id)).all():
            raise Busy(1.0)
        self.is_answered = True

    def end(self, status: int, body: Any) -> None:
        """Write the answer to a call that has succeeded, unless it is written; forget a call that was refused."""
        if self.is_answered:
            return
        with self.runtime.db.write() as session:
            if status < 300:
                self.answered(session, status, body)
            else:
                session.execute(delete(IdempotencyKey).where(*self._mine))


def begin(runtime: Runtime, keyed: Keyed) -> Work | Answer:
    """Begin the work of a call with a key, or the answer it was given before. Raises Conflict, Busy."""
    for _ in range(3):
        before = answered_before(runtime, keyed)
        if before is not None:
            return before
        now = runtime.clock()
        row = {
            "token_id": keyed.token_id,
            "digest": keyed.digest,
            "body_digest": keyed.body_digest,
            "created_at": now,
            "busy_until": now + BUSY_FOR,
        }
        with runtime.db.write() as session:
            new = insert_missing(session, IdempotencyKey, [row], "id")
        if new:
            return Work(runtime, new[0].id, now)
    raise Busy(1.0)


def _is_dead(found: IdempotencyKey, now: datetime) -> bool:
    return found.busy_until is None or found.busy_until <= now


def _forget(runtime: Runtime, found: IdempotencyKey) -> None:
    """Delete this row as it was read: another process may have begun anew meanwhile."""
    still = (IdempotencyKey.id == found.id, IdempotencyKey.created_at == found.created_at)
    with runtime.db.write() as session:
        session.execute(delete(IdempotencyKey).where(*still))
