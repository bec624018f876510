"""Which pages of the app show where in the CRM, and with which options they open.

Source: docs, api-reference/widgets/crm; crm/lib/integration/intranet/bindingmenu/codebuilder.php.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import PlacementBinding
from bx24.emulator.state.timeline import Activity, Item

_NAMES = {
    crm.LEAD: "LEAD",
    crm.DEAL: "DEAL",
    crm.CONTACT: "CONTACT",
    crm.COMPANY: "COMPANY",
    crm.QUOTE: "QUOTE",
    crm.SMART_INVOICE: "SMART_INVOICE",
}
_WITH_ENTITY_ID = (crm.QUOTE, crm.SMART_INVOICE)
ACTIVITY_TYPE = 6
"""The number of CRM's type "activity"."""


@dataclass(frozen=True)
class Place:
    """A bound placement as a page shows it: its title, and the address that opens the app's page."""

    id: int
    title: str
    url: str


def code(entity: int, place: str) -> str:
    """`CRM_DEAL_DETAIL_TAB` of (2, "DETAIL_TAB"); smart processes are named by their number."""
    return f"CRM_{_NAMES.get(entity, f'DYNAMIC_{entity}')}_{place}"


def title(binding: PlacementBinding, lang: str) -> str:
    """The title in the language of the page: of LANG_ALL, else the general one, else the placement's code."""
    texts = {str(key).lower(): value for key, value in binding.lang_all.items() if isinstance(value, dict)}
    own = texts.get(lang) or texts.get("en") or {}
    return str(own.get("TITLE") or binding.title or binding.placement)


def bound(portal: Portal, entity: int, place: str) -> list[PlacementBinding]:
    """The bindings of a place; none until the installation is finished."""
    if not (portal.installation.active and portal.installation.installed):
        return []
    return [binding for binding in portal.placements if binding.placement == code(entity, place)]


def places(portal: Portal, entity: int, place: str, lang: str, options: dict[str, str]) -> list[Place]:
    """What is bound there, each with the address of the app's page for these options."""
    return [
        Place(
            binding.id,
            title(binding, lang),
            "/app?" + urlencode({"placement": binding.placement, "bound": binding.id, **options}),
        )
        for binding in bound(portal, entity, place)
    ]


def item_options(item: Item, place: str) -> dict[str, str]:
    """The options of a placement on an item: `ID`, but `ENTITY_ID` on some types' toolbar."""
    entity, number = item
    by_entity_id = place == "DETAIL_TOOLBAR" and (entity in _WITH_ENTITY_ID or entity not in _NAMES)
    return {"ENTITY_ID" if by_entity_id else "ID": str(number)}


def activity_options(item: Item, activity: Activity) -> dict[str, str]:
    """The options of `ACTIVITY_TIMELINE_MENU`."""
    return {
        "ENTITY_ID": str(item[1]),
        "ASSOCIATED_ENTITY_ID": str(activity.id),
        "ASSOCIATED_ENTITY_TYPE_ID": str(ACTIVITY_TYPE),
        "TYPE_ID": "1",
        "TYPE_CATEGORY_ID": "0",
        "TIMELINE_ITEM_ID": str(activity.id),
    }
