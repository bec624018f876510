"""A test message from a line to a phone that is typed, such as one's own; and how a phone is read while it is typed."""

import secrets

from flask import Response
from flask_babel import gettext as _

from activities import phones
from activities.errors import Refused, from_invalid
from gupshup.errors import GupshupError, InvalidMessage
from messaging.lines import lines
from messaging.portals import portals
from messaging.store.models import Line, Portal, shard_of
from messaging.templates import sample_sends
from messaging.templates.from_card import AlreadySent
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.lines.line import line_view
from web.pages.shell import blueprint, reads

_LONGEST_PHONE = 40


@line_view("/sample", "line_sample")
def sample(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """The card of the line's page; the page asks for it by itself, because Gupshup may have to be asked for templates."""
    return _card(viewer, line)


def _card(viewer: Viewer, line: Line, problem: str = "", sent_to: str = "", nonce: str = "") -> Response:
    return page(
        "pages/lines_sample.html",
        viewer,
        line=line,
        offered=sample_sends.offered(runtime(), line),
        chosen=typed("template"),
        phone_typed=typed("phone"),
        nonce=nonce or secrets.token_urlsafe(12),
        problem=problem,
        sent_to=sent_to,
    )


@line_view("/sample", "send_sample", "POST")
def send(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """Send it. A form that was refused keeps its nonce: corrected, it is the same message still."""
    nonce = typed("nonce")[:40]
    number = phones.digits(typed("phone").strip()[:_LONGEST_PHONE], portals.phone_region(portal))
    if number is None:
        words = _("This is not a phone number. Write it with the country code, for example +7 912 345-67-89")
        return _card(viewer, line, words, nonce=nonce)
    problem = _problem(viewer, line, number, nonce)
    if problem:
        return _card(viewer, line, problem, nonce=nonce)
    runtime().pending_wakeups.add([shard_of(portal.id)])
    return _card(viewer, line, sent_to=number)


def _problem(viewer: Viewer, line: Line, number: str, nonce: str) -> str:
    """Why it could not be queued, "" if it is on its way."""
    info = next((one for one in sample_sends.offered(runtime(), line) if one.id == typed("template")), None)
    if info is None:
        return str(_("This template cannot be sent any more. Choose another one."))
    try:
        sample_sends.send(runtime(), line, info, number, viewer.user_id, nonce, viewer.language)
    except AlreadySent:
        return str(_("This form has sent another message before. Open the page anew to send one more."))
    except InvalidMessage as why:
        return from_invalid(why).text.to(viewer.language)
    except Refused as why:
        return why.text.to(viewer.language)
    except GupshupError:
        return str(_("Gupshup does not answer. Try again in a minute."))
    return ""


@blueprint.post("/phone", endpoint="read_phone")
@reads
def read_phone(viewer: Viewer, portal: Portal) -> Response:
    """How the phone that is being typed will be read; nothing while it cannot be one yet. A POST: addresses end up in logs.

    whole: whether it has to stand there with its country code, as the number of a line.
    """
    text = typed("phone").strip()[:_LONGEST_PHONE]
    number = lines.digits(text) if typed("whole") else phones.digits(text, portals.phone_region(portal)) or ""
    country = phones.country_of(number)
    number = number if country else ""
    return page("pages/lines_phone.html", viewer, number=number, country=country)
