"""The workflow engine: placed robots run one after another, each step waits for its answer, all of it is logged."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from typing import TYPE_CHECKING, Any

from bx24.emulator.formats import php, values
from bx24.emulator.formats.texts import say
from bx24.emulator.rules import deal_fields
from bx24.emulator.state.records import RobotRecord
from bx24.emulator.state.workflow import MAX_TIMEOUT_S, Answer, Line, PlacedRobot, Workflow

if TYPE_CHECKING:
    from bx24.emulator.state.portal import Portal

_ALPHABET = string.ascii_letters + string.digits


class Engine:
    """Starts workflows and moves them on. Every method is called under the emulator's lock."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.workflows: dict[str, Workflow] = {}
        self._key = secrets.token_bytes(32)

    def start(
        self,
        document_id: tuple[str, str, str],
        document_type: tuple[str, str, str],
        steps: list[PlacedRobot],
        *,
        user_id: int,
        stage: str = "",
        variables: dict[str, Any] | None = None,
        held: list[tuple[str, bytes]] | None = None,
    ) -> Workflow:
        now = self.portal.clock()
        number = f"{int(now):x}{secrets.token_hex(3)}.{secrets.randbelow(10**8):08d}"
        flow = Workflow(
            number, document_id, document_type, steps, now, user_id, stage, variables=variables or {}, held=held
        )
        self.workflows[flow.id] = flow
        self._say(flow, "started")
        self._next(flow)
        return flow

    def _next(self, flow: Workflow) -> None:
        while flow.state == "running" and not flow.waiting:
            flow.index += 1
            step = flow.step
            if step is None:
                flow.state = "completed"
                self._say(flow, "finished")
            else:
                self._execute(flow, step)

    def _execute(self, flow: Workflow, step: PlacedRobot) -> None:
        record = self.portal.robots.get(step.code)
        if record is None or not self.portal.installation.active:
            # A robot whose code is not registered is blocked; the rest of the stage goes on without it.
            self._say(flow, "blocked", code=step.code)
            return
        self._say(flow, "robot_started", title=self.title(step))
        flow.event_id = "".join(secrets.choice(_ALPHABET) for _ in range(32))
        flow.event_token = self.sign(f"{flow.id}|{step.name}|{flow.event_id}")
        flow.tokens.append(flow.event_token)
        waits = self._waits(record, step)
        self._post(flow, step, record, waits)
        flow.status_text = self._status_text(flow, step)
        if waits != "Y":
            flow.event_id = ""
            self._say(flow, "robot_closed")
        elif step.timeout_s > 0:
            token = flow.event_token
            due = self.portal.clock() + min(step.timeout_s, MAX_TIMEOUT_S)
            self.portal.queue.timer(due, lambda *_: self._timeout(flow, token))

    @staticmethod
    def _waits(record: RobotRecord, step: PlacedRobot) -> str | None:
        """`Y` and `N` of the registration are fixed; without one the person placing the robot chooses."""
        return record.use_subscription if record.use_subscription in ("Y", "N") else step.use_subscription

    def _post(self, flow: Workflow, step: PlacedRobot, record: RobotRecord, waits: str | None) -> None:
        portal = self.portal
        user_id = step.auth_user_id or int(record.fields.get("AUTH_USER_ID") or 0) or flow.user_id
        token = flow.event_token
        form = {
            "workflow_id": flow.id,
            "code": record.code,
            "document_id": list(flow.document_id),
            "document_type": list(flow.document_type),
            "event_token": token,
            "properties": self.properties(flow, step, record),
            "use_subscription": waits,
            "timeout_duration": min(step.timeout_s, MAX_TIMEOUT_S),
            "ts": int(portal.clock()),
            "auth": portal.event_auth(user_id, with_refresh=True),
        }
        if flow.held is not None:
            flow.held.append((record.handler, php.encode(form)))
            return
        portal.queue.send(
            record.handler,
            form,
            delay_s=portal.faults.delay_s,
            label=f"robot {record.code}",
            repeat=lambda: portal.faults.retry_until_200,
            done=lambda status, detail: self._delivered(flow, step, status, detail),
        )

    def properties(self, flow: Workflow, step: PlacedRobot, record: RobotRecord) -> dict[str, Any]:
        """The registered properties with expressions evaluated, as they go into the POST."""
        item = self.portal.crm.document(flow.document_id)
        placed = {code.lower(): value for code, value in step.values.items()}

        def resolve(source: str, name: str) -> Any:
            return self._resolve(flow, item, source, name)

        result = {}
        for code, descriptor in record.properties().items():
            if code not in values.RESERVED:
                raw = placed.get(code.lower(), descriptor.get("DEFAULT"))
                result[code] = values.outgoing(values.evaluate(raw, resolve), descriptor)
        return result

    def _status_text(self, flow: Workflow, step: PlacedRobot) -> str:
        if not step.status_text:
            return say("waiting_for_app", self.portal.lang)
        item = self.portal.crm.document(flow.document_id)
        text = values.evaluate(step.status_text, lambda source, name: self._resolve(flow, item, source, name))
        return values.printable(text) or say("waiting_for_app", self.portal.lang)

    def _resolve(self, flow: Workflow, item: dict[str, Any] | None, source: str, name: str) -> Any:
        if source == "Document":
            return deal_fields.value(self.portal, item, name)
        if source in ("Template", "Variable", "Constant", "GlobalVar", "GlobalConst"):
            return flow.variables.get(name)
        # A step by its own name first: two robots of one code may differ in nothing else.
        reached = flow.steps[: flow.index + 1]
        named = [step for step in reached if step.name == source]
        named = named or [step for step in reached if source in (step.title, step.code)]
        known = flow.returned.get(named[0].name, {}) if named else {}
        return {key.lower(): value for key, value in known.items()}.get(name.lower())

    def _delivered(self, flow: Workflow, step: PlacedRobot, status: int, detail: str) -> None:
        if status == 200:
            self._say(flow, "delivered", step)
        else:
            # Not repeated: a waiting step now hangs until its time limit, if it has one.
            self._say(flow, "not_delivered", step, status=status, detail="" if status else detail[:160])

    def _timeout(self, flow: Workflow, token: str) -> None:
        if flow.waiting and flow.event_token == token and flow.step:
            flow.returned.setdefault(flow.step.name, {})["IsTimeout"] = 1
            flow.event_id = ""
            self._say(flow, "timeout")
            self._next(flow)

    def send(self, token: str, returned: Any, log_message: Any) -> None:
        """`bizproc.event.send`, the part that runs after the caller already got `true`."""
        message = log_message if isinstance(log_message, str) else ""
        flow = self.workflows.get(token.split("|", 1)[0])
        if flow is None:
            return
        effect = self._effect(flow, token)
        flow.answers.append(Answer(self.portal.clock(), token, returned, message, effect))
        if effect != "accepted" or not flow.step:
            self._say(flow, "answer_ignored", reason=say(f"effect_{effect}", self.portal.lang))
            return
        step = flow.step
        self._say(flow, "message", text=message or say("default_log", self.portal.lang))
        self._take_values(flow, step, returned)
        flow.event_id = ""
        self._next(flow)

    def _effect(self, flow: Workflow, token: str) -> str:
        if self.portal.faults.take("event_send_lost"):
            return "lost"
        if self.portal.faults.locks(flow.id):
            return "locked"
        if flow.state != "running":
            return "finished"
        return "accepted" if flow.waiting and flow.event_token == token else "not_waiting"

    def _take_values(self, flow: Workflow, step: PlacedRobot, returned: Any) -> None:
        record = self.portal.robots.get(step.code)
        if record is None:
            return
        inputs = {code.upper() for code in record.properties()}
        offered = {code.upper(): code for code in record.returns() if code.upper() not in inputs}
        taken: dict[str, Any] = {}
        for name, value in php.items(returned):
            code = offered.get(name.upper())
            if code:
                taken[code] = values.incoming(value, record.returns()[code])
        flow.returned.setdefault(step.name, {"IsTimeout": 0}).update(taken)
        if taken:
            flow.log.append(
                Line(self.portal.clock(), "returned", say("returned", self.portal.lang), self.title(step), taken)
            )

    def note(self, token: str, message: str) -> tuple[str, str] | None:
        """`bizproc.activity.log`: None, or (code, description) of the error."""
        flow = self.workflows.get(token.split("|", 1)[0])
        if flow is None or flow.state != "running":
            return "404", "Workflow instance not found"
        if self.portal.faults.locks(flow.id):
            return "423", "Workflow instance is locked"
        if flow.waiting and flow.event_token == token:
            self._say(flow, "note", text=message)
        return None

    def terminate(self, flow: Workflow) -> None:
        if flow.state == "running":
            flow.state, flow.event_id = "terminated", ""
            self._say(flow, "terminated")

    def sign(self, value: str) -> str:
        return f"{value}.{hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()}"

    def verify(self, token: Any) -> bool:
        value, _, _ = str(token).rpartition(".")
        return (
            isinstance(token, str)
            and token.count("|") == 2
            and hmac.compare_digest(self.sign(value).encode(), token.encode())
        )

    def title(self, step: PlacedRobot, lang: str = "") -> str:
        record = self.portal.robots.get(step.code)
        return step.title or (record.name(lang or self.portal.lang) if record else step.code)

    def _say(self, flow: Workflow, kind: str, step: PlacedRobot | None = None, **details: Any) -> None:
        known = step or flow.step
        text = details["text"] if "text" in details else say(f"log_{kind}", self.portal.lang, **details)
        flow.log.append(Line(self.portal.clock(), kind, text, self.title(known) if known else ""))
