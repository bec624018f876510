"""Where a portal offers a new campaign: a button above the lists of the CRM.

The portal passes neither the list's filter nor which rows are ticked, only the path of the list (Bitrix24 docs:
api-reference/widgets/crm). A person who may not send campaigns sees the button as well; our page says so.
"""

from bx24 import placements
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS
from bx24.i18n import Text
from bx24.placements import Place
from bx24.registration import Report

#: The address must never change: another one makes another entry.
HANDLER = "/bx24/campaign"
_PLACES = {f"CRM_{kind}_LIST_TOOLBAR": number for kind, number in ENTITY_TYPE_IDS.items()}
_TITLE = Text("WhatsApp campaign", "Рассылка в WhatsApp")


def register(client: Client, url: str, language: str) -> Report:
    """Put our page above a portal's lists (messaging.stages.registration). Raises Bx24Error."""
    return placements.sync(client, [Place(code, f"{url}{HANDLER}", _TITLE) for code in _PLACES])


def entity_of(placement: str) -> int | None:
    """Entity type id of the items of a list: CRM_DEAL_LIST_TOOLBAR → 2; None if it is none of ours."""
    return _PLACES.get(placement.upper())
