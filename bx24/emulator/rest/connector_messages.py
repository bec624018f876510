"""Messages of clients, brought by a connector, and its confirmations. Source: imconnector/lib/rest/customconnectors.php."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.rest.connectors import SCOPE, check_provider, connector_and_line, needed
from bx24.emulator.rules import chat_messages, incoming_messages
from bx24.emulator.state.chats import Chat, ChatMessage


def _given(call: Call) -> tuple[str, int, list[Any]]:
    """Connector, line and messages, these with lower-case keys at every depth. Raises RestError."""
    params = call.upper()
    needed(params, "CONNECTOR", "LINE", "MESSAGES")
    messages = php.deep_keys(params["MESSAGES"], str.lower)
    if not php.is_array(messages):
        raise RestError(
            "ERROR_ARGUMENT", "The value of an argument 'MESSAGES' must be of type array", 400, argument="MESSAGES"
        )
    connector, line = connector_and_line(params)
    return connector, line, php.values(messages)


def _check_structure(messages: list[Any]) -> None:
    for message in messages:
        if not php.is_array(message):
            raise RestError("ERROR_ARGUMENT", "The MESSAGES parameter must be an array of messages (arrays)")
        if any(not isinstance(message, dict) or message.get(key) is None for key in ("user", "message", "chat")):
            raise RestError("ERROR_ARGUMENT", "The incorrect structure of a message inside MESSAGES parameter.")


@rest("imconnector.send.messages", SCOPE)
def send(call: Call) -> dict[str, Any]:
    """SUCCESS at the top is true even when single messages failed; each has an answer of its own."""
    connector, line, messages = _given(call)
    _check_structure(messages)
    check_provider(call.portal, connector, line)
    done = [
        incoming_messages.receive(call.portal, connector, line, message, user_id=call.user.id) for message in messages
    ]
    return {"SUCCESS": True, "DATA": {"RESULT": done}}


@rest("imconnector.update.messages", SCOPE)
def update(call: Call) -> dict[str, Any]:
    """Only the text changes."""

    def change(message: ChatMessage, given: dict[str, Any]) -> None:
        text = given["message"].get("text")
        if text:
            message.text, message.edited = str(text), True

    return _each_known(call, change)


@rest("imconnector.delete.messages", SCOPE)
def delete(call: Call) -> dict[str, Any]:
    def remove(message: ChatMessage, _: dict[str, Any]) -> None:
        message.text, message.files, message.deleted = "", [], True

    return _each_known(call, remove)


def _each_known(call: Call, act: Callable[[ChatMessage, dict[str, Any]], None]) -> dict[str, Any]:
    """Act on the messages with these ids in their client's chat; unknown ones are successes too."""
    connector, line, messages = _given(call)
    check_provider(call.portal, connector, line)
    done = []
    for given in messages:
        if not isinstance(given, dict) or any(not isinstance(given.get(key), dict) for key in ("message", "chat")):
            continue
        chat = _chat(call, connector, line, given)
        number = str(given["message"].get("id") or "")
        for message in chat.seen_by(number) if chat and number else ():
            act(message, given)
        done.append({**given, "SUCCESS": True})
    return {"SUCCESS": True, "DATA": {"RESULT": done}}


def _chat(call: Call, connector: str, line: int, given: dict[str, Any]) -> Chat | None:
    user = given.get("user")
    external_id = str(user.get("id") or "") if isinstance(user, dict) else ""
    client = call.portal.chats.client(connector, external_id)
    return call.portal.chats.find(connector, line, str(given["chat"].get("id") or ""), client) if client else None


@rest("imconnector.send.status.delivery", SCOPE)
def delivery(call: Call) -> dict[str, Any]:
    """Looks only at `im[message_id]`. The first confirmation counts, later ones change nothing."""
    connector, line, messages = _given(call)
    check_provider(call.portal, connector, line)
    known = []
    for given in messages:
        im = given.get("im") if isinstance(given, dict) else None
        found = call.portal.chats.message(php.to_int(im.get("message_id"))) if isinstance(im, dict) else None
        if found is None:
            continue
        content = given.get("message")
        ids = content.get("id") if isinstance(content, dict) else None
        chat_messages.confirm(
            call.portal, found[1], [str(item) for item in (php.values(ids) if php.is_array(ids) else [ids]) if item]
        )
        known.append({**given, "SUCCESS": True})
    return {"SUCCESS": True, "DATA": {"RESULT": known} if known else []}


@rest("imconnector.send.status.reading", SCOPE)
def reading(call: Call) -> dict[str, Any]:
    """Accepted, and nothing happens."""
    connector, line, _ = _given(call)
    check_provider(call.portal, connector, line)
    return {"SUCCESS": True, "DATA": []}
