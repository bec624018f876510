"""`imopenlines.dialog.*`, `session.*`, `crm.*`: finding chats and writing into those of a CRM item.

Source: imopenlines/lib/{rest,operator}.php, docs imopenlines/openlines/{chats,messages,sessions}.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, access_denied, argument, rest
from bx24.emulator.rest.connectors import SCOPE, access_denied_400
from bx24.emulator.rules import chat_crm, chat_messages, chat_sessions
from bx24.emulator.state.chats import CRM_KEYS, Chat
from bx24.emulator.state.portal import TIME_ZONE


def find_chat(call: Call, params: dict[str, Any]) -> Chat | None:
    """By CHAT_ID, DIALOG_ID, SESSION_ID or USER_CODE."""
    chats = call.portal.chats
    if not php.is_empty(params.get("CHAT_ID")):
        return chats.by_id.get(php.to_int(params["CHAT_ID"]))
    if not php.is_empty(params.get("DIALOG_ID")):
        return dialog(call, params["DIALOG_ID"])
    if not php.is_empty(params.get("SESSION_ID")):
        return chats.of_session(php.to_int(params["SESSION_ID"]))
    return chats.by_code(str(params.get("USER_CODE") or ""))


def dialog(call: Call, dialog_id: Any) -> Chat | None:
    """The chat of `chat4471`."""
    text = str(dialog_id)
    return call.portal.chats.by_id.get(php.to_int(text[4:])) if text.startswith("chat") else None


def atom(at: float) -> str:
    return datetime.fromtimestamp(int(at), TIME_ZONE).isoformat()


@rest("imopenlines.dialog.get", SCOPE)
def dialog_get(call: Call) -> dict[str, Any]:
    params = call.upper()
    if all(php.is_empty(params.get(key)) for key in ("CHAT_ID", "DIALOG_ID", "SESSION_ID", "USER_CODE")):
        raise RestError("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    chat = find_chat(call, params)
    if chat is None or not chat_sessions.may_open(call.portal, chat, call.user.id):
        raise RestError("ACCESS_ERROR", "You do not have access to the specified dialog")
    return {
        "id": chat.id,
        "dialog_id": f"chat{chat.id}",
        "name": chat.title,
        "description": chat.description,
        "owner": chat.session.operator_id,
        "avatar": "",
        "color": "#4ba984",
        "extranet": True,
        "type": "lines",
        "message_type": "L",
        "entity_type": "LINES",
        "entity_id": chat.user_code,
        "entity_data_1": chat_crm.entity_data_1(chat),
        "entity_data_2": chat_crm.entity_data_2(chat),
        "entity_data_3": "N",
        "manager_list": [],
        "date_create": atom(chat.created_at),
    }


@rest("imopenlines.session.open", SCOPE)
def session_open(call: Call) -> dict[str, int]:
    """Finds a chat, never creates one."""
    chat = call.portal.chats.by_code(str(call.upper().get("USER_CODE") or ""))
    if chat is None or not chat_sessions.may_open(call.portal, chat, call.user.id):
        raise access_denied_400()
    return {"chatId": chat.id}


@rest("imopenlines.session.start", SCOPE)
def session_start(call: Call) -> bool:
    """The operator begins a new session in an existing chat. The parameter is upper-case."""
    chat = operators_chat(call)
    if chat.session.is_open:
        chat_sessions.close(call.portal, chat, user_id=call.user.id)
    chat_sessions.open_session(call.portal, chat, user_id=call.user.id, operator_id=call.user.id)
    return True


def operators_chat(call: Call) -> Chat:
    """The chat of the parameter CHAT_ID, which the user may work in. Raises RestError."""
    number = php.to_int(call.params.get("CHAT_ID"))
    chat = call.portal.chats.by_id.get(number)
    if chat is None:
        raise RestError("CHAT_ID", "An incorrect chat identifier was provided")
    if not chat_sessions.may_open(call.portal, chat, call.user.id):
        raise RestError("ACCESS_DENIED", "You do not have access to this chat")
    return chat


@rest("imopenlines.session.history.get", SCOPE)
def session_history(call: Call) -> dict[str, Any]:
    params = call.upper()
    if php.is_empty(params.get("SESSION_ID")) and php.is_empty(params.get("CHAT_ID")):
        raise RestError("MISSING_REQUIRED_PARAM", "SESSION_ID or CHAT_ID is required")
    if not php.is_empty(params.get("SESSION_ID")):
        chat = call.portal.chats.of_session(php.to_int(params["SESSION_ID"]))
        if chat is None:
            raise RestError("INVALID_SESSION_ID", "The session was not found")
        session_id = php.to_int(params["SESSION_ID"])
    else:
        chat = find_chat(call, params)
        if chat is None:
            raise RestError("CHAT_ID", "An incorrect chat identifier was provided")
        if not chat_sessions.may_open(call.portal, chat, call.user.id):
            raise RestError("ACCESS_DENIED", "You cannot open this conversation")
        session_id = chat.session.id
    return _history(chat, session_id)


def _history(chat: Chat, session_id: int) -> dict[str, Any]:
    found = [message for message in reversed(chat.messages) if message.session_id == session_id]
    shown = {
        str(message.id): {
            "id": str(message.id),
            "chatid": str(chat.id),
            "senderid": str(message.author_id),
            "recipientid": f"chat{chat.id}",
            "date": atom(message.at),
            "text": message.text,
            "textlegacy": message.text,
            "params": {_camel(name): value for name, value in message.params().items()},
        }
        for message in found
    }
    return {
        "chatId": chat.id,
        "canJoin": "Y",
        "sessionId": session_id,
        "userId": f"chat{chat.id}",
        "message": shown,
        "usersMessage": {f"chat{chat.id}": list(shown)},
        "chat": {str(chat.id): {"id": str(chat.id), "name": chat.title, "entityId": chat.user_code}},
        "files": [],
    }


def _camel(name: str) -> str:
    first, *rest_of = name.lower().split("_")
    return first + "".join(word.capitalize() for word in rest_of)


def _crm_item(params: dict[str, Any]) -> tuple[str, int]:
    """Type and id of the CRM item. Raises RestError."""
    for name in ("CRM_ENTITY_TYPE", "CRM_ENTITY"):
        if php.is_empty(params.get(name)):
            raise argument(name)
    return str(params["CRM_ENTITY_TYPE"]).upper(), php.to_int(params["CRM_ENTITY"])


@rest("imopenlines.crm.chat.get", SCOPE)
def crm_chats(call: Call) -> list[dict[str, str]]:
    """Of leads, deals, contacts and companies; other types have none. New and skipped dialogs are not active."""
    params = call.upper()
    key, item_id = _crm_item(params)
    chats = call.portal.chats.of_item(key, item_id) if key in CRM_KEYS else []
    if params.get("ACTIVE_ONLY") != "N":
        chats = [chat for chat in chats if chat.session.is_active]
    connectors = call.portal.open_lines.connectors
    return [
        {
            "CHAT_ID": str(chat.id),
            "CONNECTOR_ID": chat.connector,
            "CONNECTOR_TITLE": connectors[chat.connector].name if chat.connector in connectors else chat.connector,
        }
        for chat in chats
    ]


@rest("imopenlines.crm.chat.getlastid", SCOPE)
def crm_last_chat(call: Call) -> int:
    key, item_id = _crm_item(call.upper())
    chats = call.portal.chats.of_item(key, item_id) if key in CRM_KEYS else []
    if not chats:
        raise RestError("CRM_CHAT_EMPTY_CRM_DATA", "No chat was found for this CRM entity")
    return max(chats, key=lambda chat: chat.session.id).id


@rest("imopenlines.crm.message.add", SCOPE)
def crm_message(call: Call) -> int:
    """Written for an employee who is in the chat, and marked as automatic; the connector takes it out."""
    params = call.upper()
    key, item_id = _crm_item(params)
    for name in ("USER_ID", "CHAT_ID", "MESSAGE"):
        if php.is_empty(params.get(name)):
            raise argument(name)
    chat = call.portal.chats.by_id.get(php.to_int(params["CHAT_ID"]))
    if chat is None or chat.crm.get(key) != item_id or not chat.session.is_active:
        raise RestError("CHAT_NOT_IN_CRM", "Chat does not belong to the CRM object being checked")
    author = php.to_int(params["USER_ID"])
    if call.portal.user(author) is None:
        raise access_denied()
    if author not in chat.members:
        raise RestError("CANCELED", "You cannot send messages to the specified chat")
    try:
        sent = chat_messages.write(
            call.portal, chat, author, str(params["MESSAGE"]), user_id=call.user.id, automatic=True
        )
    except chat_messages.NotSent:
        raise RestError("MESSAGE_ADD_ERROR", "Message isn't added") from None
    return sent.id
