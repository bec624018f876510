"""A line that is switched on at an open line, and an operator who reads and writes in its chats."""

from __future__ import annotations

import base64
from typing import Any

import requests

from messaging.portals import open_lines
from tests.flows.scenes import OLGA
from tests.support.world import APP, PORTAL, World

SCOPES = ["imopenlines", "imconnector", "contact_center"]
OPEN_LINE = 1


class Chats:
    """The chats of a world's portal, through the emulator's control API."""

    def __init__(self, world: World, *, is_on: bool = True) -> None:
        self.world = world
        self.post("grant", scope=SCOPES)
        with world.runtime.db.write() as session:
            from messaging.portals import portals
            from messaging.store.models import Portal

            portals.register_again(session, session.get_one(Portal, 1), world.runtime)
        world.advance_clock(1)
        if is_on:
            open_lines.switch_on(world.runtime, world.line.id, OPEN_LINE)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.world.control.post(f"/emulator/{path}", json=body, base_url=PORTAL)
        assert answer.status_code == 200, (answer.status_code, answer.json)
        return answer.json

    def spoil(self, method: str, *faults: str) -> None:
        """What spoils the next requests of this method, one after another."""
        self.post("faults", spoiled={method: list(faults)})

    def all(self) -> list[dict[str, Any]]:
        answer = self.world.control.get("/emulator/chats", base_url=PORTAL).json
        return list(answer["chats"])

    def chat(self, phone: str = OLGA) -> dict[str, Any]:
        """The one chat of this client."""
        [chat] = [chat for chat in self.all() if chat["external_id"] == phone]
        return chat

    def lines(self, *kinds: str, phone: str = OLGA) -> list[str]:
        """The texts of a client's chat, of these kinds: client, operator, system, hidden."""
        shown = [message for message in self.chat(phone)["messages"] if message["kind"] in kinds]
        return [message["text"] for message in shown]

    def notes(self, phone: str = OLGA) -> list[str]:
        """What our app has written for operators alone."""
        return [text.partition("\n")[2] for text in self.lines("system", phone=phone) if text.startswith("[b]App[/b]")]

    def write(self, text: str = "", *files: tuple[str, str, bytes], phone: str = OLGA) -> int:
        """An operator writes; the number of the message. Time does not pass."""
        given = [{"name": n, "type": t, "content": base64.b64encode(c).decode()} for n, t, c in files]
        return int(self.post(f"chats/{self.chat(phone)['id']}/write", text=text, files=given)["message"]["id"])


def record_posts(world: World, *, is_cut: bool = False) -> tuple[list[Any], list[Any]]:
    """What both vendors post to us from now on. is_cut: it does not come to us."""
    webhooks: list[Any] = []
    events: list[Any] = []

    def keep(request: Any) -> Exception | None:
        path = request.url.removeprefix(APP)
        kept = (path, {"Content-Type": request.headers.get("Content-Type", "")}, request.body)
        if request.method == "POST":
            (events if path.startswith("/bx24/") else webhooks).append(kept)
        return requests.exceptions.ConnectionError("cut") if is_cut else None

    world.net.broken["waba.example"] = keep
    return webhooks, events
