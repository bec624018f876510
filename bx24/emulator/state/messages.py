"""The message service: the senders that apps have registered, and the messages that were handed over to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Name of a status by REST → the number under which the portal keeps it (messageservice/lib/messagestatus.php).
STATUSES = {"queued": 11, "sent": 13, "delivered": 14, "undelivered": 15, "failed": 16}
PENDING, ERROR = "pending", "error"


@dataclass
class SenderRecord:
    """A sender of `messageservice.sender.add`. fields: HANDLER, NAME, DESCRIPTION. app_id: the installation."""

    code: str
    app_id: int
    fields: dict[str, Any]


@dataclass
class ServiceMessage:
    """A message to be sent by a sender.

    external_id: 32 hex digits, the app's `message_id`; kept when the message is handed over again. author_id: None if nobody
    is known to have written it (robots). where: the fields of the POST that say where it comes from. statuses: all the portal
    has noted, in order, with their moments. answers: of the app to the POSTs, 0: none.
    """

    id: int
    external_id: str
    app_id: int
    code: str
    module: str
    author_id: int | None
    phone: str
    text: str
    where: dict[str, Any]
    created: float
    statuses: list[tuple[float, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.statuses[-1][1] if self.statuses else PENDING

    def note(self, at: float, status: str) -> None:
        """The portal takes any status that differs from the present one, also a lower one."""
        if status != self.status:
            self.statuses.append((at, status))

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "message_id": self.external_id,
            "code": self.code,
            "module": self.module,
            "author_id": self.author_id,
            "phone": self.phone,
            "text": self.text,
            "status": self.status,
            "statuses": [status for _, status in self.statuses],
            "answers": self.answers,
        }


@dataclass
class MessageService:
    """Senders and messages of one portal."""

    senders: list[SenderRecord] = field(default_factory=list)
    messages: list[ServiceMessage] = field(default_factory=list)

    def find(self, app_id: int, code: str) -> SenderRecord | None:
        return next((one for one in self.senders if (one.app_id, one.code) == (app_id, code)), None)

    def of(self, app_id: int) -> list[SenderRecord]:
        return [one for one in self.senders if one.app_id == app_id]

    def message(self, number: int) -> ServiceMessage | None:
        return next((one for one in self.messages if one.id == number), None)

    def by_external(self, app_id: int, code: str, external_id: str) -> ServiceMessage | None:
        wanted = (app_id, code, external_id)
        return next((one for one in self.messages if (one.app_id, one.code, one.external_id) == wanted), None)

    def on(self, entity: int, number: int) -> list[ServiceMessage]:
        """What the card of an item shows: messages that are linked with it, the newest first."""
        wanted = {"OWNER_TYPE_ID": entity, "OWNER_ID": number}
        return [one for one in reversed(self.messages) if wanted in one.where.get("bindings", [])]
