"""What a connector tells its app. Source: imconnector/lib/rest/customconnectors.php, docs imconnector/events.

Only the app that owns the connector is told; the end of a line is told to every app.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.rules import chat_files
from bx24.emulator.state.chats import Chat, ChatMessage, Session
from bx24.emulator.state.open_lines import Connector
from bx24.emulator.state.portal import Portal

EVENTS = (
    "ONIMCONNECTORMESSAGEADD",
    "ONIMCONNECTORMESSAGEUPDATE",
    "ONIMCONNECTORMESSAGEDELETE",
    "ONIMCONNECTORSTATUSDELETE",
    "ONIMCONNECTORLINEDELETE",
    "ONIMCONNECTORDIALOGSTART",
    "ONIMCONNECTORDIALOGFINISH",
)


def owned(portal: Portal, connector_id: str) -> Connector | None:
    """The connector, if the installed app owns it."""
    found = portal.open_lines.connectors.get(connector_id)
    return found if found and found.app == portal.installation.client_id else None


def _tell(portal: Portal, event: str, connector_id: str, data: Any, user_id: int | None) -> None:
    if owned(portal, connector_id):
        portal.raise_event(event, data, user_id=user_id)


def message_added(portal: Portal, chat: Chat, message: ChatMessage, *, user_id: int | None) -> None:
    """user_id: whose tokens the event carries."""
    text = signed(portal, chat, message, "[b]{name}:[/b] [br]{text}")
    content = {
        "user_id": message.author_id,
        # A message without text has no key for it.
        "text": text or None,
        "files": [chat_files.described(portal, file) for file in message.files],
        "params": {"CLASS": message.style or "bx-messenger-content-item-ol-output"},
    }
    entry = {"im": _im(chat, message), "message": content, "chat": {"id": chat.external_id}}
    _tell(portal, EVENTS[0], chat.connector, _envelope(chat, "MESSAGES", [entry]), user_id)


def message_updated(portal: Portal, chat: Chat, message: ChatMessage, *, user_id: int | None) -> None:
    """Nothing is told of a message whose delivery the app has not confirmed."""
    if not message.connector_ids:
        return
    text = signed(portal, chat, message, "[b]{name}:[/b][br] {text}")
    entry = {
        "im": _im(chat, message),
        "message": {"id": message.connector_ids, "text": text or None},
        "chat": {"id": chat.external_id},
    }
    _tell(portal, EVENTS[1], chat.connector, _envelope(chat, "MESSAGES", [entry]), user_id)


def message_deleted(portal: Portal, chat: Chat, message: ChatMessage, *, user_id: int | None) -> None:
    """One element for each id outside. Nothing is told of a message without one."""
    entries = [
        {"im": _im(chat, message), "message": {"id": known}, "chat": {"id": chat.external_id}}
        for known in message.connector_ids
    ]
    if entries:
        _tell(portal, EVENTS[2], chat.connector, _envelope(chat, "MESSAGES", entries), user_id)


def status_deleted(portal: Portal, connector_id: str, line: int, *, user_id: int | None) -> None:
    _tell(portal, EVENTS[3], connector_id, {"connector": connector_id, "line": line}, user_id)


def line_deleted(portal: Portal, line: int, *, user_id: int | None) -> None:
    """`data` is the bare id of the line."""
    portal.raise_event(EVENTS[4], line, user_id=user_id)


def dialog_started(portal: Portal, chat: Chat, session: Session, *, user_id: int | None) -> None:
    _tell(portal, EVENTS[5], chat.connector, _dialog(chat, session), user_id)


def dialog_finished(portal: Portal, chat: Chat, session: Session, *, user_id: int | None) -> None:
    _tell(portal, EVENTS[6], chat.connector, _dialog(chat, session), user_id)


def signed(portal: Portal, chat: Chat, message: ChatMessage, form: str) -> str:
    """The text as it leaves: with the operator's name, if the connector wants it and the line shows operators."""
    connector, line = owned(portal, chat.connector), portal.open_lines.lines.get(chat.line)
    author = portal.users.get(message.author_id)
    if not (message.text and author and connector and line):
        return message.text
    if not (connector.has("NEED_SIGNATURE") and line.shows_operator):
        return message.text
    return form.format(name=author.full_name, text=message.text)


def _im(chat: Chat, message: ChatMessage) -> dict[str, int]:
    return {"chat_id": chat.id, "message_id": message.id}


def _envelope(chat: Chat, key: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"CONNECTOR": chat.connector, "LINE": chat.line, key: entries}


def _dialog(chat: Chat, session: Session) -> dict[str, Any]:
    connector = {
        "connector_id": chat.connector,
        "line_id": chat.line,
        "chat_id": chat.external_id,
        "user_id": chat.client_id,
    }
    about = {
        "id": session.id,
        "closed": "N" if session.is_open else "Y",
        "parent_id": session.parent_id,
        "close_term": 1440,
    }
    entry = {
        "connector": connector,
        "session": about,
        "chat": {"id": chat.external_id},
        "user": {"id": chat.client_id},
    }
    return _envelope(chat, "DATA", [entry])
