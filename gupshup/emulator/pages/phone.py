"""The routes of the pages: the chats, and a client's phone. They work without script, which only refreshes them."""

from __future__ import annotations

import base64
import heapq
import itertools

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from gupshup.emulator.context import current
from gupshup.emulator.pages.bubbles import bubble, phone_number, summary
from gupshup.emulator.pages.texts import Texts, choose
from gupshup.emulator.rules.replies import BadReply
from gupshup.emulator.state.codes import REASONS
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App, Chat, Message, Webhook

blueprint = Blueprint(
    "phone", __name__, template_folder="templates", static_folder="static", static_url_path="/emulator/static"
)
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_ROWS_IN_LOG = 8
_CHATS_SHOWN = 100
_REFUSALS = (1002, 1012, 131026, 131047, 131049, 131050, 131056, 470)


#: What the form "What else" can send, as the control API describes it; each may quote a message.
_MORE: dict[str, JsonObject] = {
    "quote": {"type": "text"},
    "voice": {"type": "audio", "content_base64": base64.b64encode(b"OggS").decode()},
    "sticker": {"type": "sticker", "content_base64": base64.b64encode(b"RIFF\x04\x00\x00\x00WEBP").decode()},
    "contact": {"type": "contact", "contact_phone": "79161234567"},
    "location": {"type": "location", "latitude": "54.9885", "longitude": "73.3686"},
    "reaction": {"type": "reaction", "emoji": "👍"},
    "no_reaction": {"type": "reaction", "emoji": ""},
}


def _texts() -> Texts:
    return choose(request.args.get("lang"), request.headers.get("Accept-Language"))


def _render(name: str, **values: object) -> str:
    texts = _texts()
    return render_template(
        name,
        texts=texts,
        lang=texts.lang,
        query_lang=request.args.get("lang"),
        bubble=lambda e: bubble(e, texts),
        summary=lambda e: summary(e, texts),
        number=phone_number,
        **values,
    )


@blueprint.after_request
def _page_headers(response: Response) -> Response:
    """Scripts and styles come from files of the emulator only."""
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/")
def chats() -> ResponseReturnValue:
    """All chats, the latest first."""
    emulator = current()
    with emulator.changed:
        found = heapq.nlargest(_CHATS_SHOWN, emulator.chats(), key=_freshness)
    return _render("chats.html", chats=[(c, _last(c)) for c in found], apps=list(emulator.accounts.apps.values()))


def _last(chat: Chat) -> object:
    return chat.entries[-1] if chat.entries else None


def _freshness(chat: Chat) -> float:
    latest = [entry.at for entry in (*chat.entries[-1:], *chat.sent[-1:])]
    return max(latest).timestamp() if latest else 0.0


def _chosen(number: str) -> App:
    apps = current().accounts.apps
    wanted = request.values.get("app")
    if wanted in apps:
        return apps[wanted]
    chats = sorted(current().chats(number), key=_freshness)
    if chats:
        return chats[-1].app
    if not apps:
        raise NotFound
    return next(iter(apps.values()))


@blueprint.errorhandler(NotFound)
def _missing(error: NotFound) -> ResponseReturnValue:
    return _render("missing.html"), 404


@blueprint.get("/phone")
def open_phone() -> ResponseReturnValue:
    """From the form on the first page to a phone's own address."""
    digits = "".join(c for c in request.args.get("number", "") if c.isdigit())
    lang = request.args.get("lang")
    if not digits:
        return redirect(url_for("phone.chats", lang=lang))
    return redirect(url_for("phone.show", number=digits, lang=lang, app=request.args.get("app")))


@blueprint.get("/phone/<int:number>")
def show(number: int) -> ResponseReturnValue:
    """The phone. Opening it reads what has arrived."""
    return _page(str(number), "phone.html")


@blueprint.get("/phone/<int:number>/screen")
def screen(number: int) -> ResponseReturnValue:
    """The changing parts of the page, for the refresh."""
    return _page(str(number), "_parts.html")


def _page(number: str, template: str) -> str:
    emulator = current()
    app = _chosen(number)
    chat = emulator.chat(app, number)
    emulator.look(chat)
    fault = emulator.faults.destination(app.name, number)
    with emulator.changed:
        return _render(
            template,
            chat=chat,
            app=app,
            phone=chat.phone,
            entries=list(chat.entries),
            sent=_newest(chat),
            webhooks=_webhooks(app, number),
            others=[c.app for c in emulator.chats(number) if c.app is not app],
            window=chat.window_until() if chat.is_open(emulator.clock()) else None,
            refusals=_REFUSALS,
            more=list(_MORE),
            reasons=REASONS,
            refused=fault.get("code") if fault else None,
        )


def _newest(chat: Chat) -> list[Message]:
    return list(reversed(chat.sent[-_ROWS_IN_LOG:]))


def _webhooks(app: App, number: str) -> list[Webhook]:
    # Not the whole log: after a benchmark it has 100,000 rows.
    recent = itertools.islice(reversed(current().timetable.log), 2_000)
    mine = (w for w in recent if w.app is app and _is_about(w, number))
    return list(itertools.islice(mine, _ROWS_IN_LOG))


def _is_about(webhook: Webhook, number: str) -> bool:
    payload = webhook.body.get("payload")
    return isinstance(payload, dict) and number in (payload.get("destination"), payload.get("source"))


def _back(number: int, app: App) -> ResponseReturnValue:
    if request.headers.get("X-Requested-With") == "fetch":
        return "", 204
    return redirect(url_for("phone.show", number=number, app=app.name, lang=request.args.get("lang")), 303)


def _say(number: int, spec: JsonObject) -> ResponseReturnValue:
    app = _chosen(str(number))
    try:
        current().reply(app, str(number), spec)
    except BadReply as error:
        return Response(str(error), 400, mimetype="text/plain")
    return _back(number, app)


@blueprint.post("/phone/<int:number>/say")
def say(number: int) -> ResponseReturnValue:
    """A text of the client."""
    text = request.form.get("text", "").strip()
    return _say(number, {"type": "text", "text": text}) if text else _back(number, _chosen(str(number)))


@blueprint.post("/phone/<int:number>/press")
def press(number: int) -> ResponseReturnValue:
    """A button or a list row."""
    kind = "list" if request.form.get("kind") == "list" else "button"
    index = request.form.get("index", type=int)
    return _say(number, {"type": kind, "context_gs_id": request.form.get("gs_id", ""), "index": index})


@blueprint.post("/phone/<int:number>/attach")
def attach(number: int) -> ResponseReturnValue:
    """A file of the client; its kind by its MIME type."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return _back(number, _chosen(str(number)))
    family = upload.mimetype.split("/")[0]
    return _say(
        number,
        {
            "type": family if family in ("image", "video", "audio") else "file",
            "content_type": upload.mimetype,
            "file_name": upload.filename,
            "content_base64": base64.b64encode(upload.read()).decode(),
        },
    )


@blueprint.post("/phone/<int:number>/location")
def location(number: int) -> ResponseReturnValue:
    """The client sends the requested location."""
    return _say(
        number,
        {
            "type": "location",
            "latitude": "54.9885",
            "longitude": "73.3686",
            "context_gs_id": request.form.get("gs_id", ""),
        },
    )


@blueprint.post("/phone/<int:number>/more")
def more(number: int) -> ResponseReturnValue:
    """What the composer has no button for: a quote, a voice message, a sticker, a contact, a reaction."""
    spec = dict(_MORE.get(request.form.get("kind", ""), _MORE["quote"]))
    if spec["type"] == "text":
        spec["text"] = request.form.get("text", "").strip() or "👌"
    if spec["type"] == "contact":
        spec["contact_name"] = _texts()["contact_name"]
    if request.form.get("gs_id"):
        spec["context_gs_id"] = request.form["gs_id"]
    return _say(number, spec)


@blueprint.post("/phone/<int:number>/settings")
def settings(number: int) -> ResponseReturnValue:
    """Set whether the phone is online, sends read receipts, and with which code its next messages fail."""
    emulator, app = current(), _chosen(str(number))
    emulator.phone(str(number)).receipts = "receipts" in request.form
    emulator.go_online(str(number), "online" in request.form)
    code = request.form.get("refuse", type=int)
    emulator.change_faults(app.name, {"destinations": {str(number): {"code": code} if code else None}})
    return _back(number, app)


@blueprint.post("/phone/<int:number>/window")
def window(number: int) -> ResponseReturnValue:
    """24 hours pass for this chat."""
    app = _chosen(str(number))
    current().close_window(app, str(number))
    return _back(number, app)


@blueprint.get("/wa/media/<key>/<name>")
def media(key: str, name: str) -> ResponseReturnValue:
    """A file that the client sent; its address is in the webhook."""
    if key not in current().media:
        raise NotFound
    content_type, _, content = current().media[key]
    answer = Response(content, content_type=content_type)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
