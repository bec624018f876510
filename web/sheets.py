"""CSV that spreadsheets open as they should: their separator, their encoding, and no cell that becomes a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from flask import Response

from web.table_files import harmless

#: Where the next part of a file begins, in a header of this one; static/download.js brings it back as `after`.
NEXT = "X-Waba24-Next"


def csv_response(name: str, pieces: Iterable[str]) -> Response:
    """A file to download. It is made whole: whoever reads it slowly keeps no connection to the database, and no place."""
    answer = Response("".join(pieces), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


class Sheet:
    """Writes rows as text. language: of the reader, whose spreadsheet expects its own separator."""

    def __init__(self, language: str) -> None:
        self._written = io.StringIO()
        self._writer = csv.writer(self._written, delimiter=";" if language == "ru" else ",")

    def head(self, cells: Sequence[str]) -> str:
        """The first row, after the byte order mark by which spreadsheets recognise UTF-8."""
        return "\ufeff" + self.rows([cells])

    def rows(self, rows: Iterable[Sequence[str]]) -> str:
        """These rows as they stand in the file."""
        for cells in rows:
            self._writer.writerow([harmless(cell) for cell in cells])
        text = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return text


def local(at: datetime | None, zone: timezone) -> str:
    """A moment in the reader's zone, as spreadsheets read it; "" for None."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else ""
