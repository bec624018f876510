"""The values of a robot in the portal's own form: its hidden inputs, its controls, and reading it back.

Source: bizproc/lib/basetype (extractValue, renderControl) and BX.Bizproc.Automation of the product.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from bx24.emulator.formats import php
from bx24.emulator.formats.expressions import is_expression, shown
from bx24.emulator.formats.texts import text_of
from bx24.emulator.formats.values import RESERVED, is_yes
from bx24.emulator.rules import deal_fields
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import RobotRecord, localized

Descriptors = dict[str, dict[str, Any]]
_TRUE, _FALSE = ("y", "yes", "true", "1"), ("n", "no", "false", "0")


@dataclass(frozen=True)
class Control:
    """The control of one property, for a robot without a settings page of its own.

    options: (key, title) of each choice, for select and bool. values: at least one, so that there is a row to fill.
    """

    name: str
    label: str
    hint: str
    kind: str
    multiple: bool
    required: bool
    values: list[str]
    options: list[tuple[str, str]]
    problem: str


def properties(record: RobotRecord) -> Descriptors:
    """The registered properties that the portal does not ignore for their codes."""
    return {code: item for code, item in record.properties().items() if code not in RESERVED}


def hidden_inputs(record: RobotRecord, values: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of the inputs beside a settings page. The names of single values and of lists differ."""
    rows = []
    known = {code.lower(): value for code, value in values.items()}
    for code in properties(record):
        value = known.get(code.lower())
        if isinstance(value, list):
            rows += [(f"property_{code.lower()}[]", str(entry)) for entry in value]
        elif value is not None:
            rows.append((f"property_{code.lower()}", str(value)))
    return rows


def summary(portal: Portal, record: RobotRecord, values: dict[str, Any], lang: str) -> str:
    """The texts of a robot, a line for each property; what is only chosen or counted is left out."""

    def name_of(source: str, name: str) -> str:
        title = deal_fields.fields(portal).get(name, {}).get("Name") if source == "Document" else results.get(name)
        return str(title or name)

    results = {code: localized(item.get("NAME"), lang) for code, item in record.returns().items()}
    known = {code.lower(): value for code, value in values.items()}
    lines = []
    for code, item in properties(record).items():
        value = known.get(code.lower())
        entries = value if isinstance(value, list) else [value]
        text = ", ".join(shown(str(entry), name_of) for entry in entries if entry)
        if text and _kind(item) in ("string", "text"):
            lines.append(f"{_label(code, item, lang)}: {text}")
    return "\n".join(lines)


def controls(record: RobotRecord, values: dict[str, Any], problems: dict[str, str], lang: str) -> list[Control]:
    """The controls of all properties; a property that was never set shows its default."""
    known = {code.lower(): value for code, value in values.items()}
    return [
        _control(code, item, known.get(code.lower(), item.get("DEFAULT")), problems.get(code, ""), lang)
        for code, item in properties(record).items()
    ]


def _control(code: str, item: dict[str, Any], value: Any, problem: str, lang: str) -> Control:
    multiple, required = is_yes(item.get("MULTIPLE")), is_yes(item.get("REQUIRED"))
    entries = [str(entry) for entry in php.values(value)] if php.is_array(value) else [str(value or "")]
    entries = entries or [""]
    options = _options(item, lang)
    if options:
        # A value that is no choice, such as an expression, must survive the next save.
        options += [(entry, entry) for entry in entries if entry and entry not in dict(options)]
        options = [("", text_of("not_set", lang)), *options]
    return Control(
        name=f"property_{code.lower()}" + ("[]" if multiple else ""),
        label=_label(code, item, lang),
        hint=localized(item.get("DESCRIPTION"), lang),
        kind=_kind(item),
        multiple=multiple,
        required=required,
        values=entries if multiple else entries[:1],
        options=options,
        problem=problem,
    )


def _label(code: str, item: dict[str, Any], lang: str) -> str:
    return localized(item.get("NAME"), lang) or code


def _kind(item: dict[str, Any]) -> str:
    return str(item.get("TYPE") or "string").lower()


def _options(item: dict[str, Any], lang: str) -> list[tuple[str, str]]:
    kind = _kind(item)
    if kind == "bool":
        return [("Y", text_of("yes", lang)), ("N", text_of("no", lang))]
    return [(key, localized(title, lang)) for key, title in php.items(item.get("OPTIONS"))] if kind == "select" else []


def read_form(record: RobotRecord, form: MultiDict[str, str], lang: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by code, and problems by code. Inputs of unknown codes are ignored.

    A multiple property loses its empty items. A single property takes the first item of a list. If a property comes
    both as a single value and as a list, the later one counts, as in PHP.
    """
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for code, item in properties(record).items():
        entries = _sent(form, f"property_{code.lower()}")
        checked = [_checked(item, entry) for entry in entries if entry != ""]
        good = [entry for entry in checked if entry is not None]
        found[code] = [entry for entry in entries if entry != ""] if None in checked else good
        if not is_yes(item.get("MULTIPLE")):
            found[code] = found[code][0] if found[code] and entries[0] != "" else ""
        if None in checked:
            problems[code] = text_of(f"bad_{_kind(item)}", lang, label=_label(code, item, lang))
        elif is_yes(item.get("REQUIRED")) and not found[code]:
            problems[code] = text_of("bad_empty", lang, label=_label(code, item, lang))
    return found, problems


def _sent(form: MultiDict[str, str], name: str) -> list[str]:
    last = next((key for key in reversed(list(form)) if key in (name, f"{name}[]")), name)
    # A browser sends line ends as CR LF. The real portal reads the inputs by script and gets LF.
    return [entry.replace("\r\n", "\n") for entry in form.getlist(last)]


def _checked(item: dict[str, Any], entry: str) -> str | None:
    """The entry as it is stored; None if its type does not allow it. Expressions are always allowed."""
    check = _CHECKS.get(_kind(item))
    return entry if check is None or is_expression(entry) else check(item, entry)


def _integer(_: dict[str, Any], entry: str) -> str | None:
    text = entry.replace(" ", "")
    return text if re.fullmatch(r"[-+]?\d+", text) else None


def _number(_: dict[str, Any], entry: str) -> str | None:
    text = entry.replace(" ", "").replace(",", ".")
    return text if re.fullmatch(r"[-+]?\d+(\.\d+)?", text) else None


def _yes_or_no(_: dict[str, Any], entry: str) -> str | None:
    text = entry.strip().lower()
    return "Y" if text in _TRUE else "N" if text in _FALSE else None


def _key(item: dict[str, Any], entry: str) -> str | None:
    return entry if entry in {key for key, _ in php.items(item.get("OPTIONS"))} else None


_CHECKS: dict[str, Callable[[dict[str, Any], str], str | None]] = {
    "int": _integer,
    "double": _number,
    "bool": _yes_or_no,
    "select": _key,
}
