"""The writer of a client's chat with operators (Open Channels), see messaging.conversations.chat_tasks.

The portal looks for no duplicates. What is unclear is looked for first: a client's message by our id of it, a line of ours by
its text, where a line of ours with that text that we know of does not count. While nobody knows a chat's number, a batch
begins one message into it. If no message was there before, the chat is there if and only if that message is; else nobody can
tell until an answer names the number (decision 0036).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24 import open_channels, open_lines
from bx24.batch import BatchReply, Command
from bx24.errors import Bx24Error, Rejected
from bx24.open_channels import Received
from bx24.php_values import number
from messaging.conversations import chat_tasks
from messaging.conversations.chat_notes import FILE_NOT_IN_CHAT
from messaging.limits.bounds import REST_TOTAL_S
from messaging.portals.tokens import PortalClient
from messaging.runtime import Runtime
from messaging.stages.portal_writes import chat_texts
from messaging.stages.portal_writes.chat_needs import BY_LINK, Loading, Need
from messaging.stages.portal_writes.stage import after
from messaging.stages.portal_writes.writer import BEGIN_S, Again, Behind, Done, GivenUp, Job, Unclear
from messaging.stages.portal_writes.writer import Written as Result
from messaging.store.models import Portal, Reply
from messaging.store.open_channels import CONNECTOR, OpenLine, keep_chat
from messaging.store.portal_tasks import PortalTask

#: The portal downloads files while we wait for its answer.
FILES_PATIENCE_S = 300.0
#: The portal could not add a message just now.
LOOK_AFTER_S = 20.0
#: How far the portal's clock may be behind ours.
SKEW = timedelta(minutes=2)
#: An open line that is switched off may be switched on again.
LINE_OFF_AGAIN_S = 1200.0
log = structlog.get_logger(__name__)


class Chats:
    """One batch is worked at client by client: what stands behind a task that did not succeed is not begun."""

    kind = chat_tasks.KIND
    batch = 20
    one_of_a_lane = False

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    # --- what a task needs -------------------------------------------------------------------------------------------

    def load(self, session: Session, tasks: Sequence[PortalTask]) -> dict[int, Need]:
        portal = session.get_one(Portal, tasks[0].portal_id)
        loading = Loading(session, self.runtime, portal)
        found: dict[int, Need] = {}
        for task in tasks:
            need = loading.need(task)
            if need is not None:
                found[task.id] = need
        return found

    def busy_s(self, needs: Iterable[Need]) -> float:
        has_files = any(need.message is not None and need.message.file is not None for need in needs)
        return FILES_PATIENCE_S if has_files else REST_TOTAL_S

    # --- writing -------------------------------------------------------------------------------------------------------

    def write(self, client: PortalClient, jobs: Sequence[Job]) -> list[Result]:
        done: dict[int, Result] = {}
        began = self.runtime.clock()
        clients = list(_by_client(jobs))
        done |= self._first_commands(client, clients)
        for of_client in clients:
            first = done.get(of_client[0].task_id)
            writing = Writing(self.runtime, client, is_blocked=_blocks(first))
            begun, behind = _begun(of_client[1:] if first else of_client)
            done |= {job.task_id: Behind() for job in behind}
            for group in _together(begun):
                is_late = self.runtime.clock() - began > timedelta(seconds=BEGIN_S)
                results = [Behind()] * len(group) if is_late or writing.is_blocked else writing.do(group)
                done |= {job.task_id: result for job, result in zip(group, results, strict=True)}
        return [done[job.task_id] for job in jobs]

    def _first_commands(self, client: PortalClient, clients: Sequence[Sequence[Job]]) -> dict[int, Result]:
        """What begins with a line of ours or with a tick, in one request for all clients: a campaign writes one line to each.

        One command for a client: whatever fails, nothing of that client's is put in front of it.
        """
        firsts = [(of_client[0], command) for of_client in clients if (command := _command(of_client[0])) is not None]
        if len(firsts) < 2:
            return {}
        try:
            reply = client.batch({f"c{job.task_id}": command for job, command in firsts})
        except Bx24Error as error:
            return {job.task_id: _failed(error, self.runtime.clock()) for job, _ in firsts}
        return {job.task_id: self._answered(job, reply) for job, _ in firsts}

    def _answered(self, job: Job, reply: BatchReply) -> Result:
        name = f"c{job.task_id}"
        if name in reply.errors:
            return _failed(reply.errors[name], self.runtime.clock())
        if name not in reply.results:
            return Unclear("no answer")
        return Done({"id": number(reply.results[name])} if job.needs.what == "line" else {})

    # --- and then --------------------------------------------------------------------------------------------------------

    def written(self, session: Session, runtime: Runtime, task: PortalTask, result: Result) -> None:
        what = task.key.partition(" ")[0]
        if what == "check" and isinstance(result, Done) and not result.result["works"]:
            self._forget_line(session, task, int(task.key.split(" ")[1]))
        if what != "in" or task.conversation_id is None or task.reply_id is None:
            return
        if isinstance(result, Again) and result.reason == open_channels.NOTHING_TO_SHOW:
            task.result = {**(task.result or {}), BY_LINK: True}
        reply = session.get(Reply, task.reply_id)
        open_line = session.get(OpenLine, reply.line_id) if reply is not None else None
        if reply is None or open_line is None:
            return
        if isinstance(result, Done):
            open_line.error = ""
            self._came_in(session, task, reply, open_line, result.result)
        elif isinstance(result, GivenUp | Again):
            open_line.error = result.reason[:300]

    def _came_in(
        self, session: Session, task: PortalTask, reply: Reply, open_line: OpenLine, result: Mapping[str, Any]
    ) -> None:
        """A client's message is in the chat: perhaps its first, perhaps without its file."""
        conversation_id, runtime = reply.conversation_id, self.runtime
        if chat_id := result.get("chat"):
            now = runtime.clock()
            is_new = keep_chat(session, task.portal_id, conversation_id, open_line.open_line_id, chat_id, now)
            if is_new:
                chat_tasks.chat_began(session, runtime, task.portal_id, conversation_id)
        if result.get("file_lost"):
            lang = session.get_one(Portal, task.portal_id).language
            link, name = chat_texts.file_of(reply) or ("", "")
            text = FILE_NOT_IN_CHAT.format(name=name, link=link).to(lang)
            key = f"file {reply.id}"
            chat_tasks.note(session, runtime, task.portal_id, key, text, conversation_id=conversation_id)

    def _forget_line(self, session: Session, task: PortalTask, open_line_id: int) -> None:
        """Unless it was switched on since the portal was asked."""
        mine = (OpenLine.portal_id == task.portal_id) & (OpenLine.open_line_id == open_line_id)
        for open_line in session.scalars(select(OpenLine).where(mine, OpenLine.since < task.claimed_at)):
            session.delete(open_line)
            log.warning(
                "switched off in the portal", portal=task.portal_id, line=open_line.line_id, open_line=open_line_id
            )


@dataclass
class Writing:
    """The tasks of one client, one after another. is_blocked: one of them did not succeed."""

    runtime: Runtime
    client: PortalClient
    is_blocked: bool = False

    def do(self, jobs: Sequence[Job]) -> list[Result]:
        """Some client's messages in one call, or one other task."""
        try:
            results = self._client_messages(jobs) if jobs[0].needs.what == "in" else [self._other(jobs[0])]
        except Bx24Error as error:
            results = [_failed(error, self.runtime.clock())] * len(jobs)
        self.is_blocked = any(map(_blocks, results))
        return results

    # --- a client's messages ---------------------------------------------------------------------------------------------

    def _client_messages(self, jobs: Sequence[Job]) -> list[Result]:
        found = self._looked_for(jobs)
        missing = [job for job in jobs if job.task_id not in found]
        if missing:
            found |= {job.task_id: result for job, result in zip(missing, self._sent(missing), strict=True)}
        return [found[job.task_id] for job in jobs]

    def _looked_for(self, jobs: Sequence[Job]) -> dict[int, Result]:
        """The tasks, of these, whose texts are in the chat already."""
        unclear = [job for job in jobs if job.look_first]
        if not unclear:
            return {}
        need: Need = unclear[0].needs
        if need.chat_id is None:
            return {unclear[0].task_id: result} if (result := self._without_number(need)) is not None else {}
        there = {known for one in open_channels.latest(self.client, need.chat_id) for known in one.connector_ids}
        return {job.task_id: Done({"chat": need.chat_id}) for job in unclear if job.needs.message.id in there}

    def _without_number(self, need: Need) -> Result | None:
        """What became of a message of which only the chat's existence can tell; None: it is not there."""
        assert need.message is not None
        if not open_channels.has_chat(self.client, CONNECTOR, need.open_line_id, need.message.phone, need.title):
            return None
        return Done() if need.is_first else GivenUp(chat_tasks.IN_CHAT_UNKNOWN)

    def _sent(self, jobs: Sequence[Job]) -> list[Result]:
        needs: list[Need] = [job.needs for job in jobs]
        messages = [need.message for need in needs if need.message is not None]
        has_files = any(message.file is not None for message in messages)
        client = self.client.with_patience(FILES_PATIENCE_S) if has_files else self.client
        received = open_channels.send(client, CONNECTOR, needs[0].open_line_id, messages)
        return [self._received(need, one) for need, one in zip(needs, received, strict=True)]

    def _received(self, need: Need, received: Received) -> Result:
        message = need.message
        assert message is not None
        if received.error == open_channels.NOTHING_TO_SHOW and message.file is not None:
            return Again(received.error)  # the portal could not load the file, and there was nothing else
        if received.error == open_channels.NOT_ADDED:
            return Again(received.error, LOOK_AFTER_S)
        if received.error:
            return GivenUp(received.error)
        lost = {"file_lost": True} if message.file is not None and not received.files else {}
        return Done({"chat": received.chat_id, **lost} if received.chat_id else lost)

    # --- everything else ---------------------------------------------------------------------------------------------------

    def _other(self, job: Job) -> Result:
        need: Need = job.needs
        if need.what == "check":
            return Done({"works": open_lines.works(self.client, CONNECTOR, need.open_line_id)})
        if need.what in ("on", "off"):
            open_lines.switch(self.client, CONNECTOR, need.open_line_id, is_on=need.what == "on")
            return Done()
        if need.what == "tick":
            assert need.written is not None
            open_channels.confirm(self.client, CONNECTOR, need.open_line_id, need.written, need.ids, need.at)
            return Done()
        return self._system_line(job, need)

    def _system_line(self, job: Job, need: Need) -> Result:
        chat_id = need.chat_id
        if chat_id is None:
            return Done()  # the client has no chat: nobody would see it
        try:
            if job.look_first and (known := self._same_line(chat_id, need)):
                return Done({"id": known})
            return Done({"id": open_channels.add_system_line(self.client, chat_id, need.text)})
        except Rejected as error:
            if need.user_id is None:
                return GivenUp(str(error))
            return self._told_personally(job, need)

    def _same_line(self, chat_id: int, need: Need) -> int | None:
        """A line with this text of which we know nothing: it is the one whose answer did not come."""
        since = need.since - SKEW if need.since is not None else None
        for message in open_channels.latest(self.client, chat_id, since):
            if open_channels.reads(message, need.text) and message.id not in need.known:
                return message.id
        return None

    def _told_personally(self, job: Job, need: Need) -> Result:
        """The chat is closed to the app's user: its operator gets a notice. A repeated one replaces the first, by its tag."""
        params = {"USER_ID": need.user_id, "MESSAGE": need.text, "TAG": f"waba24|chat|{job.key}"}
        self.client.call("im.notify.system.add", params)
        return Done()


def _failed(error: Bx24Error, now: datetime) -> Result:
    """What the failure of a request, or of a command in one, means for its tasks."""
    if isinstance(error, Rejected) and error.code.upper() == open_channels.LINE_OFF:
        return Again(error.code, LINE_OFF_AGAIN_S)
    return after(error, now)


def _blocks(result: Result | None) -> bool:
    """Nothing that stands behind this in its client's chat may be begun."""
    return isinstance(result, Again | Unclear)


def _command(job: Job) -> Command | None:
    """A task that is one command and nothing else. A line: never begun, into a chat that is known, and nobody has to be told
    of it in another way. A tick: it may be given twice."""
    need: Need = job.needs
    if need.what == "tick" and need.written is not None:
        return open_channels.confirmation(CONNECTOR, need.open_line_id, need.written, need.ids, need.at)
    if need.what == "line" and need.chat_id is not None and need.user_id is None and not job.look_first:
        return open_channels.system_line(need.chat_id, need.text)
    return None


def _by_client(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """The tasks of each client, in their order; those of no client one by one."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        of = job.needs.conversation_id
        groups.setdefault(of if of is not None else f"task {job.task_id}", []).append(job)
    yield from groups.values()


def _begun(jobs: Sequence[Job]) -> tuple[Sequence[Job], Sequence[Job]]:
    """The tasks that this batch begins, and the rest: nothing follows a client's message into a chat without a known number."""
    for place, job in enumerate(jobs, 1):
        if job.needs.what == "in" and job.needs.chat_id is None:
            return jobs[:place], jobs[place:]
    return jobs, ()


def _together(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """What one call does: neighbouring messages of the client."""
    group: list[Job] = []
    for job in jobs:
        need: Need = job.needs
        fits = bool(group) and need.what == "in" and group[0].needs.what == "in"
        if group and not (fits and need.open_line_id == group[0].needs.open_line_id):
            yield group
            group = []
        group.append(job)
    if group:
        yield group
