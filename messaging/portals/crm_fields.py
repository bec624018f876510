"""Which fields the portal's CRM has, for an administrator who names one.

Bitrix24 docs: api-reference/crm/universal/crm-item-fields
"""

from dataclasses import dataclass

from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS
from bx24.errors import Rejected

#: Kinds of cards whose fields are offered.
_KINDS = ("CONTACT", "LEAD", "DEAL")
_TEXTS = frozenset({"string", "crm_string"})


@dataclass(frozen=True)
class TextField:
    """A field that holds a text. code: as crm.item.fields gives it; title: in the portal's language."""

    code: str
    title: str


def text_fields(client: Client) -> list[TextField]:
    """The text fields that the portal has added to contacts, leads and deals, each once. Raises Bx24Error."""
    calls = {kind: ("crm.item.fields", {"entityTypeId": ENTITY_TYPE_IDS[kind]}) for kind in _KINDS}
    reply = client.batch(calls)
    for error in reply.errors.values():
        if not isinstance(error, Rejected):
            raise error
    found: dict[str, str] = {}
    for answer in reply.results.values():
        fields = answer.get("fields") if isinstance(answer, dict) else None
        for code, field in (fields or {}).items():
            if str(code).lower().startswith("uf") and field.get("type") in _TEXTS:
                found.setdefault(str(code), str(field.get("title") or code))
    return [TextField(code, title) for code, title in sorted(found.items(), key=lambda pair: pair[1].lower())]
