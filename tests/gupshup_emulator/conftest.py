"""An emulated Gupshup on a clock that the test moves, and an endpoint that writes down what is posted to it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gupshup.emulator import Emulator, create_emulator, emulator_of

OUR_NUMBER = "79990001122"
CLIENT = "79123456789"
KEY = "0123456789abcdef0123456789abcdef"
VISIT: dict[str, Any] = {
    "id": "t-visit",
    "name": "visit_reminder",
    "language": "ru",
    "header": "Визит {{1}}",
    "body": "Здравствуйте, {{1}}! Ждём {{2}}, {{1}}.",
    "footer": "Acme",
    "buttons": [
        {"type": "QUICK_REPLY", "text": "Подтверждаю"},
        {"type": "QUICK_REPLY", "text": "Перенести"},
        {"type": "URL", "text": "Карта", "url": "https://example.org/{{1}}", "example": ["https://example.org/x"]},
    ],
}
PHOTO: dict[str, Any] = {"id": "t-photo", "name": "photo", "kind": "IMAGE", "body": "Скидка {{1}}"}
PLACE: dict[str, Any] = {"id": "t-place", "name": "place", "kind": "LOCATION", "body": "Мы здесь"}
GOODS: dict[str, Any] = {
    "id": "t-goods",
    "name": "goods",
    "kind": "CAROUSEL",
    "category": "MARKETING",
    "body": "{{1}}, смотрите",
    "cards": [
        {
            "headerType": "IMAGE",
            "body": "{{1}}, цена",
            "buttons": [{"type": "URL", "text": "Купить", "url": "https://a.b/{{1}}"}],
        }
    ]
    * 2,
}
PAUSED: dict[str, Any] = {"id": "t-paused", "name": "paused", "body": "Нет", "status": "PAUSED"}
QUICK: dict[str, Any] = {
    "type": "quick_reply",
    "msgid": "wf-1",
    "content": {"type": "text", "header": "Визит", "text": "Придёте?", "caption": "Ответьте"},
    "options": [{"type": "text", "title": "Да", "postbackText": "yes"}, {"type": "text", "title": "Нет"}],
}
LIST: dict[str, Any] = {
    "type": "list",
    "title": "Услуги",
    "body": "Что выбрать?",
    "footer": "9-18",
    "msgid": "wf-2",
    "globalButtons": [{"type": "text", "title": "Показать"}],
    "items": [
        {
            "title": "Лечение",
            "options": [{"type": "text", "title": "Осмотр", "description": "30 минут", "postbackText": "look"}],
        },
        {"title": "Прочее", "options": [{"type": "text", "title": "Вопрос", "postbackText": "ask"}]},
    ],
}


@dataclass
class World:
    """The emulator, its clock and the endpoint of the business."""

    now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        self.app = create_emulator(
            lambda: self.now, self._endpoint, new_id=lambda: f"id-{next(numbers)}", pause=self.paused.append
        )

    def _endpoint(self, url: str, body: dict[str, Any]) -> int:
        self.posted.append((url, body))
        return self.answers.pop(0) if self.answers else 200

    @property
    def emulator(self) -> Emulator:
        return emulator_of(self.app)

    @property
    def http(self) -> FlaskClient:
        return self.app.test_client()

    def advance_clock(self, **delta: float) -> None:
        """Move the clock, stopping at everything that is due on the way."""
        end = self.now + timedelta(**delta)
        while (due := self.emulator.next_due()) and due <= end:
            self.now = max(self.now, due)
            self.emulator.deliver_due()
        self.now = end

    def control(self, path: str, **body: Any) -> Any:
        """A call of the control API that must succeed."""
        answer = self.http.post(f"/emulator{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.get_json(silent=True)

    def post_message(self, path: str = "msg", *, key: str = KEY, **fields: Any) -> TestResponse:
        """POST a message as the vendor's clients do; objects become JSON, None leaves a field out."""
        base: dict[str, Any] = {
            "channel": "whatsapp",
            "source": OUR_NUMBER,
            "destination": CLIENT,
            "src.name": "shopbot",
            **fields,
        }
        data = {
            k: v if isinstance(v, str | list) and k != "postbackTexts" else json.dumps(v, ensure_ascii=False)
            for k, v in base.items()
            if v is not None
        }
        return self.http.post(f"/wa/api/v1/{path}", data=data, headers={"apikey": key})

    def send(self, path: str = "msg", **fields: Any) -> str:
        """A message that must be accepted; its id."""
        answer = self.post_message(path, **fields)
        assert answer.status_code == 202, answer.text
        return str(answer.get_json()["messageId"])

    def send_template(self, params: list[str] | None = None, **fields: Any) -> str:
        values = ["в пятницу", "Ольга", "в 14:00", "route"] if params is None else params
        return self.send("template/msg", template={"id": "t-visit", "params": values}, **fields)

    def send_text(self, **fields: Any) -> str:
        return self.send(message={"type": "text", "text": "Привет"}, **fields)

    def client_sends(self, **spec: Any) -> Any:
        """The client sends something."""
        return self.control("/reply", app="shopbot", phone=CLIENT, **{"type": "text", "text": "Да", **spec})

    def messages(self) -> list[Any]:
        return list(self.http.get("/emulator/messages").get_json()["messages"])

    def statuses_of(self, message_id: str) -> list[str]:
        """Statuses a message has gone through."""
        return [s["status"] for m in self.messages() if m["id"] == message_id for s in m["statuses"]]

    def event_payloads(self, kind: str = "message-event") -> list[dict[str, Any]]:
        """Payloads posted to the endpoint so far."""
        return [body["payload"] for _, body in self.posted if body["type"] == kind]

    def failure_code(self, message_id: str) -> int | None:
        """The code with which a message failed, after everything has happened."""
        self.advance_clock(seconds=2)
        found = [s.get("code") for m in self.messages() if m["id"] == message_id for s in m["statuses"]]
        return found[-1]


@pytest.fixture
def world() -> World:
    made = World()
    for name, number, key in (("shopbot", OUR_NUMBER, KEY), ("otherbot", "79995556677", "other-key")):
        made.control(
            "/apps",
            app_name=name,
            phone=number,
            api_key=key,
            app_id=f"app-{name}",
            title=name.title(),
            webhook_url=f"https://waba.example.org/{name}",
            templates=[VISIT, PHOTO, PAUSED, PLACE, GOODS],
        )
    return made


@pytest.fixture
def open_world(world: World) -> World:
    """The client has just written: the window is open, and nothing of it is left in `posted`."""
    world.client_sends(text="Здравствуйте")
    world.advance_clock(seconds=1)
    world.posted.clear()
    return world
