"""The robots and activities a portal should have, and those it has."""

from typing import Any

import structlog

from activities import ACTIVITIES, Person
from activities.base import Action
from bx24.i18n import Text
from bx24.properties import Properties, describe
from bx24.registration import Offer, listed, repair
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from robots import ROBOTS, Client
from robots.lookup import code_of

_DYNAMIC = "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic"
_QUOTE = "Bitrix\\Crm\\Integration\\BizProc\\Document\\Quote"
_INVOICE = "Bitrix\\Crm\\Integration\\BizProc\\Document\\SmartInvoice"
#: Documents that CRM automation knows; robots are shown there.
ROBOT_DOCUMENTS: list[list[str]] = [
    ["crm", "CCrmDocumentLead"],
    ["crm", "CCrmDocumentDeal"],
    ["crm", _QUOTE],
    ["crm", _INVOICE],
    ["crm", _DYNAMIC],
]
#: Cloud portals list robots in the workflow designer too, so activities are hidden there where robots are: nobody sees
#: an entry twice. Old self-hosted portals do not show robots in the designer, so activities are on every document.
log = structlog.get_logger(__name__)


def expected(runtime: Runtime, portal: Portal) -> list[Offer]:
    """What the portal should have."""
    with runtime.db.read() as session:
        lines = line_options(session.get_one(Portal, portal.id).lines)
    licence = str((portal.registration or {}).get("licence") or "")
    return offers(runtime.config.public_url, portal.language, lines, "selfhosted" in licence)


def present(runtime: Runtime, portal: Portal) -> frozenset[str]:
    """The codes the portal has, asked now. Raises Bx24Error."""
    return listed(tokens.portal_client(runtime, portal.id))


def repair_one(runtime: Runtime, portal: Portal, code: str) -> str:
    """Register one robot or activity again, now. Returns why Bitrix24 refused, "" if it did not.

    Raises LookupError for a code that is not ours, Bx24Error when Bitrix24 could not be asked.
    """
    offer = next((offer for offer in expected(runtime, portal) if offer.code == code), None)
    if offer is None:
        raise LookupError(f"there is no robot or activity {code!r}")
    report = repair(tokens.portal_client(runtime, portal.id), offer, user_id=portal.token_user_id or 1)
    problem = str(report.failed[code])[:300] if code in report.failed else ""
    with runtime.db.write() as session:
        stored = session.get_one(Portal, portal.id, with_for_update=True)
        failed = {known: why for known, why in (stored.registration or {}).get("failed", {}).items() if known != code}
        stored.registration = {**(stored.registration or {}), "failed": failed | ({code: problem} if problem else {})}
    log.info("robot repaired", portal=portal.id, code=code, ok=not problem)
    return problem


def line_options(lines: list[Line]) -> dict[str, str]:
    """The options of the property `line`: id → what people call it."""
    return {str(line.id): f"{line.name} (+{line.phone})" for line in lines if line.status == "connected"}


def offers(url: str, language: str, lines: dict[str, str], self_hosted: bool) -> list[Offer]:
    """Everything we offer to one portal."""
    robots = [_offer(url, "robots", action, title, Client, language, lines, None) for action, title in ROBOTS.values()]
    hidden = None if self_hosted else {"EXCLUDE": ROBOT_DOCUMENTS}
    activities = [
        _offer(url, "activities", action, action.title, Person, language, lines, hidden)
        for action in ACTIVITIES.values()
    ]
    return [*robots, *activities]


def _offer(
    url: str,
    side: str,
    action: Action,
    title: Text,
    to_whom: type[Properties],
    language: str,
    lines: dict[str, str],
    hidden: dict[str, Any] | None,
) -> Offer:
    schema = action.schema(to_whom)
    return Offer(
        kind="robot" if side == "robots" else "activity",
        code=code_of(side, action.name),
        name=title,
        description=action.description,
        properties=describe(schema, lang=language, options={"line": lines}),
        returns=action.return_properties(schema),
        filter={"INCLUDE": ROBOT_DOCUMENTS} if side == "robots" else hidden,
        handler=f"{url}/{side}/{action.name}",
        placement_handler=f"{url}/{side}/{action.name}/settings",
    )
