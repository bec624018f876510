"""Choosing items of the CRM: the form's fields, the filter that it means, and what the portal offers for it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bx24.client import Client
from messaging.campaigns import crm_catalogue
from messaging.campaigns.crm_catalogue import Field, Stage
from messaging.store.models import Portal
from web.context import clean, typed
from web.pages.campaigns.numbers import Remembered

#: Conditions with a field of one's own choice.
CONDITIONS = 4
#: How a condition compares: prefix of crm.item.list → words.
COMPARED: dict[str, LazyString] = {
    "=": _l("is"),
    "%": _l("contains"),
    ">": _l("is greater than"),
    "<": _l("is less than"),
}
#: Field of the form → the key of the filter.
_DATES = {
    "created_from": ">=createdTime",
    "created_to": "<=createdTime",
    "changed_from": ">=updatedTime",
    "changed_to": "<=updatedTime",
}
_PREFIXES = tuple(COMPARED)


@dataclass(frozen=True)
class Offered:
    """What the portal's CRM has to choose from."""

    types: list[tuple[int, str]]
    fields: list[Field]
    stages: list[Stage]
    users: list[tuple[int, str]]


_offers: Remembered[Offered] = Remembered(timedelta(minutes=1))


def offered(client: Client, portal: Portal, kind: int, language: str) -> Offered:
    """What there is for items of this type, a minute old at most. Raises Bx24Error."""

    def ask() -> Offered:
        return Offered(
            crm_catalogue.types(client, language),
            crm_catalogue.fields(client, kind, language),
            crm_catalogue.stages(client, kind),
            crm_catalogue.users(client),
        )

    return _offers.get((portal.id, kind, language), ask)


@dataclass
class Form:
    """The form as it is filled in. conditions: (field, comparison, value). errors: field → what is wrong."""

    type: int = crm_catalogue.DEAL
    stages: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    dates: dict[str, str] = field(default_factory=dict)
    conditions: list[tuple[str, str, str]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    ids: int = 0

    @classmethod
    def sent(cls) -> "Form":
        """As the browser sent it."""
        kind = typed("type")
        rows = zip(*(request.form.getlist(name)[:CONDITIONS] for name in ("field", "compared", "value")), strict=False)
        return cls(
            int(kind) if kind.isdecimal() and len(kind) < 10 else crm_catalogue.DEAL,
            [clean(one)[:60] for one in request.form.getlist("stage")[:200]],
            [one for one in request.form.getlist("person")[:200] if one.isdecimal() and len(one) < 12],
            {name: typed(name)[:10] for name in _DATES},
            [(clean(code)[:120], clean(how), clean(value).strip()[:255]) for code, how, value in rows],
        )

    @classmethod
    def stored(cls, audience: dict[str, Any]) -> "Form":
        """As the campaign keeps it. ids: of items that were chosen one by one."""
        found = cls(int(audience.get("type", crm_catalogue.DEAL)), ids=len(audience.get("ids") or ()))
        days = {key: name for name, key in _DATES.items()}
        for key, value in (audience.get("filter") or {}).items():
            if key in days:
                found.dates[days[key]] = str(value)[:10]
            elif key == "@stageId":
                found.stages = [str(one) for one in value]
            elif key == "@assignedById":
                found.people = [str(one) for one in value]
            else:
                prefix = next((one for one in _PREFIXES if key.startswith(one)), "")
                found.conditions.append((key.removeprefix(prefix), prefix or "=", str(value)))
        return found

    def filter(self, known: Offered) -> dict[str, Any]:
        """The filter of crm.item.list; what cannot be read is named in `errors`."""
        made: dict[str, Any] = {}
        stages = {stage.code for stage in known.stages}
        if chosen := [one for one in self.stages if one in stages]:
            made["@stageId"] = chosen
        if self.people:
            made["@assignedById"] = [int(one) for one in self.people]
        for name, key in _DATES.items():
            if day := self.dates.get(name):
                made[key] = f"{day}T{'00:00:00' if key[0] == '>' else '23:59:59'}"
        by_code = {one.code: one for one in known.fields}
        for code, how, value in self.conditions:
            if code and how in COMPARED and code in by_code:
                made[f"{how}{code}"] = self._value(by_code[code], value)
        return made

    def _value(self, about: Field, value: str) -> str:
        """What stands in the filter for what was typed: the id of a choice, 1 or 0."""
        if about.kind == "yes_no":
            return {"да": "1", "yes": "1", "нет": "0", "no": "0"}.get(value.casefold(), value)
        if about.kind != "choice" or value in about.options:
            if not value:
                self.errors["conditions"] = _(
                    "Fill in the value of “%(field)s”, or choose no field.", field=about.label
                )
            return value
        found = next((key for key, label in about.options.items() if label.casefold() == value.casefold()), None)
        if found is None:
            choices = ", ".join(list(about.options.values())[:10])
            self.errors["conditions"] = _("“%(field)s” can be: %(choices)s.", field=about.label, choices=choices)
        return found or value


def searchable(known: Offered) -> list[Field]:
    """The item's own fields that a condition can be about."""
    return [one for one in known.fields if "." not in one.code and one.kind not in ("file", "phones")]
