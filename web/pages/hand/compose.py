"""The fields to write in: a text or a file while the client's window is open, a template at any time."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from activities.base import Shared
from activities.errors import Refused, from_invalid
from bx24.errors import Bx24Error
from gupshup.errors import GupshupError, InvalidMessage
from gupshup.limits import CAPTION_LIMIT, TEXT_LIMIT
from gupshup.templates import TemplateInfo
from messaging.limits import bounds
from messaging.policy.rights import Right
from messaging.store.models import Portal, shard_of
from messaging.templates import by_hand, from_card
from messaging.templates.by_hand import Filled
from messaging.templates.from_card import AlreadySent, Order, Upload, Written
from messaging.templates.suggestions import suggested
from web.context import clean, runtime, typed
from web.frames import Viewer, page
from web.pages.hand import drive
from web.pages.hand.client import Client, nothing, with_client
from web.pages.hand.uploads import uploading
from web.pages.shell import blueprint
from web.rights import may
from web.template_words import CATEGORIES, PRICES

#: Values of a template: more than WhatsApp allows.
MOST_VALUES = 60


def empty(client: Client) -> dict[str, Any]:
    """What the templates of the two forms show before anything is typed."""
    return {
        "templates": by_hand.offered(runtime(), client.to.line),
        "info": None,
        "categories": CATEGORIES,
        "prices": PRICES,
        "text_limit": TEXT_LIMIT,
        "caption_limit": CAPTION_LIMIT,
        "upload_mb": bounds.UPLOAD_BYTES // bounds.MB,
        "upload_bytes": bounds.UPLOAD_BYTES,
        "errors": {},
        "given": {},
        **dict.fromkeys(drive.PLACES),
        "nonce": _nonce(),
    }


def typed_so_far(viewer: Viewer, client: Client) -> dict[str, Any]:
    """What was typed before the page was drawn anew: the text, and the values of a template that this line has, too.

    The forms stay the same forms: one whose answer was lost must not send a second message.
    """
    given = {"text": typed("text").replace("\r\n", "\n"), "link": typed("link").strip(), **_typed_values()}
    nonces = {"nonce": typed("text_nonce")[:40] or _nonce(), "template_nonce": typed("template_nonce")[:40] or _nonce()}
    files = {place: drive.chosen(viewer, place) for place in drive.PLACES}
    return {"given": given, "info": _chosen(client), **nonces, **files}


def _typed_values() -> dict[str, Any]:
    """The fields of a template's form."""
    return {
        "params": [clean(value) for value in request.form.getlist("param")[:MOST_VALUES]],
        "button_params": [clean(value) for value in request.form.getlist("button_param")[:MOST_VALUES]],
        # Of a carousel one for each card.
        "header": "\n".join(clean(value).strip() for value in request.form.getlist("header")[:MOST_VALUES]),
    }


def _nonce() -> str:
    """Of a form: sent twice, it makes one message; corrected after a refusal, it is the same form still."""
    return secrets.token_urlsafe(12)


def sends(view: Callable[..., Response]) -> Callable[..., Response]:
    """For a form that sends, perhaps with a file: the view gets the viewer, the portal and the client.

    Only for those who may send by hand.
    """
    checked = with_client(_entitled(view))

    def received() -> Response:
        request.max_content_length = bounds.UPLOAD_BYTES + bounds.PAGE_BYTES
        size = request.content_length
        if size is not None and size <= bounds.PAGE_BYTES:
            return checked()
        with uploading():
            return checked()

    return received


def _entitled(view: Callable[..., Response]) -> Callable[..., Response]:
    def checked(viewer: Viewer, portal: Portal, client: Client) -> Response:
        return view(viewer, portal, client) if may(viewer, portal, Right.SEND) else nothing(viewer, "no_right")

    return checked


# --- a text or a file


def write(viewer: Viewer, portal: Portal, client: Client) -> Response:
    """Send a text, or a file with the text as its caption."""
    given: dict[str, Any] = {"text": typed("text").replace("\r\n", "\n"), "link": typed("link").strip()}
    given |= {"nonce": typed("nonce")[:40], "drive": drive.chosen(viewer, "drive")}
    file = _file(given["drive"])
    if wrong := _one_file("drive", given["drive"], given["link"]):
        return _writing(viewer, client, given, wrong)
    written = Written(given["text"].strip(), given["link"], file)
    try:
        errors = _tried(viewer, lambda: from_card.send_written(runtime(), client.to, written, _order(viewer, client)))
    except AlreadySent:
        errors, given["nonce"] = _sent_before(), ""
    return _writing(viewer, client, given, errors) if errors else _sent("pages/hand_text.html", viewer, client)


def _writing(viewer: Viewer, client: Client, given: Mapping[str, Any], errors: Mapping[str, str]) -> Response:
    places = {"caption": "text", "media": "file", "url": "link"}
    shown = {places.get(name, name): words for name, words in errors.items()}
    if "file" in shown and (given["link"] or given["drive"]):
        shown["drive" if given["drive"] else "link"] = shown.pop("file")
    shown = {name if name in ("text", "file", "drive", "link") else "": words for name, words in shown.items()}
    values = {**empty(client), "errors": shown, "given": given, "nonce": given["nonce"] or _nonce()}
    return page("pages/hand_text.html", viewer, client=client, **values | {"drive": given["drive"]})


# --- a template


@blueprint.post("/hand/template", endpoint="hand_template")
@with_client
def template(viewer: Viewer, portal: Portal, client: Client) -> Response:
    """The form of the chosen template, its variables filled from the card."""
    info = _chosen(client)
    if info is None:
        return page("pages/hand_template.html", viewer, client=client, **empty(client))
    params = suggested(info, client.card.first_name, client.card.values)
    return _filling(viewer, client, info, {"params": params, "button_params": [], "header": "", "nonce": ""}, {})


def send(viewer: Viewer, portal: Portal, client: Client) -> Response:
    """Send the template."""
    info = _chosen(client)
    if info is None:
        return page("pages/hand_template.html", viewer, client=client, **empty(client), is_gone=True)
    given: dict[str, Any] = {**_typed_values(), "nonce": typed("nonce")[:40]}
    given["drive"] = drive.chosen(viewer, "header_drive")
    file = _file(given["drive"])
    if wrong := _one_file("header_drive", given["drive"], given["header"].strip()):
        return _filling(viewer, client, info, given, wrong)
    header = file.name or "file" if file is not None else given["header"].strip()
    filled = Filled(info.id, given["params"], given["button_params"], header, given["nonce"])
    try:
        errors = _tried(
            viewer, lambda: from_card.send_template(runtime(), client.to, filled, file, _order(viewer, client))
        )
    except AlreadySent:
        errors, given["nonce"] = _sent_before(), ""
    return (
        _filling(viewer, client, info, given, errors)
        if errors
        else _sent("pages/hand_template.html", viewer, client, name=info.name)
    )


def _chosen(client: Client) -> TemplateInfo | None:
    wanted = typed("template")
    return next((info for info in by_hand.offered(runtime(), client.to.line) if info.id == wanted), None)


def _filling(
    viewer: Viewer, client: Client, info: TemplateInfo, given: Mapping[str, Any], errors: Mapping[str, str]
) -> Response:
    shown = {"header" if name in ("file", "media", "url") else name: words for name, words in errors.items()}
    if "header" in shown and given.get("drive"):
        shown["header_drive"] = shown.pop("header")
    known = {f"params-{n}" for n in range(1, MOST_VALUES + 1)} | {f"button_params-{n}" for n in range(1, 11)}
    shown = {name if name in known | {"header", "header_drive"} else "": words for name, words in shown.items()}
    values = {**empty(client), "info": info, "errors": shown, "given": given, "nonce": given["nonce"] or _nonce()}
    return page("pages/hand_template.html", viewer, client=client, **values | {"header_drive": given.get("drive")})


# --- both


def _file(chosen: drive.Chosen | None) -> Upload | Shared | None:
    """The file that the form brought from the computer, else the one that was chosen on Drive."""
    sent = request.files.get("file")
    if sent is not None and sent.filename:
        return Upload(sent.stream, clean(sent.filename))  # type: ignore[arg-type]  # a stream of bytes
    return None if chosen is None else chosen[1]


def _one_file(place: str, chosen: drive.Chosen | None, link: str) -> dict[str, str]:
    """What is wrong if the form names several files, or one of Drive that it keeps no more. place: of the Drive's file."""
    if typed(place) and chosen is None:
        return {place: _("This file was chosen too long ago. Choose it on Drive again.")}
    sent = request.files.get("file")
    if sum((sent is not None and bool(sent.filename), chosen is not None, bool(link))) > 1:
        where = "header" if place == "header_drive" else "link"
        return {where: _("Choose one: a file from the computer, a file on Drive, or a link.")}
    return {}


def _order(viewer: Viewer, client: Client) -> Order:
    return Order(client.card.item, typed("nonce")[:40] or _nonce(), viewer.user_id)


def _tried(viewer: Viewer, send: Callable[[], int]) -> dict[str, str]:
    """Field → why it could not be sent; nothing if it is on its way."""
    try:
        send()
    except InvalidMessage as why:
        return _placed(viewer, from_invalid(why))
    except Refused as why:
        return _placed(viewer, why)
    except GupshupError:
        return {"": _("Gupshup does not answer. Try again in a minute.")}
    except Bx24Error as error:
        return {"": _("Bitrix24 answered: %(said)s", said=str(error))}
    return {}


def _sent_before() -> dict[str, str]:
    """For a form that has sent something else already. It gets another nonce: what it sends next is another message."""
    words = _(
        "An earlier text of this form has been sent already: see the conversation above. "
        "Press “Send to the client” once more if this one is to go, too."
    )
    return {"": words}


def _placed(viewer: Viewer, why: Refused) -> dict[str, str]:
    if why.code == "window_closed":
        return {"text": _("The client's 24-hour window has closed. Send a template, or wait until the client writes.")}
    at = "file" if why.code.startswith("file_") else why.at
    return {f"{at}-{why.position}" if why.position else at: why.text.to(viewer.language)}


def _sent(template: str, viewer: Viewer, client: Client, **more: Any) -> Response:
    """The form anew; the conversation is drawn again at once."""
    runtime().pending_wakeups.add([shard_of(client.to.portal_id)])
    response = page(template, viewer, client=client, **empty(client), is_sent=True, **more)
    response.headers["HX-Trigger"] = "waba24:talk"
    return response


blueprint.add_url_rule("/hand/write", "hand_write", sends(write), methods=["POST"])
blueprint.add_url_rule("/hand/send", "hand_send", sends(send), methods=["POST"])
