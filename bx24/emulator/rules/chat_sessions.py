"""Sessions of a chat: opened by the client or an operator, answered, closed, rated. Source: imopenlines/lib/session.php."""

from __future__ import annotations

from bx24.emulator.formats.texts import text_of
from bx24.emulator.rules import chat_crm, connector_events
from bx24.emulator.state.chats import Chat, ChatFile, ChatMessage, Kind, Session, Status
from bx24.emulator.state.open_lines import OpenLine
from bx24.emulator.state.portal import Portal

VOTES = {"1": (5, "LIKE"), "0": (1, "DISLIKE")}
STYLE_START, STYLE_END = "bx-messenger-content-item-ol-start", "bx-messenger-content-item-ol-end"
STYLE_OUT = "bx-messenger-content-item-ol-output"


class NoOpenSession(Exception):
    """The chat has no dialog that could be closed."""


def line_of(portal: Portal, chat: Chat) -> OpenLine:
    """The line of a chat; its settings are the default ones, if the line was deleted."""
    return portal.open_lines.lines.get(chat.line) or OpenLine(chat.line, "")


def put(
    portal: Portal,
    chat: Chat,
    kind: Kind,
    text: str,
    *,
    author_id: int = 0,
    files: list[ChatFile] | None = None,
    style: str = "",
) -> ChatMessage:
    """Add a message to the latest session. Nobody outside is told."""
    message = ChatMessage(
        portal.new_id(),
        chat.id,
        chat.sessions[-1].id if chat.sessions else 0,
        author_id,
        kind,
        text,
        portal.clock(),
        files or [],
        style=style,
    )
    portal.chats.add_message(chat, message)
    return message


def tell_client(portal: Portal, chat: Chat, text: str, *, user_id: int | None) -> None:
    """A text of the line itself, such as the greeting. It leaves only through connectors that want such texts."""
    message = put(portal, chat, Kind.SYSTEM, text, style=STYLE_OUT)
    connector = connector_events.owned(portal, chat.connector)
    if connector and connector.has("NEED_SYSTEM_MESSAGES") and portal.open_lines.works(chat.connector, chat.line):
        message.sending = True
        connector_events.message_added(portal, chat, message, user_id=user_id)


def open_session(portal: Portal, chat: Chat, *, user_id: int | None, operator_id: int = 0) -> Session:
    """A new session. operator_id: who began it; 0: the client did, so it waits in the queue, and the line greets.

    user_id: whose tokens the events carry.
    """
    line, earlier = line_of(portal, chat), chat.sessions[-1].id if chat.sessions else 0
    owner = operator_id or _next_in_queue(portal, line)
    session = Session(portal.new_id(), chat.id, owner, portal.clock(), parent_id=earlier)
    if operator_id:
        session.status = Status.ANSWERED
    chat.sessions.append(session)
    join(chat, owner)
    put(portal, chat, Kind.SYSTEM, text_of("chat_started", portal.lang, number=session.id), style=STYLE_START)
    connector = portal.open_lines.connectors.get(chat.connector)
    if connector and not connector.has("CHAT_GROUP"):
        chat_crm.bind(portal, chat, session, line)
    connector_events.dialog_started(portal, chat, session, user_id=user_id)
    greets = line.is_on("WELCOME_MESSAGE") and (line.is_on("SEND_WELCOME_EACH_SESSION") or not earlier)
    if greets and not operator_id:
        tell_client(portal, chat, str(line.settings["WELCOME_MESSAGE_TEXT"]), user_id=user_id)
    return session


def _next_in_queue(portal: Portal, line: OpenLine) -> int:
    """The operator of the queue with the fewest open dialogs."""
    working = [operator for operator in line.queue if portal.user(operator)]
    taken = [chat.session.operator_id for chat in portal.chats.by_id.values() if chat.sessions and chat.session.is_open]
    return min(working, key=taken.count, default=0)


def join(chat: Chat, user_id: int) -> None:
    if user_id and user_id not in chat.members:
        chat.members.append(user_id)


def may_open(portal: Portal, chat: Chat, user_id: int) -> bool:
    """Whether a user may see the chat: its members, the line's operators, administrators."""
    user = portal.user(user_id)
    return user is not None and (user.is_admin or user_id in chat.members or user_id in line_of(portal, chat).queue)


def answer(portal: Portal, chat: Chat, user_id: int) -> None:
    """An operator takes the dialog; a closed one begins anew."""
    if not chat.session.is_open:
        open_session(portal, chat, user_id=user_id, operator_id=user_id)
        return
    session = chat.session
    join(chat, user_id)
    if session.status < Status.ANSWERED or session.operator_id != user_id:
        session.operator_id, session.status = user_id, max(session.status, Status.ANSWERED)
        name = portal.users[user_id].full_name
        put(portal, chat, Kind.SYSTEM, text_of("chat_answered", portal.lang, name=name))
        if session.in_crm:
            session.triggers.append("OPENLINE_ANSWER")


def finish(portal: Portal, chat: Chat, user_id: int | None, *, announce: bool) -> None:
    """Close the dialog. With a closing text or a rating it only waits for the client then; a second call closes it.

    user_id None: it closes by itself. announce: say in the chat who closed it. Raises NoOpenSession.
    """
    session, line = chat.session, line_of(portal, chat)
    if not session.is_open:
        raise NoOpenSession
    user = portal.users.get(user_id or 0)
    if announce and user and session.status < Status.WAIT_CLIENT:
        put(portal, chat, Kind.SYSTEM, text_of("chat_closed_by", portal.lang, name=user.full_name))
    if session.status < Status.WAIT_CLIENT and _last_words(portal, chat, line, user_id):
        session.status = Status.WAIT_CLIENT
        return
    close(portal, chat, user_id=user_id)


def _last_words(portal: Portal, chat: Chat, line: OpenLine, user_id: int | None) -> bool:
    """Send the closing text and the request to rate the dialog; False if the line has neither."""
    rule, text = ("CLOSE_RULE", "CLOSE_TEXT") if user_id else ("AUTO_CLOSE_RULE", "AUTO_CLOSE_TEXT")
    says = line.settings.get(rule) == "text" and bool(line.settings.get(text))
    if says:
        tell_client(portal, chat, str(line.settings[text]), user_id=user_id)
    if line.is_on("VOTE_MESSAGE"):
        chat.session.waits_for_vote = True
        tell_client(portal, chat, str(line.settings["VOTE_MESSAGE_2_TEXT"]), user_id=user_id)
    return says or chat.session.waits_for_vote


def close(portal: Portal, chat: Chat, *, user_id: int | None, status: Status = Status.CLOSED) -> None:
    """Close the session for good."""
    session = chat.session
    session.status, session.closed_at, session.waits_for_vote = status, portal.clock(), False
    put(portal, chat, Kind.SYSTEM, text_of("chat_finished", portal.lang), style=STYLE_END)
    connector_events.dialog_finished(portal, chat, session, user_id=user_id)


def take_vote(portal: Portal, chat: Chat, text: str, *, user_id: int) -> bool:
    """Whether a client's text was taken as a rating: "1" or "0" or such a digit before a space, while one is awaited."""
    if not (chat.sessions and chat.session.is_open and chat.session.waits_for_vote):
        return False
    mark = text.strip().partition(" ")[0]
    if mark not in VOTES:
        return False
    session, line = chat.session, line_of(portal, chat)
    session.vote, name = VOTES[mark]
    put(portal, chat, Kind.SYSTEM, text_of(f"chat_vote_{name.lower()}", portal.lang))
    tell_client(portal, chat, str(line.settings[f"VOTE_MESSAGE_2_{name}"]), user_id=user_id)
    close(portal, chat, user_id=user_id)
    return True
