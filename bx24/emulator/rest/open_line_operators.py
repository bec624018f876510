"""`imopenlines.operator.*`: taking and closing dialogs. Source: imopenlines/lib/operator.php, chat.php."""

from __future__ import annotations

from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.rest.connectors import SCOPE
from bx24.emulator.rest.open_line_chats import operators_chat
from bx24.emulator.rules import chat_sessions
from bx24.emulator.state.chats import Chat, Status


def _as_operator(call: Call) -> Chat:
    """The chat, if the user is the operator of its session. Raises RestError."""
    chat = operators_chat(call)
    if chat.session.is_open and chat.session.operator_id != call.user.id:
        raise RestError("ERROR_USER_NOT_OPERATOR", "The user is not the operator of this dialog")
    return chat


def _finish(call: Call, chat: Chat, *, announce: bool) -> bool:
    try:
        chat_sessions.finish(call.portal, chat, call.user.id, announce=announce)
    except chat_sessions.NoOpenSession:
        raise RestError("NOT_LOAD_SESSION_OR_CHAT", "Failed to load the session or the chat") from None
    return True


@rest("imopenlines.operator.answer", SCOPE)
def answer(call: Call) -> bool:
    chat_sessions.answer(call.portal, operators_chat(call), call.user.id)
    return True


@rest("imopenlines.operator.finish", SCOPE)
def finish(call: Call) -> bool:
    return _finish(call, _as_operator(call), announce=False)


@rest("imopenlines.operator.another.finish", SCOPE)
def another_finish(call: Call) -> bool:
    """Closes another operator's dialog, and says so in the chat."""
    return _finish(call, operators_chat(call), announce=True)


@rest("imopenlines.operator.spam", SCOPE)
def spam(call: Call) -> bool:
    chat = _as_operator(call)
    if chat.session.is_open:
        chat_sessions.close(call.portal, chat, user_id=call.user.id, status=Status.SPAM)
    return True


@rest("imopenlines.operator.skip", SCOPE)
def skip(call: Call) -> bool:
    chat = _as_operator(call)
    if chat.session.is_open:
        chat.session.status = Status.SKIPPED
    return True
