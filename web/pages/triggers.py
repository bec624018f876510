"""Triggers: which the portal has, how to place them on a stage, and what set each off last."""

from dataclasses import dataclass
from typing import Any

from flask import Response, url_for
from flask_babel import gettext as _

from bx24.errors import Bx24Error
from messaging.insight import crm_work
from messaging.insight.crm_work import Execution
from messaging.limits.bounds import PAGE_TOTAL_S
from messaging.portals import portals, scopes, tokens, triggers
from messaging.store.models import Portal, shard_of
from web.context import runtime
from web.frames import Viewer, portal_of
from web.pages.crm_objects import item_name, item_path
from web.pages.shell import blueprint, changes, reads, show


@dataclass(frozen=True)
class Row:
    """A trigger on the portal. state: registered, missing, refused (see `why`) or pending. last: its newest executions."""

    code: str
    title: str
    state: str
    why: str
    last: list["Shown"]


class Shown:
    """An execution as the page words it."""

    def __init__(self, found: Execution, language: str) -> None:
        self.found, self._language = found, language

    @property
    def item(self) -> str:
        return item_name(self.found.owner).to(self._language) if self.found.owner else ""

    @property
    def path(self) -> str:
        return item_path(self.found.owner)

    @property
    def cause(self) -> str:
        causes: dict[str, str] = {"reply": _("a reply"), "message": _("a message"), "list": _("the opt-out list")}
        return causes[self.found.cause]

    @property
    def url(self) -> str:
        """The story of what set it off, "" without one."""
        if self.found.run_id is not None:
            return url_for("pages.message", run_id=self.found.run_id)
        if self.found.lone_id is not None:
            return url_for("pages.lone_message", message_id=self.found.lone_id)
        return ""

    @property
    def sign(self) -> tuple[str, str]:
        """Mood and icon."""
        if self.found.state == "failed":
            return "bad", "cross"
        if self.found.state != "done":
            return "", "clock"
        return {"nobody": ("warn", "question"), "moved": ("", "info")}.get(self.found.outcome, ("ok", "check"))

    @property
    def words(self) -> str:
        if self.found.state == "failed":
            return crm_work.remedy(self.found.error).to(self._language)
        if self.found.state != "done":
            return str(_("Waits for Bitrix24"))
        outcomes: dict[str, str] = {
            "nobody": _("CRM has no contact and no lead with this phone"),
            "moved": _("The item had moved already; to be safe, nothing was repeated"),
        }
        return outcomes.get(self.found.outcome) or str(_("Set off"))


@blueprint.get("/triggers", endpoint="triggers")
@reads
def triggers_page(viewer: Viewer, portal: Portal) -> Response:
    return _draw(viewer, portal)


@blueprint.post("/triggers/check", endpoint="check_triggers")
@reads
def check(viewer: Viewer, portal: Portal) -> Response:
    """Ask the portal which triggers it has."""
    try:
        return _draw(
            viewer, portal, present=triggers.registered(tokens.portal_client(runtime(), portal.id, PAGE_TOTAL_S))
        )
    except Bx24Error as error:
        return _draw(viewer, portal, error=error)


@blueprint.post("/triggers/repair", endpoint="repair_triggers")
@changes
def repair(viewer: Viewer, portal: Portal) -> Response:
    """Register everything again; the worker does it within seconds."""
    with runtime().db.write() as session:
        portals.register_again(session, session.get_one(Portal, portal.id), runtime())
    runtime().wakeups.notify([shard_of(portal.id)])
    return _draw(viewer, portal_of(viewer) or portal)


def _draw(
    viewer: Viewer, portal: Portal, present: frozenset[str] | None = None, error: Bx24Error | None = None
) -> Response:
    with runtime().db.read() as session:
        last = crm_work.executions(session, portal.id)
    rows = [
        Row(
            str(code),
            name.to(viewer.language),
            *_state(portal, str(code), present),
            [Shown(found, viewer.language) for found in last.get(str(code), [])],
        )
        for code, name in triggers.NAMES.items()
    ]
    values: dict[str, Any] = {"rows": rows, "portal": portal, "asked": present is not None, "error": error}
    return show(
        "pages/triggers.html",
        viewer,
        section="triggers",
        has_scope=scopes.has(portal, scopes.CRM) or portal.registered_at is None,
        registered=sum(row.state == "registered" for row in rows),
        pending=portal.registration_due_at is not None,
        **values,
    )


def _state(portal: Portal, code: str, present: frozenset[str] | None) -> tuple[str, str]:
    """The state the portal has just reported, else that after the last registration; and why Bitrix24 refused."""
    why = str((portal.registration or {}).get("failed", {}).get(code, ""))
    if present is not None:
        return ("registered", "") if code in present else ("missing", why)
    if why:
        return "refused", why
    if not scopes.has(portal, scopes.CRM) or portal.registered_at is None:
        return ("pending" if portal.registration_due_at is not None else "missing"), ""
    return "registered", ""
