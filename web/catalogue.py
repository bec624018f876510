"""The Russian catalogue of the pages' texts: collected from the code, kept in order, compiled (`make texts`).

pybabel would do the same, but stamps dates and versions into the file: every run a change, every merge a conflict.
"""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parent
PO = WEB / "translations" / "ru" / "LC_MESSAGES" / "messages.po"
MO = PO.with_suffix(".mo")
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
HEADER = """msgid ""
msgstr ""
"Language: ru\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"

"""


def collected() -> list[str | tuple[str, ...]]:
    """Every text of the pages, in English; a pair where the number decides."""
    found = extract_from_dir(
        WEB, METHODS, {"templates/**.html": {"trimmed": "true"}}, keywords=KEYWORDS, strip_comment_tags=False
    )
    return sorted({message for _, _, message, *_ in found}, key=str)


def stored() -> Catalog:
    """The catalogue as it stands in the file."""
    with PO.open("rb") as file:
        return read_po(file, locale="ru")


def current() -> Catalog:
    """The texts that are in use with their translations; the missing ones are empty."""
    known, made = stored(), Catalog(locale="ru")
    for message in collected():
        old = known.get(message if isinstance(message, str) else message[0])
        made.add(message, old.string if old is not None else None)
    return made


def missing(catalogue: Catalog) -> list[str]:
    """English texts without a Russian one."""
    return [str(message.id) for message in catalogue if message.id and not _whole(message.string)]


def _whole(string: str | tuple[str, ...] | list[str] | None) -> bool:
    return string is not None and bool(string) and (isinstance(string, str) or all(string))


def po(catalogue: Catalog) -> bytes:
    """The catalogue as the file has it."""
    written = io.BytesIO()
    write_po(written, catalogue, width=120, sort_output=True, omit_header=True, ignore_obsolete=True)
    return HEADER.encode() + written.getvalue().strip() + b"\n"


def mo() -> bytes:
    """The compiled catalogue."""
    catalogue, compiled = stored(), io.BytesIO()
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    catalogue.project, catalogue.version = "waba24", "1"  # else babel's own version stands in the header
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def main() -> int:
    """Bring both files up to date; exit status 1 while translations are missing."""
    catalogue = current()
    PO.write_bytes(po(catalogue))
    MO.write_bytes(mo())
    lacking = missing(catalogue)
    for text in lacking:
        print(f"no Russian text yet: {text!r}", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
