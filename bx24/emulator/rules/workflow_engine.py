"""Runs workflows: the placed robots one after another. A robot that waits holds its workflow until the app answers."""

from __future__ import annotations

import secrets
from typing import Any

from bx24.emulator.formats import php, values
from bx24.emulator.formats.texts import text_of
from bx24.emulator.rules import event_tokens, robot_values, standard_robots
from bx24.emulator.state.crm import Triple
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import RobotRecord
from bx24.emulator.state.workflow import MAX_TIMEOUT_S, Answer, LogLine, PlacedRobot, Workflow

_TOO_LATE = ("finished", "not_waiting")


class Engine:
    """Moves the workflows of a portal and writes their logs. Its callers hold the cloud's lock.

    It keeps nothing itself, so anybody may make one: the workflows belong to the portal.
    """

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def start(
        self,
        document_id: Triple,
        document_type: Triple,
        steps: list[PlacedRobot],
        *,
        user_id: int,
        stage: str = "",
        variables: dict[str, Any] | None = None,
        held: list[tuple[str, bytes]] | None = None,
    ) -> Workflow:
        """Start a workflow on a document and run it up to the first robot that waits.

        held: takes the calls to the app, as (address, body), instead of the queue.
        """
        now = self.portal.clock()
        number = f"{int(now):x}{secrets.token_hex(3)}.{secrets.randbelow(10**8):08d}"
        flow = Workflow(
            number, document_id, document_type, steps, now, user_id, stage, variables=variables or {}, held=held
        )
        self.portal.workflows[flow.id] = flow
        self._log(flow, "started")
        self._go_on(flow)
        return flow

    def _go_on(self, flow: Workflow) -> None:
        while flow.state == "running" and not flow.waiting:
            flow.index += 1
            step = flow.step
            if step is None:
                flow.state = "completed"
                self._log(flow, "finished")
            else:
                self._execute(flow, step)

    def _execute(self, flow: Workflow, step: PlacedRobot) -> None:
        record = standard_robots.record_of(self.portal, step.code)
        if record is None or not self.portal.installation.active:
            # A robot whose code is not registered is skipped; the other robots of the stage run.
            self._log(flow, "blocked", code=step.code)
            return
        self._log(flow, "robot_started", title=standard_robots.title_of(self.portal, step, self.portal.lang))
        if step.code == standard_robots.SEND_SMS:
            self._log(flow, "robot_closed" if standard_robots.run(self.portal, flow, step) else "sms_not_sent")
            return
        flow.event_id = event_tokens.new_event_id()
        flow.event_token = event_tokens.sign(self.portal, f"{flow.id}|{step.name}|{flow.event_id}")
        flow.tokens.append(flow.event_token)
        waits = self._waits(record, step)
        self._call(flow, step, record, waits)
        flow.status_text = robot_values.status_text(self.portal, flow, step)
        if waits != "Y":
            flow.event_id = ""
            self._log(flow, "robot_closed")
        elif step.timeout_s > 0:
            token = flow.event_token
            due = self.portal.clock() + min(step.timeout_s, MAX_TIMEOUT_S)
            self.portal.cloud.queue.timer(due, lambda *_: self._time_out(flow, token))

    @staticmethod
    def _waits(record: RobotRecord, step: PlacedRobot) -> str | None:
        """`Y` and `N` of the registration are fixed; otherwise the person who places the robot chooses."""
        return record.use_subscription if record.use_subscription in ("Y", "N") else step.use_subscription

    def _call(self, flow: Workflow, step: PlacedRobot, record: RobotRecord, waits: str | None) -> None:
        portal = self.portal
        form = self._form(flow, step, record, waits)
        if flow.held is not None:
            flow.held.append((record.handler, php.encode(form)))
            return
        if portal.faults.undelivered:
            self._called(flow, step, 0, "the queue cannot reach the app")
            return
        portal.cloud.queue.send(
            record.handler,
            form,
            delay_s=portal.faults.delay_s,
            label=f"robot {record.code}",
            repeat=lambda: portal.faults.retry_until_200,
            done=lambda status, detail: self._called(flow, step, status, detail),
        )

    def _form(self, flow: Workflow, step: PlacedRobot, record: RobotRecord, waits: str | None) -> dict[str, Any]:
        """The POST of a robot. Source: docs, api-reference/bizproc."""
        portal = self.portal
        user_id = step.auth_user_id or int(record.fields.get("AUTH_USER_ID") or 0) or flow.user_id
        return {
            "workflow_id": flow.id,
            "code": record.code,
            "document_id": list(flow.document_id),
            "document_type": list(flow.document_type),
            "event_token": flow.event_token,
            "properties": robot_values.properties(portal, flow, step, record),
            "use_subscription": waits,
            "timeout_duration": min(step.timeout_s, MAX_TIMEOUT_S),
            "ts": int(portal.clock()),
            "auth": portal.event_auth(user_id, with_refresh=True),
        }

    def _called(self, flow: Workflow, step: PlacedRobot, status: int, detail: str) -> None:
        if status == 200:
            self._log(flow, "delivered", step)
        else:
            # Not repeated: a step that waits now hangs until its time limit, if it has one.
            self._log(flow, "not_delivered", step, status=status, detail="" if status else detail[:160])

    def _time_out(self, flow: Workflow, token: str) -> None:
        if flow.waiting and flow.event_token == token and flow.step:
            flow.returned.setdefault(flow.step.name, {})["IsTimeout"] = 1
            flow.event_id = ""
            self._log(flow, "timeout")
            self._go_on(flow)

    def answer(self, token: str, returned: Any, log_message: Any) -> None:
        """`bizproc.event.send`: the part that runs after the caller has got its `true`."""
        message = log_message if isinstance(log_message, str) else ""
        flow = self.portal.workflows.get(event_tokens.workflow_id_of(token))
        if flow is None:
            return
        effect = self._effect(flow, token)
        repeated = effect in _TOO_LATE and _was_taken(flow, token, returned)
        flow.answers.append(Answer(self.portal.clock(), token, returned, message, effect))
        if repeated:
            self._log(flow, "answer_repeated", flow.step_named(event_tokens.step_name_of(token)))
            return
        if effect != "accepted" or not flow.step:
            self._log(flow, "answer_ignored", reason=text_of(f"effect_{effect}", self.portal.lang))
            return
        step = flow.step
        self._log(flow, "message", text=message or text_of("default_log", self.portal.lang))
        self._take_values(flow, step, returned)
        flow.event_id = ""
        self._go_on(flow)

    def _effect(self, flow: Workflow, token: str) -> str:
        if self.portal.faults.take("event_send_lost"):
            return "lost"
        if self.portal.faults.locks(flow.id):
            return "locked"
        if flow.state != "running":
            return "finished"
        return "accepted" if flow.waiting and flow.event_token == token else "not_waiting"

    def _take_values(self, flow: Workflow, step: PlacedRobot, returned: Any) -> None:
        """Keep what was returned for registered results. A result named like a property is not taken."""
        record = self.portal.robots.get(step.code)
        if record is None:
            return
        inputs = {code.upper() for code in record.properties()}
        results = {code.upper(): code for code in record.returns() if code.upper() not in inputs}
        taken: dict[str, Any] = {}
        for name, value in php.items(returned):
            code = results.get(name.upper())
            if code:
                taken[code] = values.incoming(value, record.returns()[code])
        flow.returned.setdefault(step.name, {"IsTimeout": 0}).update(taken)
        if taken:
            self._log(flow, "returned", values=taken)

    def note(self, token: str, message: str) -> tuple[str, str] | None:
        """`bizproc.activity.log`: None, or code and description of the error."""
        flow = self.portal.workflows.get(event_tokens.workflow_id_of(token))
        if flow is None or flow.state != "running":
            return "404", "Workflow instance not found"
        if self.portal.faults.locks(flow.id):
            return "423", "Workflow instance is locked"
        if flow.waiting and flow.event_token == token:
            self._log(flow, "note", text=message)
        return None

    def terminate(self, flow: Workflow) -> None:
        if flow.state == "running":
            flow.state, flow.event_id = "terminated", ""
            self._log(flow, "terminated")

    def _log(self, flow: Workflow, kind: str, step: PlacedRobot | None = None, **details: Any) -> None:
        """Add a line: `text` as given, or the portal's text for this kind of line with the details put in."""
        robot = step or flow.step
        text = details["text"] if "text" in details else text_of(f"log_{kind}", self.portal.lang, **details)
        title = standard_robots.title_of(self.portal, robot, self.portal.lang) if robot else ""
        flow.log.append(LogLine(self.portal.clock(), kind, text, title, details.get("values", {})))


def _was_taken(flow: Workflow, token: str, returned: Any) -> bool:
    """Whether these values were already taken for this token: apps may repeat an answer, since `true` proves nothing."""
    return any(
        answer.effect == "accepted" and answer.token == token and answer.values == returned for answer in flow.answers
    )
