"""The panel beside a chat of Open Channels (placement IM_TEXTAREA): the client's window, and templates to send.

Whoever may open the chat may send: the portal is asked with the token of the person who opens the panel. What it says is
sealed in a pass, which the panel's forms bring back.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from activities.errors import Refused
from bx24 import open_lines
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS
from bx24.errors import Bx24Error, Rejected
from bx24.open_lines import Dialog
from gupshup.errors import GupshupError, InvalidMessage
from gupshup.templates import TemplateInfo
from messaging.policy.rights import Right
from messaging.portals import portals
from messaging.store.models import Portal, shard_of
from messaging.store.open_channels import CONNECTOR
from messaging.templates import by_hand
from messaging.templates.by_hand import Chat, Filled
from messaging.templates.suggestions import suggested
from web import passes
from web.context import clean, runtime
from web.frames import OpenedFrame, Viewer, page, portal_of, refused
from web.pages.messages import shown_phone, without_phones
from web.pages.shell import ALONE, blueprint, reads, show
from web.rights import may, sees_phones

#: Values of a template: more than WhatsApp allows.
MOST_VALUES = 60
_DIALOG = re.compile(r"chat[0-9]{1,18}")


def opened(frame: OpenedFrame) -> Response:
    """The panel, opened by the portal beside a chat."""
    portal = portal_of(frame.viewer)
    if portal is None:
        return refused("not_installed", frame.call.lang, viewer=frame.viewer)
    if not may(frame.viewer, portal, Right.SEND):
        return _nothing(frame.viewer, "no_right")
    given = {str(key).upper(): str(value) for key, value in frame.call.options.items()}
    dialog_id = given.get("DIALOGID", "")
    if not _DIALOG.fullmatch(dialog_id):
        return _nothing(frame.viewer, "foreign")
    person = f"{frame.viewer.member_id} {frame.viewer.user_id}"
    try:
        with portals.client_of(runtime(), portal, frame.call.auth.access_token, person) as client:
            dialog = open_lines.dialog(client, dialog_id)
            names = _names(client, dialog) if dialog.connector == CONNECTOR else {}
    except Rejected:
        return _nothing(frame.viewer, "closed")
    chat = _chat(portal, dialog.connector, dialog.line, dialog.client)
    if chat is None:
        return _nothing(frame.viewer, "foreign" if dialog.connector != CONNECTOR else "off")
    is_whole = sees_phones(frame.viewer, portal)
    if not is_whole:
        # A name may be a phone; masked it would be sent as it stands.
        names = {kind: name for kind, name in names.items() if without_phones(name) == name}
    said = {"chat": dialog.chat_id, "line": dialog.line, "client": dialog.client, "name": names.get("first", "")}
    return show(
        "pages/panel.html",
        frame.viewer,
        shell=ALONE,
        has_banner=False,
        chat=chat,
        shown_phone=shown_phone(chat.phone, is_whole),
        now=runtime().clock(),
        templates=by_hand.offered(runtime(), chat.line),
        values=[value for value in dict.fromkeys(names.values()) if value],
        given_pass=passes.issue("panel", frame.viewer, said),
    )


def _chat(portal: Portal, connector: str, line: int, client: str) -> Chat | None:
    return by_hand.chat_of(runtime(), portal.id, line, client) if connector == CONNECTOR else None


def _nothing(viewer: Viewer, reason: str) -> Response:
    return show("pages/panel_nothing.html", viewer, shell=ALONE, has_banner=False, reason=reason)


def _names(client: Client, dialog: Dialog) -> dict[str, str]:
    """What the chat's CRM items offer for a template: names, titles. Nothing if they are closed to the person."""
    asked = {
        kind: ("crm.item.get", {"entityTypeId": ENTITY_TYPE_IDS[kind.upper()], "id": number})
        for kind, number in dialog.items.items()
        if kind.upper() in ENTITY_TYPE_IDS
    }
    try:
        found = client.batch(asked).results if asked else {}
    except Bx24Error:
        return {}
    items = {kind: _map(_map(answer).get("item")) for kind, answer in found.items()}
    person = items.get("contact") or items.get("lead") or {}
    first, last = str(person.get("name") or "").strip(), str(person.get("lastName") or "").strip()
    titles = {kind: str(item.get("title") or "").strip() for kind, item in items.items() if kind != "contact"}
    numbers = {f"{kind} id": str(dialog.items[kind]) for kind in items if kind == "deal"}
    return {"first": first, "whole": f"{first} {last}".strip(), **titles, **numbers}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _with_chat(view: Callable[..., Response]) -> Callable[..., Response]:
    """For what the panel asks: the view gets the viewer, the chat, and what the pass says."""

    @wraps(view)
    def checked(viewer: Viewer, portal: Portal) -> Response:
        try:
            said = passes.read("panel", viewer, clean(request.values.get("pass", "")))
        except passes.Ended:
            return _nothing(viewer, "ended")
        if not may(viewer, portal, Right.SEND):
            return _nothing(viewer, "no_right")
        chat = _chat(portal, CONNECTOR, int(said["line"]), said["client"])
        return view(viewer, chat, said) if chat is not None else _nothing(viewer, "off")

    return reads(checked)


@blueprint.get("/panel/template", endpoint="panel_template")
@_with_chat
def template(viewer: Viewer, chat: Chat, said: Mapping[str, Any]) -> Response:
    """The form of the chosen template."""
    info = _chosen(chat, request.args.get("template", ""))
    if info is None:
        return page("pages/panel_form.html", viewer, info=None)
    return _form(viewer, chat, info, suggested(info, str(said["name"])))


def _chosen(chat: Chat, template_id: str) -> TemplateInfo | None:
    return next((info for info in by_hand.offered(runtime(), chat.line) if info.id == template_id), None)


def _form(
    viewer: Viewer, chat: Chat, info: TemplateInfo, params: list[str], problem: str = "", **typed: Any
) -> Response:
    return page(
        "pages/panel_form.html",
        viewer,
        info=info,
        params=params,
        button_params=typed.get("button_params", [""] * info.button_vars),
        header=typed.get("header", ""),
        body=info.body,
        problem=problem,
        # Sent twice, the form makes one message; corrected after a refusal, it is the same form still.
        nonce=typed.get("nonce") or secrets.token_urlsafe(12),
    )


@blueprint.post("/panel/send", endpoint="panel_send")
@_with_chat
def send(viewer: Viewer, chat: Chat, said: Mapping[str, Any]) -> Response:
    """Put the template into the outbox. What comes of it is told in the chat."""
    filled = Filled(
        template_id=clean(request.form.get("template", "")),
        params=[clean(value) for value in request.form.getlist("param")[:MOST_VALUES]],
        button_params=[clean(value) for value in request.form.getlist("button_param")[:MOST_VALUES]],
        header=clean(request.form.get("header", "")).strip(),
        nonce=clean(request.form.get("nonce", ""))[:40],
    )
    info = _chosen(chat, filled.template_id)
    if info is None or not filled.nonce:
        return page("pages/panel_form.html", viewer, info=None)
    problem = _sent(viewer, chat, int(said["chat"]), filled)
    if problem:
        again = {"button_params": filled.button_params, "header": filled.header, "nonce": filled.nonce}
        return _form(viewer, chat, info, filled.params, problem, **again)
    runtime().pending_wakeups.add([shard_of(chat.portal_id)])
    return page("pages/panel_sent.html", viewer, info=info)


def _sent(viewer: Viewer, chat: Chat, chat_id: int, filled: Filled) -> str:
    """Why it could not be sent, "" if it is on its way."""
    try:
        by_hand.send(runtime(), chat, chat_id, filled, viewer.user_id)
    except Refused as why:
        return why.text.to(viewer.language)
    except InvalidMessage as why:
        return why.ru if viewer.language == "ru" else why.en
    except GupshupError:
        return str(_("Gupshup does not answer. Try again in a minute."))
    except Bx24Error as error:
        return str(_("Bitrix24 answered: %(said)s", said=str(error)))
    return ""
