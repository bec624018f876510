"""Which permissions (scopes) a portal has granted the app. What needs a missing one is left out, and the rest works."""

from bx24.client import Client
from bx24.errors import Rejected
from messaging.store.granted import Granted
from messaging.store.models import Portal

#: Scopes that the app asks for beside those it cannot do without, and what is missing without each.
OPEN_CHANNELS = "imopenlines"
PLACEMENTS = "placement"
CRM = "crm"
MESSAGES = "messageservice"


def granted(portal: Portal) -> frozenset[str]:
    """The portal's scopes, as it told them when the robots were registered last."""
    return Granted.of(portal.registration).scopes


def has(portal: Portal, *scopes: str) -> bool:
    """Whether the portal has granted all of these."""
    return granted(portal) >= frozenset(scopes)


def asked(client: Client) -> list[str]:
    """What the portal answers now (Bitrix24 docs: common/system/scope); none if it does not want to tell.

    Raises Bx24Error when it could not be asked.
    """
    try:
        answer = client.call("scope").result
    except Rejected:
        return []
    return sorted({str(name).lower() for name in answer}) if isinstance(answer, list) else []
