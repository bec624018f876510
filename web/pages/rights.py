"""Rights: who may send by hand, who may broadcast, who sees phones. An administrator sets them, everybody may read them."""

import re
from collections.abc import Mapping
from dataclasses import replace

import structlog
from flask import Response, request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bx24.errors import Bx24Error
from messaging.policy import settings
from messaging.policy.rights import LONGEST_NAME, MOST, Grant, Right, Who, granted
from messaging.policy.settings import Policy
from messaging.portals import people
from messaging.portals.people import People
from messaging.portals.surveys import surveying
from messaging.store.models import Portal
from web.context import clean, runtime, typed
from web.frames import Viewer, page
from web.pages.shell import blueprint, changes, reads, show

LABELS: dict[str, LazyString] = {
    Right.SEND: _l("Send messages by hand"),
    Right.BROADCAST: _l("Send campaigns"),
    Right.PHONES: _l("See clients' phone numbers"),
    Right.REPORTS: _l("Read reports"),
}
#: A person or a department as the list offers it: the name, then Bitrix24's code of it.
_CHOSEN = re.compile(r"(.{1,200}) · ([UD])([0-9]{1,9})")
log = structlog.get_logger(__name__)


@blueprint.get("/rights", endpoint="rights")
@reads
def rights(viewer: Viewer, portal: Portal) -> Response:
    policy = Policy.of(portal)
    return _draw(viewer, {right: granted(policy, right) for right in Right})


@blueprint.get("/rights/people", endpoint="rights_people")
@changes
def offered(viewer: Viewer, portal: Portal) -> Response:
    """The people and departments of the portal as options; the page loads them later."""
    try:
        with surveying(runtime(), portal) as client:
            found = people.listed(client)
    except Bx24Error as error:
        log.warning("people not listed", portal=portal.id, code=error.code)
        return page("pages/rights_people.html", viewer, people=People({}, {}), is_away=True)
    return page("pages/rights_people.html", viewer, people=found, is_away=False)


@blueprint.post("/rights", endpoint="save_rights")
@changes
def save(viewer: Viewer, portal: Portal) -> Response:
    """Store the rights; or, if somebody was added to a list, show the form with them."""
    grants, errors = {}, {}
    for right in Right:
        grants[right], error = _sent(right)
        if error:
            errors[str(right)] = error
    for right in () if errors or "add" in request.form else Right:
        if grants[right].who == Who.CHOSEN and not (grants[right].users or grants[right].departments):
            errors[str(right)] = _("Choose at least one person or department, or leave the right to administrators.")
    if errors or "add" in request.form:
        return _draw(viewer, grants, errors=errors, is_unsaved=True)
    settings.change(runtime(), portal.id, rights={str(right): grants[right].stored() for right in Right})
    log.info("rights changed", portal=portal.id, user=viewer.user_id)
    return _draw(viewer, grants, said=_("The rights are saved. They hold from now on."))


def _sent(right: Right) -> tuple[Grant, str]:
    """What the form gives this right to, and what is wrong with it."""
    who = typed(f"who-{right}")
    grant = Grant(Who(who) if who in set(Who) else Who.ADMINS)
    added = typed(f"add-{right}").strip()
    for text in [*map(clean, request.form.getlist(f"chosen-{right}")[:MOST]), added]:
        grant = _with(grant, text)
    is_wrong = bool(added) and _CHOSEN.fullmatch(added) is None
    return grant, _("Choose a person or a department from the list.") if is_wrong else ""


def _with(grant: Grant, text: str) -> Grant:
    found = _CHOSEN.fullmatch(text)
    if found is None or len(grant.users) + len(grant.departments) >= MOST:
        return grant
    one = {int(found[3]): found[1].strip()[:LONGEST_NAME]}
    if found[2] == "U":
        return replace(grant, who=Who.CHOSEN, users={**grant.users, **one})
    return replace(grant, who=Who.CHOSEN, departments={**grant.departments, **one})


def _draw(
    viewer: Viewer,
    grants: Mapping[Right, Grant],
    *,
    said: str = "",
    errors: Mapping[str, str] | None = None,
    is_unsaved: bool = False,
) -> Response:
    return show(
        "pages/rights.html",
        viewer,
        section="rights",
        grants=grants,
        labels=LABELS,
        said=said,
        errors=errors or {},
        is_unsaved=is_unsaved,
    )
