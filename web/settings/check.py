"""What a run would refuse about these settings, shown while they are being typed.

The actions' own rules check the fields and plan the message. Expressions that Bitrix24 will replace by values get
stand-ins, and the desk answers from our database alone: no vendor is asked, nothing is fetched, stored or sent.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from marshmallow import ValidationError

from activities import phones
from activities.base import Action, Card, Shared, explain, too_long
from activities.errors import Refused
from activities.send_template import ordered
from bx24.i18n import Text
from bx24.properties import Descriptor, Properties, describe
from gupshup.templates import TemplateInfo
from messaging.files.sources import not_understood, understood
from messaging.lines import selection
from messaging.portals import portals
from messaging.portals.crm import contact_id
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from messaging.templates.catalogue import look, meant
from web.context import clean
from web.settings.fields import Value, schema_of

#: Bitrix24's own pattern of what it evaluates (bizproc, CBPActivity).
EXPRESSION = re.compile(
    r"\{=\s*[a-z0-9_]+\s*:\s*[a-z0-9_.]+(?:\s*>\s*[a-z0-9_:]+(?:\s*,\s*[a-z0-9_]+)?)?\s*\}", re.IGNORECASE
)
#: Values that pass every check: stand-ins for values that are not known yet, and for fields with a problem already found.
#: A field that is not listed gets a value by its type (`_good`).
GOOD: dict[str, Value] = {
    "line": "", "phone": "+79161234567", "until": "accepted", "wait_minutes": "60",
    "text": "x", "header": "1", "footer": "", "button": "x", "buttons": ["x"], "items": "x",
    "template": "x", "language": "", "params": [], "button_params": [], "if_empty": "", "accept": [],
    "file": "1", "kind": "auto", "caption": "", "file_name": "",
    "contact": "1", "contact_name": "x", "contact_phone": "+79161234567", "contact_email": "", "contact_company": "",
    "latitude": "0", "longitude": "0", "place": "", "address": "",
    "if_closed": "fail", "fallback_template": "x", "fallback_params": [], "quiet": "send", "message": "x",
}  # fmt: skip
_GOOD_BY_TYPE = {
    "int": "1",
    "double": "1",
    "bool": "Y",
    "date": "2026-01-01",
    "datetime": "2026-01-01T00:00",
    "time": "00:00",
}
#: Fields that cannot be checked if they hold an expression, like all fields that are no texts. In other texts what is
#: around the expression is checked.
_WHOLE = frozenset(
    {"line", "phone", "until", "wait_minutes", "template", "language", "file", "kind", "contact", "contact_phone"}
    | {"contact_email", "latitude", "longitude", "if_closed", "fallback_template", "quiet", "message"}
)
_STANDS_IN = 0x4E00  # a letter of its own per expression: two buttons with different expressions must not look equal
_EMPTY = Text("The field “{field}” is empty. Fill it in.", "Поле «{field}» пустое. Заполните его.")
_NOT_SENT = re.compile(r"^(?:Not sent: |Не отправили: )")
MOST = 30
#: Fields by which others are judged, and those whose entries are numbered.
_DEPENDED_ON = ("template", "language", "fallback_template")
_NUMBERED = ("params", "button_params", "fallback_params")


class _Unjudged(Exception):
    """This cannot be judged without asking a vendor."""


@dataclass(frozen=True)
class Problem:
    """field: property code; index: the entry with the problem, counted from 1; None if it is the whole field's."""

    field: str
    code: str
    text: Text
    index: int | None = None

    def to_dict(self, lang: str) -> dict[str, Any]:
        words = _NOT_SENT.sub("", self.text.to(lang))
        return {"field": self.field, "code": self.code, "index": self.index, "text": words[:1].upper() + words[1:]}


class Desk:
    """`activities.base.Desk` of a server that answers from its database: every file is there. is_open: the window."""

    msgid = ""

    def __init__(self, runtime: Runtime, portal: Portal, line: Line | None, is_open: bool = True) -> None:
        self.runtime = runtime
        self.is_open = is_open
        self.portal = portal
        self.line = line
        self.region = portals.phone_region(portal)

    def now(self) -> datetime:
        return self.runtime.clock()

    def window_until(self) -> datetime | None:
        return self.now() + timedelta(hours=1) if self.is_open else None

    def close_chats(self) -> int | None:
        return 0

    def contact(self, reference: str) -> Card:
        contact_id(reference)
        return Card("x", "", ("+79161234567",))

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        if not understood(self.portal.client_endpoint, reference):
            raise not_understood(reference.strip()[:60])
        return Shared("document" if media == "auto" else media, "https://file.example/x", name or "x", "", 1)

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        if self.line is None or self.line.templates_synced_at is None:
            raise _Unjudged
        with self.runtime.db.read() as session:
            return meant(reference, language, look(session, self.line, reference))


def problems(runtime: Runtime, portal: Portal, side: str, action: Action, given: Mapping[str, Any]) -> list[Problem]:
    """Every problem that can be found, in the order of the fields. given: code → text or texts, as typed on the page."""
    schema = schema_of(side, action)
    codes = schema.codes()
    written = {code: value for code in codes if (value := _value(given.get(code))) is not None}
    # The header of a template is a file, that of buttons a text.
    whole = _WHOLE | _no_texts(schema) | ({"header"} if "template" in codes else set())
    long = too_long(schema, written)
    written |= {refusal.at: _good(schema, refusal.at) for refusal in long}
    refusals = _refusals(runtime, portal, action, schema, _stood_in(schema, written, whole))
    found = dict.fromkeys(_placed(schema, refusal) for refusal in (*long, *refusals))
    judged = [problem for problem in found if not _is_unknown(written.get(problem.field, ""), problem, whole)]
    return sorted(judged, key=lambda problem: (codes.index(problem.field), problem.index or 0))


def recipient(portal: Portal, given: Mapping[str, Any]) -> str:
    """The number that a run would send to, digits, as far as what was typed says: "" for a field, or several numbers."""
    typed = phones.split(str(given.get("phone") or ""))
    return phones.digits(typed[0], portals.phone_region(portal)) or "" if len(typed) == 1 else ""


def _refusals(
    runtime: Runtime, portal: Portal, action: Action, schema: Properties, written: dict[str, Value]
) -> Iterator[Refused]:
    """The refusals one after the other: a refused value is replaced by a good one, so that the next refusal shows."""
    try:
        tidy: dict[str, Any] = dict(action.tidy(written))
    except Refused as refusal:
        yield refusal
        tidy = {**written, "latitude": GOOD["latitude"], "longitude": GOOD["longitude"]}
    mended = {}
    for missing in _of_fields(schema, tidy):
        yield missing
        mended[missing.at] = _good(schema, missing.at)
    try:
        values = schema.load(tidy | mended)
    except ValidationError:
        return  # A stand-in is refused as well: what depends on this field cannot be judged.
    if not action.is_addressed:
        return
    line = None
    try:
        line, _ = selection.choose(portal, values["line"].strip(), (), ())
    except Refused as refusal:
        yield refusal
    desk = Desk(runtime, portal, line)
    if values["phone"].strip():
        try:
            phones.valid(phones.split(values["phone"]), desk.region)
        except Refused as refusal:
            yield refusal
    # A field that was refused already holds our stand-in: refusals of that are no news.
    yield from (refused for refused in _of_plan(action, values, desk) if refused.at not in mended)
    if values.get("if_closed") == "template":
        # What goes instead is looked at as well.
        closed = Desk(runtime, portal, line, is_open=False)
        yield from (refused for refused in _of_plan(action, values, closed) if refused.at not in mended)


def _good(schema: Properties, code: str) -> Value:
    if code in GOOD:
        return GOOD[code]
    field = _described(schema)[code]
    value = next(iter(field.get("Options", ())), _GOOD_BY_TYPE.get(field["Type"], "x"))
    return [value] if field["Multiple"] == "Y" else value


def _no_texts(schema: Properties) -> set[str]:
    return {code for code, field in _described(schema).items() if field["Type"] not in ("string", "text")}


@cache  # an action makes each of its schemas once
def _described(schema: Properties) -> dict[str, Descriptor]:
    return describe(schema, options={"line": {}})


def _of_fields(schema: Properties, tidy: Mapping[str, Any]) -> list[Refused]:
    try:
        schema.load(tidy)
    except ValidationError as error:
        return [explain(schema, tidy, ValidationError({code: words})) for code, words in error.messages_dict.items()]
    return []


def _of_plan(action: Action, values: dict[str, Any], desk: Desk) -> Iterator[Refused]:
    seen: set[tuple[str, int | None]] = set()
    for _ in range(MOST):
        try:
            action.plan(values, desk)
        except _Unjudged:
            return
        except Refused as refusal:
            yield refusal
            place = (refusal.at, refusal.position)
            if place in seen or not _mend(values, refusal):
                return
            seen.add(place)
        else:
            return


def _mend(values: dict[str, Any], refusal: Refused) -> bool:
    """Replace the refused value by a good one. False if that is impossible, because other values depend on it."""
    code, position = refusal.at, refusal.position
    if code in (*_DEPENDED_ON, *_NUMBERED, "buttons") and position is None:
        return False
    if code in _NUMBERED:
        entries = ordered(values[code], code)
        entries += [""] * (int(position or 0) - len(entries))
        entries[int(position or 0) - 1] = "x"
        values[code] = [f"[{n}]{entry}" for n, entry in enumerate(entries, 1)]
    elif code == "buttons":
        lines = [line for entry in values[code] for line in entry.splitlines() if line.strip()]
        lines[int(position or 0) - 1] = chr(_STANDS_IN - 1 - int(position or 0))
        values[code] = lines
    elif code in values and code in GOOD:
        values[code] = GOOD[code]
    else:
        return False
    return True


def _placed(schema: Properties, refusal: Refused) -> Problem:
    """The refusal at a field that the page has: a part of the message without a field belongs to the text, as a macro's
    parts do, else to the action's first field."""
    codes = schema.codes()
    own = [code for code in codes if code not in ("line", "phone")]
    at = refusal.at if refusal.at in codes else "text" if "text" in codes else [*own, *codes][0]
    # The page knows that nothing was typed: a run cannot tell that from a variable without a value.
    is_empty = refusal.code == "value_missing" and at == refusal.at
    text = _EMPTY.format(field=Text(**_described(schema)[at]["Name"])) if is_empty else refusal.text
    return Problem(at, refusal.code, text, refusal.position if at == refusal.at else None)


def _value(value: Any) -> Value | None:
    if isinstance(value, list):
        return [clean(entry) for entry in value if isinstance(entry, str)]
    return clean(value) if isinstance(value, str) else None


def _stood_in(schema: Properties, written: Mapping[str, Value], whole: Collection[str]) -> dict[str, Value]:
    """The values without expressions: each becomes a letter, or the whole field becomes a good value (see _WHOLE)."""
    letters: dict[str, str] = {}

    def letter(match: re.Match[str]) -> str:
        return letters.setdefault(match[0], chr(_STANDS_IN + len(letters)))

    def stand_in(code: str, value: Value) -> Value:
        if isinstance(value, list):
            return [EXPRESSION.sub(letter, entry) for entry in value]
        if not EXPRESSION.search(value):
            return value
        return _good(schema, code) if code in whole else EXPRESSION.sub(letter, value)

    return {code: stand_in(code, value) for code, value in written.items()}


def _is_unknown(value: Value, problem: Problem, whole: Collection[str]) -> bool:
    """Whether only the value that Bitrix24 puts in will show if this is a problem."""
    if isinstance(value, list):
        entries = [entry for entry in value if entry.strip()]
        at = problem.index
        if at is None:
            return problem.field in whole and any(EXPRESSION.search(entry) for entry in entries)
        return 0 < at <= len(entries) and _is_expression(entries[at - 1])
    return bool(EXPRESSION.search(value)) if problem.field in whole else _is_expression(value)


def _is_expression(text: str) -> bool:
    return bool(text.strip()) and not EXPRESSION.sub("", text).strip()


__all__ = ["Problem", "problems"]
