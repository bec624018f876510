"""Choosing items of the CRM: the form's fields, and the filter that it means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from messaging.campaigns.crm import catalogue as crm_catalogue
from web.context import clean, typed
from web.pages.campaigns.crm_offers import Offered

#: Conditions with a field of one's own choice.
CONDITIONS = 4
#: How a condition compares: prefix of crm.item.list → words.
COMPARED: dict[str, LazyString] = {
    "=": _l("is"),
    "%": _l("contains"),
    ">": _l("is greater than"),
    "<": _l("is less than"),
    ">=": _l("is on or after"),
    "<=": _l("is on or before"),
}
#: How fields of a kind compare; all others as texts.
_BY_KIND = {
    **dict.fromkeys(("number", "money"), ("=", ">", "<")),
    "date": ("=", ">=", "<="),
    "datetime": (">=", "<="),
}
_OF_TEXTS = ("=", "%")
#: Field of the form → the key of the filter.
_DATES = {
    "created_from": ">=createdTime",
    "created_to": "<=createdTime",
    "changed_from": ">=updatedTime",
    "changed_to": "<=updatedTime",
}
_PREFIXES = tuple(sorted(COMPARED, key=len, reverse=True))
_DAY = len("2026-11-30")
#: Kind of a field → what its value is typed into; all others: text.
_INPUTS = {"date": "date", "datetime": "date", "number": "number", "money": "number"}


def number_typed(name: str) -> int:
    """The type of items in this field of the form, 0 if there is none."""
    kind = typed(name)
    return int(kind) if kind.isdecimal() and len(kind) < 10 else 0


def _moment(how: str, day: str) -> str:
    """A day as the moment that a field with a time is compared to: its beginning, or its end. how: begins with > or <."""
    whole = len(day) == _DAY and how[:1] in (">", "<")
    return f"{day}T{'00:00:00' if how[0] == '>' else '23:59:59'}" if whole else day


Values = Mapping[str, Mapping[str, str]]
"""Code of a field → value → words, of the fields whose values can be chosen."""


@dataclass(frozen=True)
class Row:
    """A condition as it is drawn. values: to choose from, {} if the value is typed; kind: of the field."""

    code: str
    how: str
    value: str
    values: Mapping[str, str]
    kind: str

    @property
    def type(self) -> str:
        """Of the input that the value is typed into."""
        return _INPUTS.get(self.kind, "text")

    @property
    def compared(self) -> dict[str, LazyString]:
        """What is offered to compare by, and what a campaign of an earlier version compares by."""
        ways = ("=",) if self.values else _BY_KIND.get(self.kind, _OF_TEXTS)
        return {way: COMPARED[way] for way in dict.fromkeys((*ways, self.how)) if way in ways or self.value}


@dataclass
class Form:
    """The form as it is filled in. conditions: (field, comparison, value). errors: field → what is wrong.

    ids: how many items were chosen one by one. lacking: what still has to be filled in before it means anything.
    """

    type: int = crm_catalogue.DEAL
    stages: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    dates: dict[str, str] = field(default_factory=dict)
    conditions: list[tuple[str, str, str]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    ids: int = 0
    lacking: str = ""

    @classmethod
    def sent(cls) -> "Form":
        """As the browser sent it."""
        rows = zip(*(request.form.getlist(name)[:CONDITIONS] for name in ("field", "compared", "value")), strict=False)
        return cls(
            number_typed("type") or crm_catalogue.DEAL,
            [clean(one)[:60] for one in request.form.getlist("stage")[:200]],
            [one for one in request.form.getlist("person")[:200] if one.isdecimal() and len(one) < 12],
            {name: typed(name)[:10] for name in _DATES},
            [(clean(code)[:120], clean(how), clean(value).strip()[:255]) for code, how, value in rows],
        )

    @classmethod
    def stored(cls, audience: dict[str, Any]) -> "Form":
        """As the campaign keeps it."""
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

    @property
    def codes(self) -> list[str]:
        """The fields that conditions are about."""
        return [code for code, _how, _value in self.conditions if code]

    def rows(self, known: Offered, values: Values) -> list[Row]:
        """The conditions that are filled in, and an empty one behind them."""
        filled = [one for one in self.conditions if one[0]]
        rows = []
        for code, how, value in [*filled, ("", "=", "")][:CONDITIONS]:
            about = known.field(code)
            kind = about.kind if about is not None else "text"
            shown = value[:_DAY] if kind == "datetime" else value
            rows.append(Row(code, how, shown, values.get(code, {}), kind))
        return rows

    def filter(self, known: Offered, values: Values) -> dict[str, Any]:
        """The filter of crm.item.list; what cannot be read is named in `errors`, what is missing in `lacking`."""
        made: dict[str, Any] = {}
        stages = {stage.code for stage in known.stages}
        if chosen := [one for one in self.stages if one in stages]:
            made["@stageId"] = chosen
        if self.people:
            made["@assignedById"] = [int(one) for one in self.people]
        for name, key in _DATES.items():
            if day := self.dates.get(name):
                made[key] = _moment(key, day)
        for code, how, value in self.conditions:
            about = known.field(code)
            if about is None or how not in COMPARED:
                continue
            offered = values.get(code)
            if not value or (offered and value not in offered):
                self.lacking = _("Fill in the value of “%(field)s”, or choose no field.", field=about.label)
            made[f"{'=' if offered else how}{code}"] = _moment(how, value) if about.kind == "datetime" else value
        return made
