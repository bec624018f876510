"""The operator's chats with clients: the list, one chat, writing, closing, and the panels of apps under the text field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats.bbcode import to_html
from bx24.emulator.pages.app_frame import frame_data
from bx24.emulator.pages.layout import base_values, language, title_of, viewer
from bx24.emulator.rules import chat_files, chat_messages, chat_sessions, frames
from bx24.emulator.state.chats import Chat
from bx24.emulator.state.portal import TIME_ZONE, Portal
from bx24.emulator.state.records import PlacementBinding

PANEL = "IM_TEXTAREA"
_CONTEXTS = ("ALL", "LINES", "CHAT")
_REFUSALS = ("chat_refused", "chat_empty_message")


def register(app: Flask, portal: Portal) -> None:
    @app.get("/chats")
    def chats() -> str:
        with portal.cloud.lock:
            return render_template("chats.html", chat=None, **_values(portal))

    @app.get("/chats/list")
    def chat_list() -> str:
        """The changing part of the list, for the refresh."""
        with portal.cloud.lock:
            return render_template("_chat_list.html", **_values(portal))

    @app.get("/chats/<int:chat_id>")
    def chat(chat_id: int) -> str:
        with portal.cloud.lock:
            return _chat_page(portal, _found(portal, chat_id))

    @app.get("/chats/<int:chat_id>/messages")
    def messages(chat_id: int) -> str:
        """The changing part of a chat, for the refresh."""
        with portal.cloud.lock:
            return render_template("_chat.html", **_chat_values(portal, _found(portal, chat_id)))

    @app.post("/chats/<int:chat_id>/<action>")
    def act_in_chat(chat_id: int, action: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _act(portal, _found(portal, chat_id), action)


def _found(portal: Portal, chat_id: int) -> Chat:
    return portal.chats.by_id.get(chat_id) or abort(404)


def _values(portal: Portal) -> dict[str, Any]:
    latest = sorted(portal.chats.by_id.values(), key=lambda chat: chat.messages[-1].at, reverse=True)
    return {
        **base_values(portal, "chats"),
        "chats": [_entry(portal, chat) for chat in latest],
        "current": request.args.get("current", "") or (request.view_args or {}).get("chat_id", ""),
    }


def _entry(portal: Portal, chat: Chat) -> dict[str, Any]:
    last = chat.messages[-1]
    return {
        "id": chat.id,
        "title": chat.title,
        "status": int(chat.session.status),
        "is_open": chat.session.is_open,
        "time": _clock(last.at),
        "text": to_html(last.text).striptags() or ", ".join(file.name for file in last.files),
    }


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, TIME_ZONE).strftime("%H:%M")


def _chat_values(portal: Portal, chat: Chat) -> dict[str, Any]:
    return {
        **_values(portal),
        "chat": chat,
        "user": viewer(portal),
        "client": portal.chats.clients[chat.client_id],
        "operator": portal.users.get(chat.session.operator_id),
        "line": chat_sessions.line_of(portal, chat),
        "connector": portal.open_lines.connectors.get(chat.connector),
        "crm": {key: number for key, number in chat.crm.items() if number},
        "messages": [
            {
                "data": message,
                "author": _author(portal, message.author_id),
                "html": to_html(message.text),
                "time": _clock(message.at),
                "files": [(file, chat_files.download_path(file)) for file in message.files],
            }
            for message in chat.messages
        ],
        "size_text": chat_files.size_text,
    }


def _author(portal: Portal, number: int) -> str:
    person = portal.users.get(number) or portal.chats.clients.get(number)
    return person.full_name if person else ""


def _chat_page(portal: Portal, chat: Chat) -> str:
    bound = _panels(portal)
    opened = next((row for row in bound if str(row.id) == request.args.get("panel")), None)
    values = _chat_values(portal, chat)
    if opened:
        values |= _panel_frame(portal, chat, opened)
    problem = request.args.get("problem", "")
    return render_template(
        "chats.html",
        panels=[
            {"id": row.id, "title": title_of(portal, row, language(portal)), "is_open": row is opened} for row in bound
        ],
        problem=problem if problem in _REFUSALS else "",
        **values,
    )


def _panels(portal: Portal) -> list[PlacementBinding]:
    """The panels that the viewer sees in a chat of an open line, by the options `context` and `role`."""
    user = portal.users.get(viewer(portal))
    shown = []
    for row in portal.placements:
        contexts = str(row.options.get("context") or "ALL").upper().split(";")
        for_all = str(row.options.get("role") or "USER").upper() != "ADMIN"
        if row.placement == PANEL and {*contexts} & {*_CONTEXTS} and (for_all or (user and user.is_admin)):
            shown.append(row)
    return shown if portal.installation.installed else []


def _panel_frame(portal: Portal, chat: Chat, row: PlacementBinding) -> dict[str, Any]:
    options = {"dialogId": f"chat{chat.id}", "URI": "/online/"}
    frame = frames.new_frame(
        portal, row.handler, user_id=viewer(portal), placement=PANEL, options=options, lang=language(portal)
    )
    return {"frame": frame, "data": frame_data(portal, frame, PANEL, options)}


def _act(portal: Portal, chat: Chat, action: str) -> ResponseReturnValue:
    """Write, answer or close, for the user of the form; then the chat again. A script gets the problem."""
    user_id = int(request.form.get("user") or portal.viewer_id)
    problem = ""
    if action == "answer":
        chat_sessions.answer(portal, chat, user_id)
    elif action == "close":
        if chat.session.is_open:
            chat_sessions.finish(portal, chat, user_id, announce=False)
    elif action == "write":
        problem = _write(portal, chat, user_id)
    else:
        abort(404)
    if request.headers.get("X-Requested-With"):
        return Response(problem, mimetype="text/plain")
    query = {"problem": problem, "panel": request.form.get("panel", "")}
    tail = "&".join(f"{key}={value}" for key, value in query.items() if value.replace("_", "").isalnum())
    return redirect(f"/chats/{chat.id}" + (f"?{tail}" if tail else ""), 303)


def _write(portal: Portal, chat: Chat, user_id: int) -> str:
    """Send what the form holds; the key of the text that says why it was not sent."""
    text = request.form.get("text", "").replace("\r\n", "\n").strip()
    uploads = [upload for upload in request.files.getlist("files") if upload.filename]
    if not text and not uploads:
        return "chat_empty_message"
    files = [chat_files.keep(portal, str(upload.filename), upload.mimetype or "", upload.read()) for upload in uploads]
    try:
        chat_messages.write(portal, chat, user_id, text, files)
    except chat_messages.NotSent:
        return "chat_refused"
    return ""
