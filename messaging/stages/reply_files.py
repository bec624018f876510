"""The stage that copies the files clients send, at once, because Gupshup's links expire after 7 days.

A run that waits for such a reply ends when the file is copied, or when copying has failed for good.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.errors import Refused
from messaging.callbacks import telling
from messaging.conversations import chat_tasks
from messaging.files import storage
from messaging.limits.backoff import backoff_s
from messaging.runs import crm_tasks, outcomes
from messaging.stages.shared_slots import SharedSlots
from messaging.store.models import Line, Reply
from messaging.store.states import OutcomeKind

TRIES = 6
BACKOFF_S, BACKOFF_MAX_S = 2.0, 60.0
#: Files that are due, of which some are begun: many of one portal must not hide those of others.
LOOKED_AT = 200
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Fetch:
    """One file to copy, from Gupshup's link."""

    reply_id: int
    portal_id: int
    url: str
    name: str
    content_type: str


class Fetching(SharedSlots):
    """Copies the files of replies; one task per reply."""

    name = "fetch"

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Fetch]:
        taken = self.taken()
        due = session.execute(
            select(Reply, Line.portal_id)
            .join(Line, Line.id == Reply.line_id)
            .where(
                Reply.shard.in_(held),
                Reply.fetch_at <= self.runtime.clock(),
                Reply.id.not_in([reply_id for reply_id, _ in self.busy]),
            )
            .where(Line.portal_id.not_in(self.full()))
            .order_by(Reply.id)
            .limit(LOOKED_AT)
        ).all()
        tasks: list[Fetch] = []
        for reply, portal_id in due:
            if len(tasks) < free_slots and taken[portal_id] < self._share:
                taken[portal_id] += 1
                self.busy.add((reply.id, portal_id))
                content = reply.content
                tasks.append(Fetch(reply.id, portal_id, content["url"], content["name"], content["mime"]))
        return tasks

    def work(self, fetch: Fetch) -> str | Refused:
        """Copy the file; returns the link to our copy."""
        try:
            return storage.keep_inbound(self.runtime, fetch.portal_id, fetch.url, fetch.name, fetch.content_type)
        except Refused as refusal:
            return refusal

    def record(self, session: Session, done: list[tuple[Fetch, str | Refused]]) -> None:
        for fetch, result in done:
            self._record(session, fetch, result)

    def _record(self, session: Session, fetch: Fetch, result: str | Refused) -> None:
        self.busy.discard((fetch.reply_id, fetch.portal_id))
        reply = session.get(Reply, fetch.reply_id, with_for_update=True)
        if reply is None:
            return  # deleted together with its portal
        if isinstance(result, Refused):
            self._again(session, fetch.portal_id, reply, result)
            return
        reply.content = {**reply.content, "values": {**reply.content["values"], "reply_file": result}}
        self._done(session, fetch.portal_id, reply)

    def _again(self, session: Session, portal_id: int, reply: Reply, refusal: Refused) -> None:
        reply.fetch_tries += 1
        log.warning("file of a reply not fetched", reply=reply.id, code=refusal.code, tries=reply.fetch_tries)
        if refusal.code == "file_unreachable" and reply.fetch_tries < TRIES:
            reply.fetch_at = self.runtime.clock() + timedelta(
                seconds=backoff_s(reply.fetch_tries, BACKOFF_MAX_S, BACKOFF_S)
            )
        else:
            self._done(session, portal_id, reply)

    def _done(self, session: Session, portal_id: int, reply: Reply) -> None:
        reply.fetch_at = None
        crm_tasks.reply_changed(session, self.runtime, portal_id, reply.id)
        chat_tasks.file_is_settled(session, self.runtime, reply)
        telling.file_settled(session, self.runtime, portal_id, reply)
        if reply.run_id is not None:
            outcome = outcomes.Outcome(OutcomeKind.REPLIED, values=reply.content["values"])
            outcomes.end_runs(session, self.runtime, [reply.run_id], outcome)

    def lost(self, session: Session, fetch: Fetch) -> None:
        """A fault of ours: the run goes on without the file."""
        self.busy.discard((fetch.reply_id, fetch.portal_id))
        reply = session.get(Reply, fetch.reply_id)
        if reply is not None:
            self._done(session, fetch.portal_id, reply)
