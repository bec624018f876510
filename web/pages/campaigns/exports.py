"""A campaign's recipients as a file, CSV or XLSX: who, how far, why not, when, and the values they brought."""

import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from flask import Response, stream_with_context
from flask_babel import gettext as _

from messaging.campaigns.exports import Cell, Column, csv_pieces, write_xlsx
from messaging.campaigns.mapping import Mapping
from messaging.insight import campaigns
from messaging.insight.campaigns import Entry, Shown
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from web.context import reader_zone, runtime
from web.frames import Viewer
from web.pages.campaigns.report import asked, wording
from web.pages.campaigns.rights import of_campaign
from web.pages.campaigns.veil import Veil
from web.pages.campaigns.words import RECIPIENTS
from web.pages.shell import blueprint

_PAGE = 1_000
_BLOCK = 64 * 1024
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.post("/campaigns/<key>/recipients.csv", endpoint="campaign_csv")
@of_campaign
def as_csv(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The recipients that the list shows; static/download.js fetches this."""
    names, veil = _names(campaign), Veil(viewer, portal)
    rows = _rows(viewer, portal, campaign, names, asked(), reader_zone())
    pieces = csv_pieces(_columns(names, veil), rows, viewer.language)
    return _file(stream_with_context(pieces), "text/csv; charset=utf-8", "campaign.csv")


@blueprint.post("/campaigns/<key>/recipients.xlsx", endpoint="campaign_xlsx")
@of_campaign
def as_xlsx(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The same as a workbook."""
    names = _names(campaign)
    rows = _rows(viewer, portal, campaign, names, asked(), reader_zone())
    folder = tempfile.TemporaryDirectory(dir=runtime().config.data_dir)
    path = Path(folder.name) / "campaign.xlsx"
    try:
        write_xlsx(path, _columns(names, Veil(viewer, portal)), rows, _("Recipients"))
    except BaseException:
        folder.cleanup()
        raise
    answer = _file(_pieces(path), _XLSX, "campaign.xlsx")
    answer.call_on_close(folder.cleanup)
    return answer


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _file(pieces: Iterator[bytes], kind: str, name: str) -> Response:
    answer = Response(pieces, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _names(campaign: Campaign) -> list[str]:
    """The values that have columns of their own."""
    wanted = Mapping.read(campaign.mapping).names()
    with runtime().db.read() as session:
        return list(dict.fromkeys([*wanted, *campaigns.value_names(session, campaign.id)]))


def _columns(names: list[str], veil: Veil) -> list[Column]:
    titles = (_("State"), _("Reason"), _("Line"), _("Sent"), _("Delivered"), _("Read"), _("Replied"), _("CRM item"))
    return [Column(_("Phone"), is_phone=veil.is_whole), *map(Column, titles), *map(Column, names)]


def _rows(
    viewer: Viewer, portal: Portal, campaign: Campaign, names: list[str], shown: Shown, zone: timezone
) -> Iterator[list[Cell]]:
    with runtime().db.read() as session:
        lines = {line.id: line.name or line.app_name for line in session.query(Line).filter_by(portal_id=portal.id)}
    reason_of, veil = wording(viewer)["reason_of"], Veil(viewer, portal)
    after = 0
    while True:
        with runtime().db.read() as session:
            found = campaigns.recipients(session, campaign.id, shown, after, _PAGE)
        for entry in found:
            yield _row(entry, lines, names, reason_of(entry.state, entry.reason), zone, veil)
        if len(found) < _PAGE:
            return
        after = campaigns.place(found[-1], shown)


def _row(entry: Entry, lines: dict[int, str], names: list[str], reason: str, zone: timezone, veil: Veil) -> list[Cell]:
    recipient, message = entry.recipient, entry.message
    times = (message.accepted_at, message.delivered_at, message.read_at) if message is not None else (None,) * 3
    values = recipient.values or {}
    return [
        veil.cell(recipient),
        str(RECIPIENTS[entry.state][0]),
        reason,
        lines.get(recipient.line_id or 0, ""),
        *(_local(at, zone) for at in (*times, recipient.replied_at)),
        recipient.item,
        *(veil.text(str(values.get(name, ""))) for name in names),
    ]


def _local(at: datetime | None, zone: timezone) -> datetime | None:
    return at.astimezone(zone) if at is not None else None
