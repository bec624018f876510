"""`im.message.add` and `im.dialog.messages.get`, for the chats of open lines. Source: im/classes/general/im_rest.php."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.rest.open_line_chats import atom, dialog
from bx24.emulator.rules import chat_files, chat_messages, chat_sessions
from bx24.emulator.state.chats import Chat, ChatFile, ChatMessage
from bx24.emulator.state.portal import Portal

PAGE, LARGEST_PAGE = 20, 50
TEMPLATE_ID_LENGTH = 255


def _chat(call: Call, params: dict[str, Any]) -> Chat:
    """Raises RestError."""
    if php.is_empty(params.get("DIALOG_ID")):
        raise RestError("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    chat = dialog(call, params["DIALOG_ID"])
    if chat is None or not chat_sessions.may_open(call.portal, chat, call.user.id):
        raise RestError("ACCESS_ERROR", "You do not have access to the specified dialog")
    return chat


@rest("im.message.add", "im")
def message_add(call: Call) -> int:
    """SYSTEM: a line of the app; SKIP_CONNECTOR: a hidden note; else it is sent to the client.

    A TEMPLATE_ID that was used in the chat gives the message that it made.
    """
    params = call.upper()
    chat = _chat(call, params)
    text = str(params.get("MESSAGE") or "").strip()
    if not text:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    if params.get("SYSTEM") == "Y":
        return chat_messages.system(call.portal, chat, f"[b]{call.portal.installation.title}[/b]\n{text}").id
    template_id = str(params.get("TEMPLATE_ID") or "")[:TEMPLATE_ID_LENGTH]
    known = chat_messages.with_template(chat, template_id)
    if known:
        return known.id
    if params.get("SKIP_CONNECTOR") == "Y":
        return chat_messages.note(call.portal, chat, call.user.id, text, template_id=template_id).id
    try:
        return chat_messages.write(call.portal, chat, call.user.id, text, template_id=template_id).id
    except chat_messages.NotSent:
        raise RestError("PARAMS_ERROR", "Message isn't added") from None


@rest("im.dialog.messages.get", "im")
def messages_get(call: Call) -> dict[str, Any]:
    """The latest messages first; LAST_ID: those before it; FIRST_ID: those after it, the oldest first."""
    params = call.upper()
    chat = _chat(call, params)
    limit = min(php.to_int(params.get("LIMIT")) or PAGE, LARGEST_PAGE)
    found = _page(chat, params, limit)
    authors = sorted({message.author_id for message in found} - {0})
    files = [(file, message) for message in found for file in message.files]
    return {
        "chat_id": chat.id,
        "messages": [_message(message) for message in found],
        "users": [_user(call.portal, number) for number in authors],
        "files": [_file(call.portal, file, message) for file, message in files],
    }


def _page(chat: Chat, params: dict[str, Any], limit: int) -> list[ChatMessage]:
    if params.get("FIRST_ID") is not None:
        first = php.to_int(params["FIRST_ID"])
        return [message for message in chat.messages if message.id > first][:limit]
    last = php.to_int(params.get("LAST_ID"))
    return [message for message in reversed(chat.messages) if not last or message.id < last][:limit]


def _message(message: ChatMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "chat_id": message.chat_id,
        "author_id": message.author_id,
        "date": atom(message.at),
        "text": message.text,
        "params": message.params() or None,
    }


def _user(portal: Portal, number: int) -> dict[str, Any]:
    employee, client = portal.users.get(number), portal.chats.clients.get(number)
    person = employee or client
    return {
        "id": number,
        "name": person.full_name if person else "",
        "first_name": person.name if person else "",
        "last_name": person.last_name if person else "",
        "extranet": client is not None,
        "bot": False,
        "connector": client is not None,
        "external_auth_id": "imconnector" if client else "default",
    }


def _file(portal: Portal, file: ChatFile, message: ChatMessage) -> dict[str, Any]:
    size = chat_files.image_size(file.content)
    return {
        "id": file.id,
        "chatId": message.chat_id,
        "date": atom(message.at),
        "type": "image" if file.is_image else "file",
        "name": file.name,
        "size": len(file.content),
        "image": {"width": size[0], "height": size[1]} if size else False,
        "status": "done",
        "progress": 100,
        "authorId": message.author_id,
        "urlShow": portal.base_url + chat_files.download_path(file),
        "urlDownload": portal.base_url + chat_files.download_path(file),
    }
