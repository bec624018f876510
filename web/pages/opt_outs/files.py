"""Files of phones: a list brought along from elsewhere, and the list as a file."""

from datetime import timezone

from flask import Response
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from messaging.policy import phone_lists
from messaging.policy.consent import Cause
from messaging.policy.phone_lists import MOST_BYTES, MOST_ROWS, Unreadable
from messaging.policy.sending import why
from messaging.portals import portals
from messaging.store import opt_outs
from messaging.store.models import Line, Portal
from messaging.store.opt_outs import EVERY_LINE, Source
from web.context import clean, reader_zone, runtime, sent_file, typed
from web.frames import Viewer
from web.pages.messages import masked
from web.pages.opt_outs.table import table
from web.pages.shell import blueprint, changes, reads
from web.rights import sees_phones
from web.sheets import NEXT, Sheet, csv_response, local
from web.texts import number
from web.turns import takes_turn

_PAGE = 1_000
#: Rows of one part of the list as a file: some two seconds of one thread.
PART = 10 * _PAGE
_PROBLEMS = {
    "missing": _l("Choose a file."),
    "empty": _l("There is no phone in this file."),
    "not_text": _l(
        "This is not a text file. Save the sheet as CSV, or put the phones into a TXT file, one in each line."
    ),
    "too_large": _l("The file is larger than %(size)s MB. Split it, and load the parts one after another."),
    "too_long": _l("The file has more than %(rows)s rows or phones. Split it, and load the parts one after another."),
}
#: What the form around a file takes, bytes.
_FORM = 64 * 1024


@blueprint.post("/opt-outs/import", endpoint="import_opt_outs")
@changes
def load(viewer: Viewer, portal: Portal) -> Response:
    """Put the phones of a file on the list; the page says how many, and which rows have none."""
    name, content = sent_file("file", MOST_BYTES, _FORM)
    try:
        if not name:
            raise Unreadable("missing")
        found = phone_lists.read(content, portals.phone_region(portal))
    except Unreadable as error:
        words = str(_PROBLEMS[error.code]) % {"size": MOST_BYTES // 1024 // 1024, "rows": number(MOST_ROWS)}
        return table(viewer, portal, errors={"file": words})
    cause = Cause(Source.IMPORT, runtime().clock(), user_id=viewer.user_id, why=clean(name)[:100])
    new = phone_lists.put_on_list(runtime(), portal.id, found.phones, cause)
    loaded = {"new": new, "known": len(found.phones) - new, "repeated": found.repeated, "bad": found.bad}
    return table(viewer, portal, loaded=loaded)


@blueprint.post("/opt-outs.csv", endpoint="opt_outs_csv")
@reads
@takes_turn
def export(viewer: Viewer, portal: Portal) -> Response:
    """The whole list, the newest first, or what stands behind `after`; static/download.js fetches one part after the other."""
    after = typed("after")
    before = int(after) if after.isdecimal() and len(after) < 19 else None
    pieces, following = _part(viewer, portal, reader_zone(), before)
    answer = csv_response("opt-outs.csv", pieces)
    if following is not None:
        answer.headers[NEXT] = str(following)
    return answer


def _part(viewer: Viewer, portal: Portal, zone: timezone, before: int | None) -> tuple[list[str], int | None]:
    """A part of the list behind this entry, None: from the beginning; and behind which the next one begins, None: it ends."""
    sheet = Sheet(viewer.language)
    heads = (_("Phone"), _("Holds for"), _("Since"), _("Source"), _("Why"), _("User ID"))
    pieces = [sheet.head(heads)] if before is None else []
    with runtime().db.read() as session:
        lines = {line.id: line.name or line.app_name for line in session.query(Line).filter_by(portal_id=portal.id)}
    whole = sees_phones(viewer, portal)
    for _page in range(PART // _PAGE):
        with runtime().db.read() as session:
            entries = opt_outs.newest(session, portal.id, before, _PAGE)
        pieces.append(
            sheet.rows(
                (
                    entry.phone if whole else masked(entry.phone).lstrip("+"),
                    _("All lines") if entry.line_id == EVERY_LINE else lines.get(entry.line_id, str(entry.line_id)),
                    local(entry.since, zone),
                    entry.source,
                    why(entry).to(viewer.language),
                    str(entry.user_id or ""),
                )
                for entry in entries
            )
        )
        if len(entries) < _PAGE:
            return pieces, None
        before = entries[-1].id
    return pieces, before
