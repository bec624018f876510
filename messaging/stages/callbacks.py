"""The stage that delivers events to customers' systems (webhooks out, decision 0041).

One thread at a time works for an endpoint: it posts up to BATCH events one after another and stops at the first that is not
taken, so that the order of a lane is kept. Only the drain that holds the shard counts and ends the rows, so a crash loses
none: what was posted and not recorded is posted again, under the same `webhook-id`. An endpoint that takes nothing rests,
longer each time; it costs one try in PAUSE_MAX_S, and after DEAD it is switched off and the administrator is told. One that
takes everything, but slowly, rests as long as it took, and all slow ones together get half of the threads.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.callbacks import signing
from messaging.callbacks.posting import Answer, post
from messaging.limits.backoff import backoff_s
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.stages.shared_slots import SharedSlots
from messaging.store import callback_queue as queue
from messaging.store.callbacks import Callback, CallbackState, Endpoint, EndpointState, OffReason
from messaging.store.models import Portal
from messaging.store.portal_tasks import put

#: Events posted by one thread before others get their turn, and seconds after which it begins none of them any more.
BATCH, BATCH_S = 20, 10.0
#: An endpoint that kept its thread for more seconds is slow.
SLOW_S = 3.0
#: Seconds between the tries of an event, as the specification's example has them; after the last one it is given up.
SCHEDULE_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: How long an endpoint rests that has just not taken something.
PAUSE_S, PAUSE_MAX_S = 1.0, 300.0
#: The same if it says itself that it is overloaded.
BUSY_PAUSE_S = 30.0
_BUSY = frozenset({429, 502, 503, 504})
GONE = 410
#: What an endpoint may ask us to wait at most.
RETRY_AFTER_MAX_S = 86_400.0
#: An endpoint that has taken nothing for this time is switched off.
DEAD = timedelta(days=3)
#: When an endpoint takes an event again after an outage of this length, everything that waits for it is due at once.
OUTAGE = timedelta(minutes=1)
log = structlog.get_logger(__name__)

OFF = Text(
    "The webhook {host} is switched off: {why} No events are sent to it. Repair the receiver, then switch the webhook on "
    "again on the app's page “Webhooks”.",
    "Вебхук {host} отключён: {why} События туда не отправляются. Почините приёмник, затем включите вебхук "
    "на странице приложения «Вебхуки».",
)
WHY_OFF: dict[str, Text] = {
    OffReason.FAILING: Text(
        "for three days no event could be delivered.", "три дня подряд не удавалось доставить ни одного события."
    ),
    OffReason.GONE: Text(
        "the receiver answered 410, which means that it wants no more events.",
        "приёмник ответил 410, то есть события ему больше не нужны.",
    ),
}


@dataclass(frozen=True)
class Post:
    """One event to be posted."""

    callback_id: int
    key: str
    lane: str
    body: str
    attempts: int


@dataclass(frozen=True)
class Task:
    """Events for one endpoint, for one thread. secrets: the newest first; none if no known key opens them."""

    endpoint_id: int
    portal_id: int
    url: str
    secrets: tuple[str, ...]
    posts: tuple[Post, ...]


class Callbacks(SharedSlots):
    """Delivers events; one thread in flight for each endpoint, a few for each portal."""

    name = "callbacks"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        super().__init__(runtime, owner)
        #: Endpoints that were slow the last time, as far as this process knows.
        self.slow: set[int] = set()
        self._share_of_slow = 1

    def slots(self, threads: int) -> int:
        slots = super().slots(threads)
        self._share_of_slow = slots // 2
        return slots

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Task]:
        now = self.runtime.clock()
        queue.admit(session, held, now)
        if free_slots <= 0:
            return []
        taken = self.taken()
        tasks: list[Task] = []
        busy = {endpoint_id for endpoint_id, _ in self.busy}
        slow = len(busy & self.slow)
        left_out = busy | self.slow if slow >= self._share_of_slow else busy
        for endpoint in queue.due(session, held, now, left_out, self.full()):
            if len(tasks) == free_slots:
                break
            is_slow = endpoint.id in self.slow
            if taken[endpoint.portal_id] >= self._share or (is_slow and slow >= self._share_of_slow):
                continue
            posts = self._posts(session, endpoint, now)
            if posts:
                taken[endpoint.portal_id] += 1
                slow += is_slow
                tasks.append(Task(endpoint.id, endpoint.portal_id, endpoint.url, _secrets(endpoint, now), posts))
        self.busy |= {(task.endpoint_id, task.portal_id) for task in tasks}
        return tasks

    @staticmethod
    def _posts(session: Session, endpoint: Endpoint, now: datetime) -> tuple[Post, ...]:
        """The events that are due for an endpoint. If none is, the endpoint is due when the next event is."""
        limit = 1 if endpoint.failures else BATCH
        found = queue.next_of(session, endpoint.id, now, limit)
        if not found:
            endpoint.due_at = queue.later(session, endpoint.id, now)
        return tuple(Post(row.id, row.key, row.lane, row.body, row.attempts) for row in found)

    def work(self, task: Task) -> list[Answer]:
        """Post the events in their order, until one is not taken; on a thread, without the database."""
        answers: list[Answer] = []
        begun = time.monotonic()
        for one in task.posts:
            if not task.secrets:
                return [Answer(self.runtime.clock(), 0, error="secret")]
            at, body = self.runtime.clock(), one.body.encode()
            headers = signing.headers(one.key, at, body, task.secrets)
            answers.append(post(self.runtime.callback_session, task.url, body, headers, at))
            if not answers[-1].is_taken or time.monotonic() - begun > BATCH_S:
                break
        return answers

    def record(self, session: Session, done: list[tuple[Task, list[Answer]]]) -> None:
        for task, answers in done:
            self.busy.discard((task.endpoint_id, task.portal_id))
            endpoint = queue.locked(session, task.endpoint_id)
            if endpoint is None or endpoint.state == EndpointState.REMOVED:
                self.slow.discard(task.endpoint_id)
                continue
            rest_s = self._rest_s(endpoint.id, answers)
            rows = queue.by_id(session, endpoint.id, [one.callback_id for one in task.posts])
            endpoint.due_at = self.runtime.clock()
            for one, answer in zip(task.posts, answers, strict=False):
                # If the event was deleted or ended meanwhile, the answer only says whether the endpoint takes anything.
                self._record(session, endpoint, rows.get(one.callback_id), answer)
            if rest_s and endpoint.due_at is not None:
                endpoint.due_at = max(endpoint.due_at, self.runtime.clock() + timedelta(seconds=rest_s))

    def _rest_s(self, endpoint_id: int, answers: list[Answer]) -> float:
        """How long an endpoint is left alone that kept a thread for long; 0.0: it was fast."""
        took_s = sum(answer.took_ms for answer in answers) / 1000
        if took_s <= SLOW_S:
            self.slow.discard(endpoint_id)
            return 0.0
        self.slow.add(endpoint_id)
        return took_s

    def _record(self, session: Session, endpoint: Endpoint, row: Callback | None, answer: Answer) -> None:
        if row is not None:
            row.attempts += 1
            row.tried_at, row.took_ms, row.code = answer.at, answer.took_ms, answer.code
            row.error, row.answer = answer.error, answer.text
        self.runtime.counters.add("callbacks", "taken" if answer.is_taken else "refused", portal=endpoint.portal_id)
        if answer.is_taken:
            self._taken(session, endpoint, row)
        else:
            self._refused(session, endpoint, row, answer)

    def _taken(self, session: Session, endpoint: Endpoint, row: Callback | None) -> None:
        now = self.runtime.clock()
        if endpoint.failing_since is not None and now - endpoint.failing_since >= OUTAGE:
            session.flush()
            queue.hasten(session, endpoint.id, now)
        endpoint.failures, endpoint.failing_since, endpoint.error = 0, None, ""
        if row is not None:
            queue.end(endpoint, row, CallbackState.DONE, now)

    def _refused(self, session: Session, endpoint: Endpoint, row: Callback | None, answer: Answer) -> None:
        now = self.runtime.clock()
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.error = str(answer.code or answer.error)
        log.info(
            "an event was not taken",
            portal=endpoint.portal_id,
            endpoint=endpoint.id,
            code=answer.code,
            why=answer.error,
        )
        asked_s = min(answer.retry_after_s, RETRY_AFTER_MAX_S)
        pause_s = backoff_s(endpoint.failures, PAUSE_MAX_S, BUSY_PAUSE_S if answer.code in _BUSY else PAUSE_S)
        endpoint.due_at = now + timedelta(seconds=max(pause_s, asked_s))
        if row is not None:
            self._try_later(endpoint, row, now, asked_s)
        if answer.code == GONE:
            self._switch_off(session, endpoint, OffReason.GONE, now)
        elif now - endpoint.failing_since >= DEAD:
            self._switch_off(session, endpoint, OffReason.FAILING, now)

    @staticmethod
    def _try_later(endpoint: Endpoint, row: Callback, now: datetime, asked_s: float) -> None:
        if row.attempts > len(SCHEDULE_S):
            queue.end(endpoint, row, CallbackState.FAILED, now)
        else:
            row.due_at = now + timedelta(seconds=max(SCHEDULE_S[row.attempts - 1], asked_s))

    def _switch_off(self, session: Session, endpoint: Endpoint, reason: OffReason, now: datetime) -> None:
        """Until a person switches the endpoint on, nothing is sent to it and nothing new is kept; what waits, waits."""
        endpoint.state, endpoint.off_reason, endpoint.off_at = EndpointState.OFF, reason, now
        endpoint.due_at = None
        log.warning("endpoint switched off", portal=endpoint.portal_id, endpoint=endpoint.id, reason=str(reason))
        portal = session.get_one(Portal, endpoint.portal_id)
        if portal.token_user_id:
            words = OFF.format(host=queue.host_of(endpoint), why=WHY_OFF[reason]).to(portal.language)
            cause = f"endpoint {endpoint.id} {int(now.timestamp())}"
            put(session, portal.id, now, [crm_tasks.notice(portal.token_user_id, cause, words)])

    def lost(self, session: Session, task: Task) -> None:
        """A fault of ours: again in a while."""
        self.busy.discard((task.endpoint_id, task.portal_id))
        endpoint = queue.locked(session, task.endpoint_id)
        if endpoint is not None and endpoint.state == EndpointState.ON:
            endpoint.due_at = self.runtime.clock() + timedelta(minutes=10)


def _secrets(endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
    if not endpoint.secret:
        return ()
    is_old_valid = endpoint.old_secret and endpoint.old_until is not None and endpoint.old_until > now
    return (endpoint.secret, endpoint.old_secret or "") if is_old_valid else (endpoint.secret,)
