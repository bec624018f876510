"""A campaign's recipients as a file, CSV or XLSX: who, how far, why not, when, and the values they brought."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

from flask import Response
from flask_babel import gettext as _

from messaging.campaigns.mapping import Mapping
from messaging.insight import campaigns
from messaging.insight.campaigns import Entry
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from web.context import reader_zone, runtime
from web.frames import Viewer
from web.pages.campaigns.report import MOST_IN_WORKBOOK, asked, cursor, wording
from web.pages.campaigns.rights import of_campaign
from web.pages.campaigns.veil import Veil
from web.pages.campaigns.words import RECIPIENTS
from web.pages.shell import blueprint
from web.sheets import NEXT
from web.table_files import Cell, Column, csv_pieces, write_xlsx
from web.turns import takes_turn

_PAGE = 1_000
#: Rows of one answer, which static/download.js puts together: some two seconds of a thread.
PART = 10_000
_BLOCK = 64 * 1024
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.post("/campaigns/<key>/recipients.csv", endpoint="campaign_csv")
@of_campaign
@takes_turn
def as_csv(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The recipients that the list shows, or those behind `after`; static/download.js fetches one part after the other."""
    names, veil, after = _names(campaign), Veil(viewer, portal), cursor()
    rows = _Rows(viewer, portal, campaign, names, after)
    made = b"".join(csv_pieces(_columns(names, veil), islice(rows, PART), viewer.language, is_first=not after))
    answer = _file([made], "text/csv; charset=utf-8", "campaign.csv")
    if rows.place:
        answer.headers[NEXT] = str(rows.place)
    return answer


@blueprint.post("/campaigns/<key>/recipients.xlsx", endpoint="campaign_xlsx")
@of_campaign
@takes_turn
def as_xlsx(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The same as a workbook. Workbooks cannot be joined, so static/download.js keeps each part as a file of its own."""
    names, veil = _names(campaign), Veil(viewer, portal)
    rows = _Rows(viewer, portal, campaign, names, cursor())
    coming = iter(rows)
    folder = tempfile.TemporaryDirectory(dir=runtime().config.data_dir)
    path = Path(folder.name) / "campaign.xlsx"
    try:
        write_xlsx(path, _columns(names, veil), islice(coming, MOST_IN_WORKBOOK), _("Recipients"))
    except BaseException:
        folder.cleanup()
        raise
    answer = _file(_pieces(path), _XLSX, "campaign.xlsx")
    answer.call_on_close(folder.cleanup)
    behind = rows.place
    if behind and next(coming, None) is not None:
        answer.headers[NEXT] = str(behind)
    return answer


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _file(pieces: Iterable[bytes], kind: str, name: str) -> Response:
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


class _Rows:
    """The rows of the file, read in pages. after: behind which they begin. place: of the last row, 0 behind all of them."""

    def __init__(self, viewer: Viewer, portal: Portal, campaign: Campaign, names: list[str], after: int) -> None:
        self.place = after
        self._campaign, self._names, self._shown = campaign, names, asked()
        self._veil, self._zone = Veil(viewer, portal), reader_zone()
        self._reason_of = wording(viewer)["reason_of"]
        with runtime().db.read() as session:
            lines = session.query(Line).filter_by(portal_id=portal.id)
            self._lines = {line.id: line.name or line.app_name for line in lines}

    def __iter__(self) -> Iterator[list[Cell]]:
        while True:
            with runtime().db.read() as session:
                found = campaigns.recipients(session, self._campaign.id, self._shown, self.place, _PAGE)
            for entry in found:
                reason = self._reason_of(entry.state, entry.reason)
                self.place = campaigns.place(entry, self._shown)
                yield _row(entry, self._lines, self._names, reason, self._zone, self._veil)
            if len(found) < _PAGE:
                self.place = 0
                return


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
