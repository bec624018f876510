"""The lines and templates the page offers, in the viewer's language."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from activities.errors import Refused
from activities.send_template import unsupported
from activities.template_headers import is_wanted
from bx24.i18n import Text
from gupshup.templates import TemplateButton, TemplateInfo
from messaging.lines import circuit_breaker, selection
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from messaging.templates.catalogue import Templates
from web.template_words import CATEGORIES, STATUSES

#: Status of a template → what is said of a robot's template that has it.
TROUBLES: dict[str, LazyString] = {
    "PENDING": _l("WhatsApp is still reviewing the template {name}."),
    "IN_APPEAL": _l("WhatsApp is still reviewing the template {name}."),
    "REJECTED": _l("WhatsApp rejected the template {name}."),
    "FAILED": _l("The template {name} was not submitted to Meta."),
    "PAUSED": _l("WhatsApp paused the template {name}."),
    "DISABLED": _l("WhatsApp disabled the template {name}."),
    "DEACTIVATED": _l("WhatsApp disabled the template {name}."),
    "DELETED": _l("The template {name} was deleted at Gupshup."),
    "DRAFT": _l("The template {name} is a draft: it was not submitted for review."),
}


def of_lines(portal: Portal, lang: str) -> list[dict[str, Any]]:
    """Lines as {id, name, phone, default, connected, why}. why: the reason why a line is stopped, else ""."""
    return [
        {
            "id": str(line.id),
            "name": line.name,
            "phone": line.phone,
            "names": [line.name, line.app_name],
            "default": line.id == portal.default_line_id,
            "connected": line.status == "connected",
            "why": circuit_breaker.refusal_of(line).text.to(lang) if line.stopped_at is not None else "",
        }
        for line in portal.lines
    ]


def of_templates(runtime: Runtime, portal: Portal, wanted: str, anew: bool, lang: str) -> dict[str, Any]:
    """Templates as {line, templates, problem}. wanted: id, phone or name of a line; "" means the default line.

    problem: why there are none, or only old ones, "" otherwise. line: {id, name, listed} or None; listed: whether Gupshup
    can be asked for its templates at all.
    """
    try:
        line, _conversation = selection.choose(portal, "" if "{=" in wanted else wanted, (), ())
    except Refused as refusal:
        return {"line": None, "templates": [], "problem": refusal.text.to(lang)}
    infos, error = Templates(runtime, line).listed(anew)
    return {
        "line": {"id": str(line.id), "name": line.name, "listed": bool(line.app_id)},
        "templates": [_template(info, lang) for info in infos],
        "problem": _problem(line, Text(error.refusal.en, error.refusal.ru).to(lang) if error else ""),
    }


def _problem(line: Line, error: str) -> str:
    if line.app_id:
        return error
    return str(_("This line has no app id, so its templates cannot be listed. Write the template's id by hand."))


def _template(info: TemplateInfo, lang: str) -> dict[str, Any]:
    """variables: those of the header first, as the property `params` counts them; of a button: its place in button_params."""
    why, places = unsupported(info), count(1)
    return {
        "id": info.id,
        "name": info.name,
        "language": info.language,
        "status": info.status,
        "status_text": _status(info.status),
        "category": info.category,
        "category_text": _category(info.category),
        "usable": info.sendable and why is None,
        "why": why.to(lang) if why else "" if info.sendable else info.reason or _status(info.status),
        "trouble": "" if info.sendable and why is None else why.to(lang) if why else _trouble(info),
        "kind": info.kind.lower(),
        "media": info.is_media,
        "wants_header": is_wanted(info),
        "header": info.header,
        "body": info.body,
        "footer": info.footer,
        "variables": _variables(info),
        "buttons": [_button(button, places) for button in info.buttons],
        "cards": [
            {"text": card.body, "buttons": [_button(button, places) for button in card.buttons]} for card in info.cards
        ],
    }


def _trouble(info: TemplateInfo) -> str:
    """About a template that cannot be sent: what happened to it, the reason if one is known, and what follows."""
    what = str(TROUBLES[info.status]) if info.status in TROUBLES else "{name}: {status}."
    happened = what.format(name=info.name, status=info.status)
    return " ".join(filter(None, (happened, info.reason, str(_("The robot will fail until you choose another one.")))))


def _variables(info: TemplateInfo) -> list[dict[str, Any]]:
    known = zip(info.text_vars, info.text_samples, strict=True)
    return [{"n": n, "part": part, "name": name, "sample": sample} for n, ((part, name), sample) in enumerate(known, 1)]


def _button(button: TemplateButton, places: Iterator[int]) -> dict[str, Any]:
    """n: its place in button_params, 0 if it wants no value."""
    place = next(places) if button.has_variable else 0
    return {"type": button.type, "text": button.text, "value": button.value, "n": place}


def _status(status: str) -> str:
    """The status in words; a status we do not know, as Gupshup sent it."""
    return str(STATUSES[status][0]) if status in STATUSES else status


def _category(category: str) -> str:
    return str(CATEGORIES.get(category, category))
