"""Where a portal offers to send by hand: a tab in the cards of the CRM, a menu entry in the rows of its lists."""

from bx24 import placements
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS
from bx24.i18n import Text
from bx24.placements import Place
from bx24.registration import Report

#: The address must never change: another one makes another entry.
HANDLER = "/bx24/hand"
KINDS = ("DEAL", "LEAD", "CONTACT", "COMPANY")
_TITLES = {"DETAIL_TAB": Text("WhatsApp", "WhatsApp"), "LIST_MENU": Text("Send WhatsApp", "Написать в WhatsApp")}


def register(client: Client, url: str, language: str) -> Report:
    """Put our page into a portal's cards and lists (messaging.stages.registration). Raises Bx24Error."""
    return placements.sync(
        client,
        [Place(f"CRM_{kind}_{where}", f"{url}{HANDLER}", title) for kind in KINDS for where, title in _TITLES.items()],
    )


def entity_of(placement: str) -> int | None:
    """Entity type id of the items of a placement: CRM_DEAL_DETAIL_TAB → 2; None if it is none of ours."""
    kind, _, where = placement.upper().removeprefix("CRM_").partition("_")
    return ENTITY_TYPE_IDS[kind] if kind in KINDS and where in _TITLES else None
