"""A file as the audience: it is uploaded, its columns are chosen, and its bad rows can be downloaded."""

from collections.abc import Iterator
from typing import BinaryIO, cast

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from activities.errors import Refused
from messaging.campaigns import changes, uploads
from messaging.campaigns.audience import Kind
from messaging.campaigns.uploads import LARGEST, TooLarge
from messaging.insight import campaigns
from messaging.limits.bounds import MB
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from messaging.system.file_store import StoreAway
from web.context import clean, place_for, runtime, typed
from web.frames import Viewer
from web.pages.campaigns import audience, sheet
from web.pages.campaigns.rights import found, of_campaign
from web.pages.campaigns.veil import Veil
from web.pages.shell import blueprint
from web.sheets import Sheet, csv_response
from web.turns import takes_turn

#: What the form around a file takes, bytes; characters of a file's name; rows of a page of the download.
_FORM, _LONGEST_NAME, _PAGE = 64 * 1024, 200, 1_000


@blueprint.post("/campaigns/<key>/file", endpoint="upload_campaign_file")
@of_campaign
def upload(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Keep the file, look at its beginning, and let the worker read it."""
    request.max_content_length = LARGEST + _FORM
    try:
        with place_for(request.content_length):
            sent = request.files.get("file")
            if sent is None or not sent.filename:
                return _refused(viewer, portal, campaign, _("Choose a file."))
            name = clean(sent.filename)[:_LONGEST_NAME]
            key = uploads.save(runtime(), portal.id, cast(BinaryIO, sent.stream), name)
    except (TooLarge, RequestEntityTooLarge):
        words = _(
            "The file is larger than %(size)s MB. Leave only the columns you need, or split it.", size=LARGEST // MB
        )
        return _refused(viewer, portal, campaign, words)
    except Refused as why:
        return _refused(viewer, portal, campaign, why.text.to(viewer.language))
    except (OSError, StoreAway):
        return _refused(viewer, portal, campaign, _("The file could not be kept. Try again in a minute."))
    return _looked(viewer, portal, campaign, key, name)


def _looked(viewer: Viewer, portal: Portal, campaign: Campaign, key: str, name: str, wanted: str = "") -> Response:
    """Take the file as the audience if it can be read. wanted: the sheet."""
    try:
        looked = sheet.look(portal, key, name, portal.language or viewer.language, wanted)
    except (FileNotFoundError, StoreAway):
        return _refused(viewer, portal, campaign, _("The file is not kept any more. Upload it again."))
    if looked.problem is not None or not looked.columns:
        words = looked.problem.to(viewer.language) if looked.problem is not None else _("The file has no rows.")
        return _refused(viewer, portal, campaign, words)
    return _taken(viewer, portal, campaign, looked.audience(key, name))


def _taken(viewer: Viewer, portal: Portal, campaign: Campaign, chosen: dict[str, object]) -> Response:
    changes.edit(runtime(), portal.id, campaign.key, audience=chosen)
    if chosen["phone"]:
        changes.check(runtime(), portal.id, campaign.key)
    return audience.draw(viewer, portal, found(portal, campaign.key), Kind.FILE)


def _refused(viewer: Viewer, portal: Portal, campaign: Campaign, words: str) -> Response:
    return audience.draw(viewer, portal, found(portal, campaign.key), Kind.FILE, errors={"file": words})


@blueprint.post("/campaigns/<key>/columns", endpoint="choose_campaign_columns")
@of_campaign
def choose(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Another sheet, another column with the phones, or what bare digits mean."""
    chosen = dict(campaign.audience or {})
    if chosen.get("kind") != Kind.FILE:
        return _refused(viewer, portal, campaign, _("Choose a file."))
    wanted = typed("sheet")
    if wanted in chosen.get("sheets", []) and wanted != chosen.get("sheet"):
        return _looked(viewer, portal, campaign, chosen["file"], chosen["name"], wanted)
    if typed("phone") in chosen["columns"]:
        chosen["phone"] = typed("phone")
    chosen["international"] = typed("international") == "1"
    return _taken(viewer, portal, campaign, chosen)


@blueprint.post("/campaigns/<key>/rows.csv", endpoint="campaign_rows_csv")
@of_campaign
@takes_turn
def refused_rows(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The rows that are no recipients; static/download.js fetches this."""
    return csv_response("rows.csv", _csv(viewer, Veil(viewer, portal), campaign.id))


def _csv(viewer: Viewer, veil: Veil, campaign_id: int) -> Iterator[str]:
    written = Sheet(viewer.language)
    yield written.head((_("Row"), _("What stands there"), _("What is wrong")))
    after = 0
    while True:
        with runtime().db.read() as session:
            rows = campaigns.refused_rows(session, campaign_id, after, _PAGE)
        yield written.rows((str(row.line_no), *audience.refused_row(row, veil, viewer.language)) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1].id
