"""Chats of open lines: reading them, and doing what an operator does."""

from __future__ import annotations

import base64
from typing import Any

from bx24.emulator.control.errors import ControlError
from bx24.emulator.rules import chat_crm, chat_files, chat_messages, chat_sessions
from bx24.emulator.state.chats import Chat, ChatMessage, Session
from bx24.emulator.state.portal import Portal


def chats(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"chat_id"?, "client"?}: one chat, those of a client (the app's id), or all."""
    found = list(portal.chats.by_id.values())
    if data.get("chat_id"):
        found = [_chat(portal, data)]
    if data.get("client"):
        found = [chat for chat in found if portal.chats.clients[chat.client_id].external_id == str(data["client"])]
    return {"chats": [_shown(portal, chat) for chat in found]}


def write(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"text"?, "files"?: [{"name", "type"?, "content": base64}], "user_id"?: 1}: an operator writes to the client."""
    chat = _chat(portal, data)
    files = [
        chat_files.keep(portal, str(file["name"]), str(file.get("type", "")), base64.b64decode(file["content"]))
        for file in data.get("files", [])
    ]
    try:
        message = chat_messages.write(portal, chat, _user(data), str(data.get("text", "")), files)
    except chat_messages.NotSent as error:
        raise ControlError("the messenger refuses: line or connector is off, or has an error", 409) from error
    return {"message": _message(portal, message)}


def note(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"text", "user_id"?}: a hidden message."""
    message = chat_messages.note(portal, _chat(portal, data), _user(data), str(data["text"]))
    return {"message": _message(portal, message)}


def edit(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"text", "user_id"?}: an operator changes a message. `done` is false if the connector does not allow that."""
    chat, message = _found_message(portal, data)
    return {"done": chat_messages.edit(portal, chat, message, str(data["text"]), user_id=_user(data))}


def delete(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"user_id"?}: an operator deletes a message. `done` is false if the connector does not allow that."""
    chat, message = _found_message(portal, data)
    return {"done": chat_messages.delete(portal, chat, message, user_id=_user(data))}


def answer(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"user_id"?}: an operator takes the dialog."""
    chat = _chat(portal, data)
    chat_sessions.answer(portal, chat, _user(data))
    return {"session": _session(chat.session)}


def close(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"user_id"?, "by_itself"?: true}: close the dialog, as its operator or as the portal does after a silence."""
    chat = _chat(portal, data)
    user_id = None if data.get("by_itself") else _user(data)
    try:
        chat_sessions.finish(portal, chat, user_id, announce=False)
    except chat_sessions.NoOpenSession as error:
        raise ControlError("no dialog is open", 409) from error
    return {"session": _session(chat.session)}


def _chat(portal: Portal, data: dict[str, Any]) -> Chat:
    chat = portal.chats.by_id.get(int(data["chat_id"]))
    if chat is None:
        raise ControlError("no such chat", 404)
    return chat


def _found_message(portal: Portal, data: dict[str, Any]) -> tuple[Chat, ChatMessage]:
    found = portal.chats.message(int(data["message_id"]))
    if found is None:
        raise ControlError("no such message", 404)
    return found


def _user(data: dict[str, Any]) -> int:
    return int(data.get("user_id", 1))


def _shown(portal: Portal, chat: Chat) -> dict[str, Any]:
    client = portal.chats.clients[chat.client_id]
    return {
        "id": chat.id,
        "connector": chat.connector,
        "line": chat.line,
        "title": chat.title,
        "external_id": chat.external_id,
        "user_code": chat.user_code,
        "client": {**vars(client), "full_name": client.full_name},
        "members": chat.members,
        "crm": chat.crm,
        "entity_data_1": chat_crm.entity_data_1(chat),
        "entity_data_2": chat_crm.entity_data_2(chat),
        "sessions": [_session(session) for session in chat.sessions],
        "messages": [_message(portal, message) for message in chat.messages],
    }


def _session(session: Session) -> dict[str, Any]:
    return {**vars(session), "status": int(session.status), "open": session.is_open}


def _message(portal: Portal, message: ChatMessage) -> dict[str, Any]:
    files = [
        {
            "id": file.id,
            "name": file.name,
            "type": file.content_type,
            "size": len(file.content),
            "link": chat_files.link(portal, file),
            "content": base64.b64encode(file.content).decode(),
        }
        for file in message.files
    ]
    return {**vars(message), "kind": str(message.kind), "files": files, "params": message.params()}
