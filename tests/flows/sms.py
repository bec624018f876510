"""What the tests of the message provider share: a shop whose portal hands over its "SMS" to us."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from messaging.portals import portals
from messaging.store.models import Message, Portal
from messaging.store.provider import LineSender
from messaging.store.states import Origin
from tests.flows.scenes import OLGA, gupshup_control
from tests.support.world import PORTAL, World

TEMPLATE = {"name": "free_text", "language": "ru", "body": "Сообщение от магазина: {{1}} Ответьте, если есть вопросы."}


class Sms:
    """Sends from cards and by robots of the emulated portal, and looks what became of it. world: the shop."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._post("grant", {"scope": ["messageservice"]})
        with world.runtime.db.write() as session:
            due = {"registration_due_at": world.now, "registration_tries": 0}
            session.execute(update(Portal).where(Portal.id == world.line.portal_id).values(due))
        world.advance_clock(2)

    @property
    def code(self) -> str:
        return f"waba24_{self.world.line.id}"

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.world.control.post(f"/emulator/{path}", json=body, base_url=PORTAL)
        assert answer.status_code == 200, answer.text
        return answer.json

    def senders(self) -> list[dict[str, str]]:
        """The senders of the app in the portal."""
        listed: list[dict[str, str]] = self.world.control.get("/emulator/senders", base_url=PORTAL).json["senders"]
        return listed

    def send(self, text: str, phone: str = f"+{OLGA}", **more: Any) -> dict[str, Any]:
        """A person sends from the card of deal 1, unless more says otherwise; the portal's message. Time does not pass."""
        body = {"code": self.code, "phone": phone, "text": text, **more}
        sent: dict[str, Any] = self._post("sms/send", body)["message"]
        return sent

    def again(self, number: int) -> None:
        """The portal hands its message over again."""
        self._post(f"sms/{number}/again", {})

    def robot(self, text: str, code: str = "") -> Any:
        """The portal's own robot "Send SMS" runs on deal 1; its workflow. Time does not pass."""
        values = {"ProviderId": code or self.code, "MessageText": text}
        return self.world.robots_start(("CrmSendSmsActivity", values))

    def all(self) -> list[dict[str, Any]]:
        """All messages of the portal."""
        listed: list[dict[str, Any]] = self.world.control.get("/emulator/sms", base_url=PORTAL).json["messages"]
        return listed

    def statuses(self) -> list[list[str]]:
        """What the portal has noted of each of its messages, in order."""
        return [message["statuses"] for message in self.all()]

    def rows(self) -> list[Message]:
        """The messages of ours that came of it."""
        return [row for row in self.world.stored_rows(Message) if row.origin == Origin.PROVIDER]

    def configure(self, **columns: Any) -> None:
        """Set how the line sends: template_id, quiet."""
        line = self.world.line
        with self.world.runtime.db.write() as session:
            found = session.get(LineSender, line.id) or LineSender(line_id=line.id, portal_id=line.portal_id)
            session.add(found)
            for name, value in {"template_id": "", "quiet": "send", **columns}.items():
                setattr(found, name, value)

    def add_template(self, **more: Any) -> str:
        """A template with one variable at Gupshup; its id there."""
        name = self.world.gupshup_app["app_name"]
        made = gupshup_control(self.world, f"apps/{name}/templates", {**TEMPLATE, **more})
        return str(made["id"])

    def register_again(self) -> None:
        """The portal's registration is due; two seconds pass."""
        world = self.world
        with world.runtime.db.write() as session:
            portals.register_again(session, session.get_one(Portal, world.line.portal_id), world.runtime)
        world.advance_clock(2)


def texts(world: World) -> list[str]:
    """The texts that Gupshup has accepted, in order."""
    return [str((message.message or {}).get("text", "")) for message in world.sent]
