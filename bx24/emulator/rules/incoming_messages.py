"""What `imconnector.send.messages` does with one message. Source: imconnector/lib/connectors/base.php.

No duplicate is looked for, and the message's own date is not kept: the chat shows when it arrived.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.formats.texts import text_of
from bx24.emulator.rules import chat_files, chat_messages, chat_sessions
from bx24.emulator.state.chats import Chat, ChatFile, ClientUser, Kind, Status
from bx24.emulator.state.files import FILES
from bx24.emulator.state.portal import Portal

REQUIRED = "IMCONNECTOR_NOT_ALL_THE_REQUIRED_DATA"
NO_USER = "CONNECTOR_PROXY_NO_USER_IM"
NOT_ADDED = "IMCONNECTOR_MESSAGE_NOT_ADDED"
WAITS_S = (0.0, 1.0, 2.0, 3.0)
"""How long a call waits before each look whether another one still works in the same dialog."""
_DISK = re.compile(r"\[DISK=(\d+)\]", re.IGNORECASE)


class Refused(Exception):
    """One message of a call is not added. code: what stands in its ERRORS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def receive(portal: Portal, connector: str, line: int, given: dict[str, Any], *, user_id: int) -> dict[str, Any]:
    """Add one message; its entry in the answer. given: an element of MESSAGES. user_id: of the token."""
    entry = {key: given[key] for key in ("user", "message", "chat")} | {"extra": {}}
    try:
        with _dialog(portal, (connector, line, _text(given["chat"], "id"))):
            return entry | _received(portal, connector, line, given, user_id) | {"SUCCESS": True, "ERRORS": []}
    except Refused as refused:
        return entry | {"SUCCESS": False, "ERRORS": [refused.code]}


@contextmanager
def _dialog(portal: Portal, key: tuple[str, int, str]) -> Iterator[None]:
    """Only one call at a time works in a dialog. Raises Refused, if the wait was in vain."""
    for wait_s in WAITS_S:
        portal.cloud.pause(wait_s)
        if key not in portal.chats.busy:
            break
    else:
        raise Refused(NOT_ADDED)
    portal.chats.busy.add(key)
    try:
        portal.cloud.pause(portal.faults.dialog_s)
        yield
    finally:
        portal.chats.busy.discard(key)


def _received(portal: Portal, connector: str, line: int, given: dict[str, Any], user_id: int) -> dict[str, Any]:
    message = given["message"] if isinstance(given["message"], dict) else {}
    client = _client(portal, connector, given["user"])
    chat_id = _text(given["chat"], "id")
    if not chat_id:
        raise Refused(REQUIRED)
    files = [file for item in php.values(message.get("files")) if (file := chat_files.fetch(portal, item))]
    text = _full_text(portal, message)
    if not text and not files:
        raise Refused(REQUIRED)
    if not portal.open_lines.works(connector, line):
        # Somebody switched it off while the files were being downloaded.
        raise Refused(NOT_ADDED)
    chat = _chat(portal, connector, line, client, given["chat"])
    answer = {
        "user": str(client.id),
        "message": _message_shown(message, text, files),
        "chat": _chat_shown(portal, given["chat"]),
        "extra": _extra(given),
    }
    if chat_sessions.take_vote(portal, chat, text, user_id=user_id):
        return answer
    _add(portal, chat, message, text, files, user_id)
    return answer | {"session": {"ID": str(chat.session.id), "CHAT_ID": str(chat.id)}}


def _text(data: Any, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    return "" if value is None or php.is_array(value) else str(value)


def _client(portal: Portal, connector: str, given: Any) -> ClientUser:
    """The client as a user of the portal, rewritten whenever the `user` block changed."""
    if php.is_empty(given):
        raise Refused(REQUIRED)
    external_id = _text(given, "id")
    if not external_id:
        raise Refused(NO_USER)
    client = portal.chats.add_client(connector, external_id)
    block = {key: value for key, value in given.items() if key != "skip_phone_validate"}
    fingerprint = hashlib.sha256(json.dumps(block, sort_keys=True).encode()).hexdigest()
    if client.fingerprint == fingerprint:
        return client
    client.fingerprint = fingerprint
    client.name, client.last_name = _names(portal, given)
    client.phone, client.email = _text(given, "phone") or client.phone, _text(given, "email") or client.email
    if chat_files.fetch(portal, given.get("picture")):
        client.picture_downloads += 1
    return client


def _names(portal: Portal, given: dict[str, Any]) -> tuple[str, str]:
    name, last_name = _text(given, "name").strip(), _text(given, "last_name").strip()
    words = name.split(" ")
    if not last_name and len(words) == 2:
        return words[0], words[1]
    if not name and not last_name:
        return _text(given, "title") or text_of("chat_guest", portal.lang), ""
    return name, last_name


def _full_text(portal: Portal, message: dict[str, Any]) -> str:
    text = _text(message, "text")
    return text_of("chat_big_file", portal.lang) + text if message.get("failed_big_file") else text


def _chat(portal: Portal, connector: str, line: int, client: ClientUser, given: dict[str, Any]) -> Chat:
    """The client's chat; a new one, if there is none."""
    external_id = _text(given, "id")
    group = portal.open_lines.connectors[connector].has("CHAT_GROUP")
    found = portal.chats.find(connector, line, external_id, None if group else client)
    if found:
        return found
    title = f"{_text(given, 'name') if group else client.full_name} - {portal.open_lines.lines[line].name}"
    chat = Chat(portal.new_id(), connector, line, external_id, client.id, title, portal.clock())
    chat.description = _chat_shown(portal, given).get("description", "")
    portal.chats.add(chat)
    return chat


def _add(portal: Portal, chat: Chat, message: dict[str, Any], text: str, files: list[ChatFile], user_id: int) -> None:
    """The portal takes every such message for the client's, whoever is shown as its author."""
    if not (chat.sessions and chat.session.is_open):
        chat_sessions.open_session(portal, chat, user_id=user_id)
    author = php.to_int(message["user_id"]) if message.get("user_id") is not None else None
    if author and portal.user(author):
        # An employee's message: it leaves through the connector again, back to the app that sent it.
        added = chat_messages.write(portal, chat, author, text, files)
    else:
        kind = Kind.CLIENT if author is None else Kind.SYSTEM
        added = chat_sessions.put(
            portal, chat, kind, text, author_id=chat.client_id if author is None else 0, files=files
        )
        _client_wrote(chat)
    added.files += [_attached(portal, number) for number in _DISK.findall(text) if int(number) in FILES]
    if _text(message, "id"):
        added.connector_ids.append(_text(message, "id"))
    if chat.session.in_crm:
        chat.session.triggers.append("OPENLINE_MSG")


def _client_wrote(chat: Chat) -> None:
    """The session comes back from waiting, and counts as answered by the client."""
    session = chat.session
    session.waits_for_vote = False
    if session.status >= Status.OPERATOR or session.status == Status.CLIENT_AFTER_OPERATOR:
        session.status = Status.CLIENT_AFTER_OPERATOR
    elif session.status >= Status.ANSWERED:
        session.status = Status.CLIENT


def _attached(portal: Portal, number: str) -> ChatFile:
    """A code [DISK=n] in a client's text attaches file n of the portal."""
    stored = FILES[int(number)]
    return chat_files.keep(portal, stored.name, stored.content_type, stored.content)


def _message_shown(message: dict[str, Any], text: str, files: list[ChatFile]) -> dict[str, Any]:
    shown = {key: value for key, value in message.items() if key not in ("files", "disable_crm")}
    if text:
        shown["text"] = text
    if "date" in message:
        shown["date"] = php.EMPTY_OBJECT
    return shown | ({"files": [file.id for file in files]} if "files" in message else {})


def _chat_shown(portal: Portal, given: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in given.items() if key != "url"}
    if given.get("url"):
        shown["description"] = text_of("chat_original", portal.lang, link=given["url"])
    return shown


def _extra(given: dict[str, Any]) -> dict[str, Any]:
    extra = {}
    if isinstance(given["user"], dict) and given["user"].get("skip_phone_validate") == "Y":
        extra["skip_phone_validate"] = "Y"
    if given["message"].get("disable_crm") == "Y":
        extra["disable_tracker"] = "Y"
    return extra
