"""Messages of the message service: sending by hand, handing over again, looking."""

from __future__ import annotations

from typing import Any

from bx24.emulator.control.errors import ControlError
from bx24.emulator.rules import message_service
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal


def senders(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"senders": [{"code": one.code, **one.fields} for one in message_service.senders(portal)]}


def messages(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [message.to_dict() for message in portal.message_service.messages]}


def send(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"code", "phone", "text", "module"?: "crm", "user_id"?: 1, "entityTypeId"?: 2, "id"?: 1}: as a person in the item's card,
    or as CRM marketing does ("module": "sender")."""
    code, phone, text = str(data["code"]), str(data["phone"]), str(data["text"])
    author = int(data.get("user_id", portal.viewer_id))
    try:
        if data.get("module") == message_service.MARKETING:
            module = message_service.MARKETING
            message = message_service.send(portal, code, phone, text, module=module, author_id=author, where={})
        else:
            item = int(data.get("entityTypeId", crm.DEAL)), int(data.get("id", 1))
            message = message_service.from_card(portal, item, code, phone, text, author_id=author)
    except KeyError:
        raise ControlError("no such sender", 404) from None
    return {"message": message.to_dict()}


def again(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Hand a message over again, as the portal does with one that got stuck."""
    message = portal.message_service.message(int(data["number"]))
    if message is None:
        raise ControlError("no such message", 404)
    message_service.hand_over(portal, message)
    return {"message": message.to_dict()}
