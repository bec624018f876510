"""The beginning of an uploaded file: its columns, which of them holds the phones, its first rows."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bx24.i18n import Text
from messaging.campaigns import uploads
from messaging.campaigns.audience import Kind
from messaging.campaigns.recipients import region_of
from messaging.campaigns.spreadsheets import BadRow, End, Event, Header, Limits, Row, read
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.store.models import Portal
from web.context import runtime

#: Rows that are kept for the preview, and characters of a cell there.
KEPT, LONGEST = 20, 100
#: Seconds that a page waits; files that a process looks at together, one of each portal: its threads serve robots, too.
_LIMITS = Limits(wait_s=30)
_looks = ConcurrencyLimit(2, patience_s=5, slow_s=30)
_BUSY = Text(
    "Too many files are being read just now. Upload it again in a minute.",
    "Сейчас читается слишком много файлов. Загрузите его ещё раз через минуту.",
)


@dataclass
class Looked:
    """What stands at the beginning of a file. problem: why it cannot be read; doubt: a cell that means two phones, and both."""

    columns: list[str] = field(default_factory=list)
    phone: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)
    doubt: list[str] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    problem: Text | None = None

    def audience(self, key: str, name: str) -> dict[str, Any]:
        """As the campaign keeps it. key: of the upload; name: of the file where it came from."""
        told = asdict(self)
        del told["problem"]
        return {"kind": Kind.FILE, "file": key, "name": name, "international": False, **told}


def look(portal: Portal, key: str, name: str, lang: str, sheet: str = "") -> Looked:
    """Read the beginning of an upload. sheet: of a workbook, "" for the first one. Raises FileNotFoundError, StoreAway."""
    found = Looked()
    with uploads.on_disk(runtime(), portal.id, key) as path, _looks.acquire(portal.member_id) as is_free:
        if not is_free:
            return Looked(problem=_BUSY)
        _collect(read(path, name, region=region_of(portal), lang=lang, sheet=sheet, limits=_LIMITS), found)
    return found


def _collect(events: Iterator[Event], found: Looked) -> None:
    """Take what stands at the beginning."""
    for event in events:
        match event:
            case Header():
                found.columns, found.phone = list(event.columns), event.phone
                found.sheet, found.sheets = event.sheet, list(event.sheets)
                if event.doubt is not None:
                    cell, meant = event.doubt
                    found.doubt = [cell, meant.digits, meant.international]
            case Row():
                found.rows.append({name: cell[:LONGEST] for name, cell in event.cells.items()})
            case BadRow():
                continue
            case End():
                found.problem = event.explanation if event.problem and not found.rows else None
        if len(found.rows) >= KEPT:
            break
