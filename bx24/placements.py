"""Places in the portal's pages that open a page of ours, made equal to what we offer.

Bitrix24 docs: api-reference/widgets/placement/placement-bind, placement-get, placement-unbind. When the app is removed, the
portal removes its placements by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bx24.client import Client, Command
from bx24.errors import Rejected
from bx24.i18n import Text
from bx24.php_values import values
from bx24.registration import Report

#: The portal has not granted what the place needs, so it has no such place.
_NO_PLACE = frozenset({"insufficient_scope", "error_placement_not_found"})


@dataclass(frozen=True)
class Place:
    """One place. code: "CRM_DEAL_DETAIL_TAB"; handler: the address that is opened there."""

    code: str
    handler: str
    title: Text


def sync(client: Client, places: Iterable[Place]) -> Report:
    """Bind what is missing, unbind the same pages of ours on other hosts. May be repeated at any time.

    Wants an administrator's token. Errors of one place are reported; those of a request and of the list raised.
    """
    report = Report()
    wanted = {place.code: place for place in places}
    rows = [row for row in values(client.call("placement.get").result) if isinstance(row, dict)]
    bound = {(str(row.get("placement")).upper(), str(row.get("handler"))) for row in rows}
    missing: dict[str, Command] = {
        code: ("placement.bind", _fields(place)) for code, place in wanted.items() if (code, place.handler) not in bound
    }
    done = client.batch(missing)
    report.added += done.results
    for code, error in done.errors.items():
        if isinstance(error, Rejected) and error.code.lower() not in _NO_PLACE and not _is_there(error):
            report.failed[code] = error
        elif not isinstance(error, Rejected):
            raise error
    stale = [(code, handler) for code, handler in sorted(bound) if code in wanted and _elsewhere(handler, wanted[code])]
    gone: dict[str, Command] = {
        str(number): ("placement.unbind", {"PLACEMENT": code, "HANDLER": handler})
        for number, (code, handler) in enumerate(stale)
    }
    report.deleted += [stale[int(key)][0] for key in client.batch(gone).results]
    return report


def _fields(place: Place) -> dict[str, Any]:
    titles = {lang: {"TITLE": words} for lang, words in place.title.map().items()}
    return {"PLACEMENT": place.code, "HANDLER": place.handler, "TITLE": place.title.en, "LANG_ALL": titles}


def _is_there(error: Rejected) -> bool:
    """Somebody was faster."""
    return "already bind" in error.description.lower()


def _elsewhere(handler: str, place: Place) -> bool:
    """Whether this is our page under another address: an old PUBLIC_URL is nobody's now."""
    return handler != place.handler and urlsplit(handler).path == urlsplit(place.handler).path
