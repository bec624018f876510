"""Files from Bitrix24's Drive: the window in which one is chosen, and the chosen file, made ready at once.

Drive is asked with the token of the person who looks, so nobody sees or sends what is closed to him. A chosen file is fetched
and checked before the message is sent: what WhatsApp would not take is said where it was chosen. The form keeps it in a pass.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from activities.base import Shared
from activities.errors import Refused
from bx24 import drive
from bx24.client import Client
from bx24.drive import Listing
from bx24.errors import Bx24Error, Rejected, Unauthorized
from messaging.files import hand_files
from messaging.files.problems import limit_of, megabytes
from messaging.policy.rights import Right
from messaging.portals import portals
from messaging.store.models import Portal
from web import passes
from web.context import clean, runtime, typed
from web.frames import Viewer, page
from web.pages.hand.uploads import uploading
from web.pages.shell import blueprint, reads
from web.rights import may

PURPOSE = "drive"
#: Folders above the one that is shown.
MOST_ABOVE = 30
_LONGEST = 200
#: What a file is wanted for: the text's form, or the header of a template.
PLACES = ("drive", "header_drive")
_MEDIA = frozenset({"auto", "image", "video", "document"})


@dataclass(frozen=True)
class Folder:
    """A folder that was opened on the way to the one that is shown."""

    id: int
    name: str


class _Trouble(Exception):
    """Why Drive shows nothing; the text is for the person."""


@blueprint.post("/hand/drive", endpoint="hand_drive")
@reads
def listing(viewer: Viewer, portal: Portal) -> Response:
    """The storages, or what is in the folder at the end of `above`; with `start` the following rows alone."""
    above, start, name = _above(), _number("start"), clean(typed("find")).strip()[:_LONGEST]
    shown: dict[str, Any] = {"above": above, "find": name, "place": _place(), "media": _media(), "start": start}
    try:
        with _asking(viewer, portal) as rest:
            found = drive.children(rest, above[-1].id, start, name) if above else drive.storages(rest, start)
    except _Trouble as why:
        return page("pages/hand_drive.html", viewer, trouble=str(why), **shown)
    limit = limit_of(shown["media"])
    values: dict[str, Any] = {"found": _mine_first(viewer, found), "limit": limit, "megabytes": _megabytes(viewer)}
    return page("pages/hand_drive.html", viewer, **values, **shown)


def _megabytes(viewer: Viewer) -> Callable[[int], str]:
    return lambda size: megabytes(size).to(viewer.language)


def _mine_first(viewer: Viewer, found: Listing) -> Listing:
    """The common storage, the person's own, those of groups, and then those of other people."""

    def rank(entry: drive.Entry) -> int:
        if entry.kind == "user":
            return 1 if entry.owner == str(viewer.user_id) else 3
        return {"": 0, "common": 0, "group": 2}.get(entry.kind, 4)

    return Listing(tuple(sorted(found.entries, key=rank)), found.next)


@blueprint.post("/hand/drive/file", endpoint="hand_drive_file")
@reads
def choose(viewer: Viewer, portal: Portal) -> Response:
    """Fetch the chosen file; the form shows it, or why it cannot be sent."""
    place, file_id, name = _place(), _number("file"), clean(typed("name"))[:_LONGEST]
    try:
        with _asking(viewer, portal) as rest:
            source = hand_files.on_drive(rest, portal.client_endpoint, file_id, name)
        with uploading(portal.id):
            shared = hand_files.fetched(runtime(), portal.id, source, _media())
    except _Trouble as why:
        return page("pages/hand_chosen.html", viewer, place=place, trouble=str(why))
    except Refused as why:
        return page("pages/hand_chosen.html", viewer, place=place, trouble=why.text.to(viewer.language))
    return page("pages/hand_chosen.html", viewer, place=place, chosen=(sealed(viewer, shared), shared))


@contextmanager
def _asking(viewer: Viewer, portal: Portal) -> Iterator[Client]:
    """The portal's REST with the person's own token. Raises _Trouble."""
    if not may(viewer, portal, Right.SEND):
        raise _Trouble(
            _("You have no right to do this. An administrator of the portal gives it on the page “Rights” of this app.")
        )
    if not typed("access_token"):
        raise _Trouble(_("Bitrix24 does not say who you are. Open the app again."))
    try:
        with portals.client_of(
            runtime(), portal, typed("access_token"), f"{viewer.member_id} {viewer.user_id}"
        ) as rest:
            yield rest
    except (Rejected, Unauthorized) as error:
        raise _Trouble(_refused(error)) from error
    except (portals.Unverified, Bx24Error) as error:
        raise _Trouble(_("Bitrix24 has not answered. Try again in a minute.")) from error


def _refused(error: Bx24Error) -> str:
    match error.code.lower():
        case "insufficient_scope" | "invalid_scope" | "error_method_not_found":
            return str(
                _(
                    "The app may not open Drive: it lacks the permission “Drive” (disk). An administrator of the portal adds "
                    "it in the app's settings and opens the app once. Until then choose a file on the computer."
                )
            )
        case "access_denied" | "error_not_found":
            return str(_("Bitrix24 does not show you this folder or file, or it has been deleted. Choose another one."))
    return str(_("Bitrix24 answered: %(said)s", said=str(error)))


# --- what the form keeps


def sealed(viewer: Viewer, shared: Shared) -> str:
    """The pass of a file that was made ready."""
    return passes.issue(PURPOSE, viewer, asdict(shared))


Chosen = tuple[str, Shared]
"""The pass of a chosen file, and the file."""


def chosen(viewer: Viewer, place: str) -> Chosen | None:
    """The file that a form brings along; None if it brings none, or one that was chosen too long ago. place: its field."""
    given = typed(place)
    try:
        return (given, Shared(**passes.read(PURPOSE, viewer, given))) if given else None
    except passes.Ended:
        return None


def _place() -> str:
    return typed("place") if typed("place") in PLACES else PLACES[0]


def _media() -> str:
    return typed("media") if typed("media") in _MEDIA else "auto"


def _number(name: str) -> int:
    given = request.form.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 13 else 0


def _above() -> list[Folder]:
    """The folders that were opened, the outermost first; none for the list of storages, and for what cannot be read."""
    try:
        given = json.loads(typed("above") or "[]")
        return [Folder(int(number), str(name)[:_LONGEST]) for number, name in given][:MOST_ABOVE]
    except (ValueError, TypeError, RecursionError):
        return []
