"""The messages that the reading process writes, a JSON array in each line.

["table", {"form", "sheet", "sheets", "encoding", "separator"}]   once, before all rows
["row", line, [text, …]]                      line: as the spreadsheet shows it
["bad", line, column or null, text, code]     column: from 0; code: of problems.ROWS
["note", code, count, line]                   code: of problems.NOTES; line: of the first one
["end", code, {…}]                            last; code: of problems.FILES, "" if all was read
"""

from collections.abc import Sequence
from typing import Any

from messaging.campaigns.sheets import MOST_CHARACTERS, MOST_COLUMNS, SHOWN
from messaging.campaigns.sheets.problems import Unreadable

Message = list[Any]


def row_message(line: int, cells: Sequence[str], is_first: bool) -> Message:
    """A row within its bounds, else a bad row. Raises Unreadable if the first row already has too many columns."""
    if any(cells[MOST_COLUMNS:]):
        if is_first:
            raise Unreadable("too_many_columns", line=line)
        return bad_row(line, cells, "too_many_columns")
    for column, cell in enumerate(cells):
        if len(cell) > MOST_CHARACTERS:
            return bad_row(line, cells, "cell_too_long", column)
    return ["row", line, list(cells[:MOST_COLUMNS])]


def bad_row(line: int, cells: Sequence[str], code: str, column: int | None = None) -> Message:
    """A row that is left out. code: of problems.ROWS. column: where, from 0."""
    shown = " ".join(cell[:SHOWN] for cell in cells if cell)
    return ["bad", line, column, shown[:SHOWN], code]
