"""The chats of Open Channels that belong to a CRM item: finding them, and closing those of our connector.

Bitrix24 docs: api-reference/imopenlines/openlines (crm.chat.get, operator.another.finish).
"""

from collections.abc import Iterator, Sequence

import structlog

from bx24 import open_lines
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS, entity_type_id, item_id
from bx24.errors import Rejected
from messaging.portals import tokens
from messaging.portals.crm import Cards, Pair
from messaging.runtime import Runtime
from messaging.store.open_channels import CONNECTOR
from robots import client as crm_client

#: Entity types that have chats; of others those of their contacts and their company are taken.
_WORDS = {ENTITY_TYPE_IDS[name]: name.lower() for name in ("LEAD", "DEAL", "CONTACT", "COMPANY")}
#: The first call may send the closing text and leave the dialog waiting for the client; the second closes it for good.
TIMES = 2
log = structlog.get_logger(__name__)


def close(runtime: Runtime, portal_id: int, document: Sequence[str]) -> int:
    """Finish the open dialogs of our connector that belong to this item; how many were open.

    It may be repeated: what is closed already stays closed, and does not count. Raises Bx24Error if the portal does not answer.
    """
    rest = tokens.portal_client(runtime, portal_id)
    chats = [chat for owner in _owners(runtime, portal_id, document) for chat in _ours(rest, owner)]
    return sum(_finish(rest, chat) for chat in dict.fromkeys(chats))


def _owners(runtime: Runtime, portal_id: int, document: Sequence[str]) -> Iterator[Pair]:
    module, entity, kind, number = document
    pair = entity_type_id((module, entity, kind)), item_id((module, entity, number))
    if pair[0] is None or pair[1] is None:
        return
    item = (pair[0], pair[1])
    if item[0] in _WORDS:
        yield item
    else:
        yield from crm_client.linked(Cards(tokens.portal_client(runtime, portal_id)).fetch([item])[item])


def _ours(rest: Client, owner: Pair) -> list[int]:
    found = open_lines.chats_of(rest, _WORDS[owner[0]], owner[1])
    return [chat_id for chat_id, connector in found if connector == CONNECTOR]


def _finish(rest: Client, chat_id: int) -> bool:
    """Close a dialog; whether it was open. A dialog that the app may not close stays as it is."""
    was_open = False
    for _ in range(TIMES):
        try:
            if not open_lines.finish(rest, chat_id):
                break
            was_open = True
        except Rejected as error:
            log.warning("dialog not closed", chat=chat_id, code=error.code)
            break
    return was_open
