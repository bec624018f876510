"""What a portal's CRM offers to choose items by: types, fields with their values, stages, people. A minute old at most."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _

from bx24.client import Client
from messaging.campaigns.crm import catalogue as crm_catalogue
from messaging.campaigns.crm.catalogue import Field, Stage
from messaging.store.models import Portal
from web.pages.campaigns.numbers import Remembered

#: Fields that the form asks for in other places than its conditions.
_ELSEWHERE = frozenset({"stageId", "assignedById", "createdTime", "updatedTime"})


@dataclass(frozen=True)
class Offered:
    """What there is for items of one type."""

    types: list[tuple[int, str]]
    fields: list[Field]
    stages: list[Stage]
    users: list[tuple[int, str]]

    @property
    def searchable(self) -> list[Field]:
        """The item's own fields that a condition can be about."""
        mine = [one for one in self.fields if "." not in one.code and one.kind not in ("file", "phones")]
        return [one for one in mine if one.code not in _ELSEWHERE]

    def field(self, code: str) -> Field | None:
        """The field that a condition is about; None if there is none."""
        return next((one for one in self.searchable if one.code == code), None)


_offers: Remembered[Offered] = Remembered(timedelta(minutes=1))
_words: Remembered[Mapping[str, str]] = Remembered(timedelta(minutes=1))


def offered(client: Client, portal: Portal, kind: int, language: str) -> Offered:
    """What there is for items of this type. Raises Bx24Error."""

    def ask() -> Offered:
        return Offered(
            crm_catalogue.types(client, language),
            crm_catalogue.fields(client, kind, language),
            crm_catalogue.stages(client, kind),
            crm_catalogue.users(client),
        )

    return _offers.get((portal.id, kind, language), ask)


def values_of(client: Client, portal: Portal, known: Offered, codes: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """Code → value → words, of the fields whose values can be chosen. Raises Bx24Error."""
    found = {}
    for code in dict.fromkeys(codes):
        about = known.field(code)
        if about is not None and (values := _values(client, portal, known, about)):
            found[code] = values
    return found


def _values(client: Client, portal: Portal, known: Offered, about: Field) -> Mapping[str, str]:
    match about.kind:
        case "choice":
            return about.options
        case "yes_no":
            return {"1": _("yes"), "0": _("no")}
        case "user":
            return {str(number): name for number, name in known.users}
        case "category":
            return {str(stage.category_id): stage.pipeline for stage in known.stages if stage.pipeline}
        case "directory" if about.directory:
            return _words.get((portal.id, about.directory), lambda: _directory(client, about.directory))
    return {}


def _directory(client: Client, name: str) -> Mapping[str, str]:
    return crm_catalogue.words_of(client, {name}, ()).directories.get(name, {})
