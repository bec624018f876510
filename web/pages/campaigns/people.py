"""A recipient whose values fill the preview: from the stored ones, else from the beginning of the source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bx24.errors import Bx24Error
from messaging.campaigns.audience import WHOLE, Kind
from messaging.campaigns.crm import catalogue as crm_catalogue
from messaging.campaigns.crm.audience import parsed
from messaging.campaigns.crm.filters import InvalidAudience
from messaging.campaigns.crm.reading import read_page
from messaging.campaigns.mapping import Mapping as Variables
from messaging.insight import campaigns
from messaging.portals.surveys import surveying
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from web.context import runtime
from web.pages.campaigns.numbers import Remembered, counted

#: Names of values that can be chosen.
MOST_NAMES = 1_000
_fields: Remembered[list[tuple[str, str]]] = Remembered(timedelta(minutes=5))
_pages: Remembered[list[tuple[str, Mapping[str, str]]]] = Remembered(timedelta(minutes=2))


@dataclass(frozen=True)
class Person:
    """nth of total recipients, from 0. phone: as it stands there, "" where it is not known. values: by name."""

    nth: int
    total: int
    phone: str
    values: Mapping[str, str]


def names(portal: Portal, campaign: Campaign, language: str) -> list[tuple[str, str]]:
    """The fields or columns that the recipients bring: name and label."""
    audience = campaign.audience or {}
    match audience.get("kind"):
        case Kind.FILE:
            return [(name, name) for name in audience["columns"]]
        case Kind.CRM:
            kind = int(audience["type"])
            found = _fields.get((portal.id, kind, language), lambda: _crm_fields(portal, kind, language))
            return found[:MOST_NAMES]
        case Kind.AGAIN:
            with runtime().db.read() as session:
                return [(name, name) for name in campaigns.value_names(session, int(audience["campaign"]))]
        case _:
            with runtime().db.read() as session:
                return [(name, name) for name in campaigns.value_names(session, campaign.id)]


def _crm_fields(portal: Portal, kind: int, language: str) -> list[tuple[str, str]]:
    """None if the portal does not answer: what is mapped already stays."""
    try:
        with surveying(runtime(), portal) as client:
            found = crm_catalogue.fields(client, kind, language)
    except Bx24Error:
        return []
    return [(one.code, one.label) for one in found if one.kind != "phones"]


def person(portal: Portal, campaign: Campaign, wanted: Variables, nth: int) -> Person | None:
    """The recipient at this place; None if nobody is known yet. wanted: whose values are needed."""
    kind = (campaign.audience or {}).get("kind")
    is_kept = set(wanted.names()) <= set(Variables.read(campaign.mapping).names()) or kind in WHOLE
    if campaign.read_at is not None and is_kept and campaign.audience:
        return _stored(campaign, nth)
    if kind == Kind.FILE:
        column = campaign.audience["phone"]
        rows: list[tuple[str, Mapping[str, str]]] = [
            (row.get(column, ""), row) for row in campaign.audience.get("rows", [])
        ]
    elif kind == Kind.CRM:
        key = (campaign.key, campaign.reads, *wanted.names())
        rows = _pages.get(key, lambda: _first_items(portal, campaign, wanted))
    else:
        rows = []
    if not rows:
        return None
    nth = min(max(nth, 0), len(rows) - 1)
    return Person(nth, len(rows), *rows[nth])


def _stored(campaign: Campaign, nth: int) -> Person | None:
    total = counted(campaign)[0].by_state["pending"]
    if not total:
        return None
    nth = min(max(nth, 0), total - 1)
    with runtime().db.read() as session:
        found = campaigns.nth(session, campaign.id, nth)
    return Person(nth, total, f"+{found.phone}", found.values or {}) if found is not None else None


def _first_items(portal: Portal, campaign: Campaign, wanted: Variables) -> list[tuple[str, Mapping[str, str]]]:
    audience = campaign.audience or {}
    try:
        chosen = parsed({name: audience[name] for name in ("type", "filter", "ids") if name in audience})
        with surveying(runtime(), portal) as client:
            found = read_page(client, chosen, {}, wanted.names(), portal.language)
    except (Bx24Error, InvalidAudience):
        return []
    return [(row.phone, row.values) for row in found.rows if row.is_found]
