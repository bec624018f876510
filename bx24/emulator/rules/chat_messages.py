"""Messages of operators and of apps in a chat, and what the app confirms. Source: imopenlines/lib/connector.php."""

from __future__ import annotations

from bx24.emulator.rules import chat_sessions, connector_events
from bx24.emulator.state.chats import Chat, ChatFile, ChatMessage, Kind, Status
from bx24.emulator.state.portal import Portal


class NotSent(Exception):
    """The messenger refuses an operator's message: the line or its connector is off, or has an error."""


def write(
    portal: Portal,
    chat: Chat,
    author_id: int,
    text: str,
    files: list[ChatFile] | None = None,
    *,
    user_id: int | None = None,
    template_id: str = "",
    automatic: bool = False,
) -> ChatMessage:
    """An employee writes to the client. user_id: whose tokens the event carries, if not the author's.

    automatic: marked as sent by an automation; the dialog's state stays. Raises NotSent.
    """
    if not portal.open_lines.works(chat.connector, chat.line):
        raise NotSent
    if not chat.session.is_open:
        chat_sessions.open_session(portal, chat, user_id=author_id, operator_id=author_id)
    chat_sessions.join(chat, author_id)
    if not automatic:
        _operator_wrote(portal, chat, author_id)
    message = chat_sessions.put(
        portal, chat, Kind.OPERATOR, text, author_id=author_id, files=files, style=chat_sessions.STYLE_OUT
    )
    message.template_id, message.automatic, message.sending = template_id, automatic, True
    connector_events.message_added(portal, chat, message, user_id=user_id or author_id)
    return message


def _operator_wrote(portal: Portal, chat: Chat, author_id: int) -> None:
    if chat.session.status < Status.ANSWERED:
        chat_sessions.answer(portal, chat, author_id)
    chat.session.operator_id = author_id
    chat.session.status = Status.OPERATOR
    chat.session.waits_for_vote = False


def note(portal: Portal, chat: Chat, author_id: int, text: str, *, template_id: str = "") -> ChatMessage:
    """A hidden message: only operators see it, and the session stays as it is."""
    message = chat_sessions.put(portal, chat, Kind.HIDDEN, text, author_id=author_id)
    message.template_id = template_id
    return message


def system(portal: Portal, chat: Chat, text: str) -> ChatMessage:
    """A system message of an app; operators see it."""
    return chat_sessions.put(portal, chat, Kind.SYSTEM, text)


def with_template(chat: Chat, template_id: str) -> ChatMessage | None:
    """The message that was added with this TEMPLATE_ID."""
    return next((message for message in chat.messages if template_id and message.template_id == template_id), None)


def confirm(portal: Portal, message: ChatMessage, connector_ids: list[str]) -> None:
    """The app says that a message was delivered. Only the first time counts."""
    if message.sending:
        message.sending, message.connector_ids = False, connector_ids
        message.delivered_at = portal.clock()


def edit(portal: Portal, chat: Chat, message: ChatMessage, text: str, *, user_id: int) -> bool:
    """An operator changes a message of the own side; False if the connector does not allow that."""
    connector = connector_events.owned(portal, chat.connector)
    if connector is None or not connector.has("EDIT_INTERNAL_MESSAGES"):
        return False
    message.text, message.edited = text, True
    connector_events.message_updated(portal, chat, message, user_id=user_id)
    return True


def delete(portal: Portal, chat: Chat, message: ChatMessage, *, user_id: int) -> bool:
    """An operator deletes a message; False if the connector does not allow that."""
    connector = connector_events.owned(portal, chat.connector)
    flag = "DEL_EXTERNAL_MESSAGES" if message.kind is Kind.CLIENT else "DEL_INTERNAL_MESSAGES"
    if connector is None or not connector.has(flag):
        return False
    message.text, message.files, message.deleted = "", [], True
    connector_events.message_deleted(portal, chat, message, user_id=user_id)
    return True
