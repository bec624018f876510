"""One marshmallow schema, two uses: PROPERTIES as registered in Bitrix24, and the check of what a run brings.

    field class, along its MRO     → Type
    required / List                → Required / Multiple
    load_default (scalars)         → Default
    OneOf(choices, labels of Text) → Type select, Options
    metadata title, hint: Text     → Name, Description in all languages
    metadata type                  → Type, where the class does not tell (`text`: several lines; `select`: any value)

Bitrix24 docs: api-reference/bizproc/bizproc-robot/bizproc-robot-add (property descriptor).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from bx24.fields import DecimalFloat, WholeNumber, YesNo
from bx24.i18n import Text

__all__ = [
    "FIELD_TYPES",
    "MAX_SERIALIZED_BYTES",
    "RESERVED",
    "TYPES",
    "DecimalFloat",
    "Descriptor",
    "Properties",
    "WholeNumber",
    "YesNo",
    "check_codes",
    "check_returns",
    "describe",
    "first",
    "returns",
    "serialized_size",
]

MAX_SERIALIZED_BYTES = 65_535
"""PROPERTIES and RETURN_PROPERTIES must each stay below it, as PHP serializes them."""

# Bitrix24 ignores properties of these codes without a word: they are its own on every robot.
RESERVED = frozenset(
    code.lower()
    for code in (
        "Title",
        "UseSubscription",
        "IsTimeout",
        "AuthUserId",
        "SetStatusMessage",
        "StatusMessage",
        "TimeoutDuration",
        "TimeoutDurationType",
    )
)

FIELD_TYPES: dict[type[fields.Field[Any]], str] = {
    fields.Integer: "int",
    fields.Float: "double",
    fields.Decimal: "double",
    fields.Boolean: "bool",
    fields.DateTime: "datetime",
    fields.Date: "date",
    fields.Time: "time",
    fields.String: "string",
}
TYPES = frozenset({*FIELD_TYPES.values(), "text", "select", "user", "file"})

Descriptor = dict[str, Any]
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Properties(Schema):
    """Base of every set of properties. Ignores what it does not know, takes an unfilled field for an absent one.

    A code Bitrix24 would drop (reserved, malformed, or equal to another but for case) raises ValueError when the schema
    is made: dropped properties are noticed only by users.
    """

    class Meta:
        unknown = EXCLUDE

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_codes(self.codes())
        self._read_as = [
            (code, code.lower(), isinstance(field, fields.List), _choices(field) is not None)
            for code, field in ((_code(name, field), field) for name, field in self.fields.items())
        ]

    def codes(self) -> list[str]:
        """Property codes in the order of the card."""
        return [_code(name, field) for name, field in self.fields.items()]

    @pre_load
    def _tidy(self, data: Any, **_: Any) -> dict[str, Any]:
        """Declared codes only, in any case of letters; blanks dropped; lists and scalars as the schema has them."""
        given = data if isinstance(data, Mapping) else {}
        by_lower: dict[str, Any] = {}
        for key, value in given.items():
            by_lower.setdefault(str(key).lower(), value)
        tidy: dict[str, Any] = {}
        for code, lower, is_list, is_choice in self._read_as:
            raw = given[code] if code in given else by_lower.get(lower)
            if raw is None:
                continue
            value = _entries(raw) if is_list else first(raw)
            if not _is_blank(value):
                tidy[code] = _stripped(value) if is_choice else value
        return tidy


def describe(
    schema: Schema | type[Schema],
    lang: str = "en",
    options: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Descriptor]:
    """PROPERTIES of a robot or activity: code → descriptor, in the order of the card.

    lang: the portal's language, for the labels of selects: Bitrix24 takes language maps for Name and Description only.
    options: code → {value: label} for selects whose choices belong to the portal (its lines).
    Raises ValueError for a field without a title and for a field class without a type.
    """
    made = schema() if isinstance(schema, type) else schema
    own = options or {}
    return {
        code: _descriptor(code, field, lang, own.get(code))
        for code, field in ((_code(name, field), field) for name, field in made.fields.items())
    }


def returns(spec: Mapping[str, Text | tuple[Text, str]], besides: Iterable[str] = ()) -> dict[str, Descriptor]:
    """RETURN_PROPERTIES: code → descriptor, from code → title, or code → (title, type) where it is not `string`.

    besides: codes of the properties of the same robot; a result may not bear one of them: ValueError.
    """
    check_codes(list(spec))
    check_returns(besides, spec)
    described: dict[str, Descriptor] = {}
    for code, entry in spec.items():
        title, kind = (entry, "string") if isinstance(entry, Text) else entry
        if kind not in TYPES:
            raise ValueError(f"result {code!r}: Bitrix24 has no type {kind!r}")
        described[code] = {"Name": title.map(), "Type": kind, "Required": "N", "Multiple": "N"}
    return described


def check_codes(codes: Sequence[str]) -> None:
    """ValueError for a code Bitrix24 refuses or silently drops, and for two that differ in case only."""
    seen: dict[str, str] = {}
    for code in codes:
        if not _CODE.fullmatch(code):
            raise ValueError(f"code {code!r}: latin letters, digits and _ only, a letter first")
        if code.lower() in RESERVED:
            raise ValueError(f"code {code!r} is Bitrix24's own, the property would be dropped")
        if code.lower() in seen:
            raise ValueError(f"codes {seen[code.lower()]!r} and {code!r} share one form field")
        seen[code.lower()] = code


def check_returns(properties: Iterable[str], results: Iterable[str]) -> None:
    """ValueError when a result bears the code of a property: Bitrix24 would drop the result."""
    both = {code.lower() for code in properties} & {code.lower() for code in results}
    if both:
        raise ValueError(f"both a property and a result: {', '.join(sorted(both))}")


def serialized_size(value: object) -> int:
    """Bytes of PHP's serialize() of the same value: what Bitrix24 measures against MAX_SERIALIZED_BYTES."""
    if value is None:
        return len("N;")
    if isinstance(value, bool):
        return len("b:1;")
    if isinstance(value, int | float):
        return len(f"i:{value};")
    if isinstance(value, Mapping):
        return _array_size([part for pair in value.items() for part in pair], len(value))
    if isinstance(value, list | tuple):
        return _array_size([part for pair in enumerate(value) for part in pair], len(value))
    size = len(str(value).encode())
    return len(f's:{size}:"";') + size


def _array_size(parts: Sequence[object], count: int) -> int:
    return len(f"a:{count}:{{}}") + sum(serialized_size(part) for part in parts)


def _code(name: str, field: fields.Field[Any]) -> str:
    return name if field.data_key is None else field.data_key


def _descriptor(code: str, field: fields.Field[Any], lang: str, options: Mapping[str, str] | None) -> Descriptor:
    title, hint = field.metadata.get("title"), field.metadata.get("hint")
    if not isinstance(title, Text):
        raise ValueError(f"property {code!r} needs metadata title=Text(…): Bitrix24 refuses one without a name")
    choices = _choices(field)
    kind = _type(code, field, choices is not None or options is not None)
    descriptor: Descriptor = {"Name": title.map()}
    if isinstance(hint, Text):
        descriptor["Description"] = hint.map()
    descriptor["Type"] = kind
    descriptor["Required"] = _yn(field.required)
    descriptor["Multiple"] = _yn(isinstance(field, fields.List))
    if kind == "select":
        descriptor["Options"] = dict(options) if options is not None else _labels(choices, lang)
    default = _default(field)
    if default is not None:
        descriptor["Default"] = default
    return descriptor


def _type(code: str, field: fields.Field[Any], has_options: bool) -> str:
    inner = _inner(field)
    kind = field.metadata.get("type") or inner.metadata.get("type") or ("select" if has_options else None)
    if kind is None:
        kind = next((FIELD_TYPES[base] for base in type(inner).__mro__ if base in FIELD_TYPES), None)
    if kind not in TYPES:
        raise ValueError(f"property {code!r}: no Bitrix24 type for {type(inner).__name__}, type {kind!r}")
    return str(kind)


def _inner(field: fields.Field[Any]) -> fields.Field[Any]:
    return field.inner if isinstance(field, fields.List) else field


def _choices(field: fields.Field[Any]) -> validate.OneOf | None:
    validators = [*field.validators, *_inner(field).validators]
    return next((validator for validator in validators if isinstance(validator, validate.OneOf)), None)


def _labels(choices: validate.OneOf | None, lang: str) -> dict[str, str]:
    if choices is None:
        return {}
    labels: list[Any] = list(choices.labels)
    return {
        str(choice): labels[i].to(lang) if i < len(labels) and isinstance(labels[i], Text) else str(choice)
        for i, choice in enumerate(choices.choices)
    }


def _default(field: fields.Field[Any]) -> str | None:
    value = field.load_default
    if isinstance(value, bool):
        return _yn(value)
    return str(value) if isinstance(value, str | int | float) and value != "" else None


def _yn(value: bool) -> str:
    return "Y" if value else "N"


def _entries(raw: Any) -> list[Any]:
    """A multiple property as a list: {"0": …, "1": …} by number, a single value as one entry.

    An empty entry among filled ones stays (as ""): it holds the place of a template's variable.
    """
    if isinstance(raw, list):
        return [first(entry) or "" for entry in raw]
    if isinstance(raw, Mapping):
        raw = [raw[key] for key in (sorted(raw, key=lambda key: int(str(key))) if _is_numbered(raw) else raw)]
    entries = list(raw) if isinstance(raw, list | tuple) else [raw]
    return [first(entry) or "" for entry in entries]


def first(raw: Any) -> Any:
    """A single property as a string. Bitrix24 sends the first element where an expression yields several; so do we.

    A map with words for keys is no list of values: it stays, and no field takes it.
    """
    if isinstance(raw, str):
        return raw  # as nearly all are: looking for what else it may be costs twenty times as much
    while isinstance(raw, Mapping | list | tuple):
        if isinstance(raw, Mapping) and not _is_numbered(raw):
            return raw
        raw = next(iter(raw.values() if isinstance(raw, Mapping) else raw), None)
    if isinstance(raw, bool):
        return _yn(raw)
    return raw if raw is None or isinstance(raw, str) else str(raw)


def _is_numbered(raw: Mapping[Any, Any]) -> bool:
    return all(re.fullmatch(r"[0-9]{1,9}", str(key)) for key in raw)


def _is_blank(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_blank(entry) for entry in value)
    return value is None or (isinstance(value, str) and not value.strip())


def _stripped(value: Any) -> Any:
    if isinstance(value, list):
        return [_stripped(entry) for entry in value]
    return value.strip() if isinstance(value, str) else value
