"""An app with a connector on line 1 of the portal: what the tests of Open Channels share."""

from __future__ import annotations

from typing import Any

from tests.bx24_emulator.conftest import APP, PortalDriver, ReceivedPost

CONNECTOR, LINE, CLIENT, PHONE = "waba24_gs", 1, "79990001122", "+7 999 000-11-22"
SCOPE = ["bizproc", "crm", "im", "placement", "imopenlines", "imconnector", "contact_center"]
EVENTS = f"{APP}/connector"
REGISTERED = {
    "ID": "Waba24_GS",
    "NAME": "WhatsApp",
    "ICON": {"DATA_IMAGE": "data:image/svg+xml,x"},
    "PLACEMENT_HANDLER": f"{APP}/channel",
}
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000020000000308020000")


class OpenChannel:
    """The app's side, and an operator's by the control API."""

    def __init__(self, driver: PortalDriver) -> None:
        self.driver = driver
        driver.install(scope=SCOPE)
        assert driver.result("imconnector.register", REGISTERED) == {"result": True}
        assert driver.result("imconnector.activate", {"CONNECTOR": CONNECTOR, "LINE": LINE, "ACTIVE": 1}) is True
        for name in ("MessageAdd", "MessageUpdate", "MessageDelete", "StatusDelete", "LineDelete"):
            driver.result("event.bind", {"event": f"OnImConnector{name}", "handler": EVENTS})

    def element(self, text: str = "", number: str = "w1", client: str = CLIENT, **message: Any) -> dict[str, Any]:
        """An element of MESSAGES."""
        return {
            "user": {"id": client, "name": "Вера Лунина", "phone": PHONE},
            "message": {"id": number, "date": 1_700_000_000, "text": text, **message},
            "chat": {"id": client},
        }

    def send(self, *elements: dict[str, Any], user: int = 1) -> list[dict[str, Any]]:
        """Send messages of clients; an answer for each."""
        params = {"CONNECTOR": CONNECTOR, "LINE": LINE, "MESSAGES": list(elements)}
        answer = self.driver.result("imconnector.send.messages", params, user=user)
        assert answer["SUCCESS"] is True
        return list(answer["DATA"]["RESULT"])

    def say(self, text: str, number: str = "w1", **message: Any) -> int:
        """The client writes; the id of the chat."""
        (done,) = self.send(self.element(text, number, **message))
        assert done["SUCCESS"] is True, done
        return int(done["session"]["CHAT_ID"])

    def confirm(self, message_id: int, *ids: str) -> Any:
        entry = {"im": {"message_id": message_id}, "message": {"id": list(ids)}, "chat": {"id": CLIENT}}
        params = {"CONNECTOR": CONNECTOR, "LINE": LINE, "MESSAGES": [entry]}
        return self.driver.result("imconnector.send.status.delivery", params)

    def write(self, chat: int, text: str = "", **data: Any) -> dict[str, Any]:
        """An operator writes."""
        return dict(self.driver.control(f"chats/{chat}/write", {"text": text, **data})["message"])

    def chat(self, chat: int) -> dict[str, Any]:
        return dict(self.driver.control(f"chats?chat_id={chat}")["chats"][0])

    def session(self, chat: int) -> dict[str, Any]:
        """The latest session of a chat."""
        return dict(self.chat(chat)["sessions"][-1])

    def spoken(self, chat: int) -> list[tuple[str, str]]:
        """Kind and text of the messages of a chat."""
        return [(message["kind"], message["text"]) for message in self.chat(chat)["messages"]]

    def line(self, **settings: str) -> None:
        self.driver.control(f"open-lines/{LINE}", {"settings": settings})

    def events(self, name: str = "MessageAdd") -> list[ReceivedPost]:
        """What the app was told of by now, of this event."""
        self.driver.advance_clock()
        wanted = f"ONIMCONNECTOR{name.upper()}"
        return [post for post in self.driver.inbox.received if post.form.get("event") == wanted]
