"""Help: how to do the most common things, and what every error code means. The codes come from the code itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from activities.errors import CATALOGUE
from gupshup import refusals
from messaging.insight import reasons
from messaging.store.models import Portal
from web.frames import Viewer
from web.pages.shell import blueprint, reads, show

#: Stands for a value in a text that no run has filled in.
BLANK = "…"
#: Characters of a code that somebody asks about.
_CODE_LENGTH = 64


@dataclass(frozen=True)
class Entry:
    """What some codes mean. codes: as people read them, with ranges (“2000–2017”)."""

    codes: Sequence[str]
    words: str


@blueprint.get("/help", endpoint="help")
@reads
def help_page(viewer: Viewer, portal: Portal) -> Response:
    """`?code=` is explained on top: other pages link their codes here."""
    asked = request.args.get("code", "").strip()[:_CODE_LENGTH]
    return show("pages/help.html", viewer, section="help", **contents(viewer.language, asked))


def contents(language: str, asked: str = "") -> dict[str, Any]:
    """What the page shows. asked: the code to explain on top, "" for none."""
    return {
        "asked": Entry([asked], _explained(asked, language)) if asked else None,
        "ours": [Entry([code], _explained(code, language)) for code in CATALOGUE],
        "theirs": [Entry(_ranges(codes), _explained(codes[0], language)) for codes in refusals.meanings()],
    }


def _explained(code: str, language: str) -> str:
    return reasons.explained(code, "", language, reason=BLANK).to(language)


def _ranges(codes: Iterable[str]) -> list[str]:
    """The codes, three or more numbers in a row as a range."""
    rows: list[list[str]] = []
    for code in codes:
        follows = rows and code.isdecimal() and rows[-1][-1].isdecimal() and int(code) == int(rows[-1][-1]) + 1
        if follows:
            rows[-1].append(code)
        else:
            rows.append([code])
    return [name for row in rows for name in ([f"{row[0]}–{row[-1]}"] if len(row) > 2 else row)]
