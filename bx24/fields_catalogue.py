"""What a settings page may insert: the document's fields, results of earlier steps, variables; grouped for the picker.

From PLACEMENT_OPTIONS of a settings page: `document_fields` (id → {Name, Type, Multiple}), `template` (parameters,
variables, constants, globals, return_activities), `document_type`. PHP writes an empty map as `[]`, keys come in either
case, names may be language maps. What cannot be read is left out; nothing here raises.
Bitrix24 docs: tutorials/bizproc/setting-robot; bizproc/classes/general/restactivity.php.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bx24.i18n import Text, language

FREQUENT_MAX = 8
NAME_MAX = 255

# What may stand in `{=Document:…}` for the host to evaluate it.
_ID = re.compile(r"[A-Za-z0-9_.]{1,255}")
_PRINTABLE = "_PRINTABLE"
_CLIENT = ("CONTACT.", "COMPANY.")
# Keys of other systems and of linked records: right in a REST call, never in a message.
_TECHNICAL = re.compile(r"(?:.+[_.])?(?:XML_ID|ORIGIN_ID|ORIGINATOR_ID|ORIGIN_VERSION)|.+[_.]IDS?|.*_SHORT_NAME")
_NUMBERS = frozenset({"", "int", "double", "string"})

_FREQUENT = (
    "CONTACT.NAME",
    "NAME",
    "TITLE",
    "OPPORTUNITY",
    "ASSIGNED_BY_ID",
    "BEGINDATE",
    "CLOSEDATE",
    "DATE_CREATE",
    "CONTACT.PHONE",
    "PHONE",
)

_TITLES = {
    "frequent": Text("Frequent", "Часто"),
    "client": Text("Client", "Клиент"),
    "steps": Text("Previous steps", "Предыдущие действия"),
    "variables": Text("Variables and constants", "Переменные и константы"),
    "all": Text("All fields", "Все поля"),
}
_ITEM = Text("Item", "Элемент")
_ITEMS = {
    "LEAD": Text("Lead", "Лид"),
    "DEAL": Text("Deal", "Сделка"),
    "CONTACT": Text("Contact", "Контакт"),
    "COMPANY": Text("Company", "Компания"),
    "QUOTE": Text("Quote", "Предложение"),
    "SMART_INVOICE": Text("Invoice", "Счёт"),
    "ORDER": Text("Order", "Заказ"),
}
_VARIABLES = (
    ("parameters", "Template"),
    ("variables", "Variable"),
    ("constants", "Constant"),
    ("globalvariables", "GlobalVar"),
    ("globalconstants", "GlobalConst"),
)


@dataclass(frozen=True)
class Item:
    """One thing to insert. id: the part of the expression after the colon. type: Bitrix24's, lower case, "" unknown.

    twin: the other expression of the same field, `{=Document:PHONE}` where PHONE_PRINTABLE is inserted, else "".
    technical: shown only on request.
    """

    expression: str
    id: str
    name: str
    type: str = ""
    multiple: bool = False
    technical: bool = False
    twin: str = ""


@dataclass(frozen=True)
class Group:
    """A heading of the picker. id: frequent client item steps variables all."""

    id: str
    title: str
    items: tuple[Item, ...]

    def to_dict(self) -> dict[str, Any]:
        """For the page's JSON."""
        return {"id": self.id, "title": self.title, "items": [asdict(item) for item in self.items]}


def groups(
    document_fields: Any,
    template: Any,
    document_type: Any = None,
    lang: str | None = None,
    *,
    learnt: Sequence[str] = (),
    own: Collection[str] = (),
) -> list[Group]:
    """The groups of the picker in its order, without the empty ones.

    Every field stands in one of `client`, `item` and `all` (what is left: linked records, technical fields), some again
    in `frequent`. learnt: field ids this portal uses most, they come first there. own: result ids that every step
    of ours returns; steps that have them all come first.
    """
    items = _paired(list(_described("Document", document_fields, lang)))
    shown = [item for item in items if not item.technical]
    client = [item for item in shown if item.id.startswith(_CLIENT)]
    plain = [item for item in shown if "." not in item.id]
    placed = {item.expression for item in (*client, *plain)}
    made = {
        "frequent": _frequent(shown, learnt),
        "client": client,
        "item": plain,
        "steps": _steps(_entry(template, "return_activities"), lang, own),
        "variables": [item for key, prefix in _VARIABLES for item in _described(prefix, _entry(template, key), lang)],
        "all": [item for item in items if item.expression not in placed],
    }
    titles = _TITLES | {"item": _item_title(document_type)}
    return [Group(key, titles[key].to(lang), tuple(found)) for key, found in made.items() if found]


def _paired(items: list[Item]) -> list[Item]:
    """A field and its printable twin as one item, by the field's name; the other one of the two is technical.

    A file has to stay a file: its printable form is a piece of HTML. Anything else is wanted as text.
    """
    by_id = {item.id: item for item in items}
    paired: dict[str, Item] = {}
    for item in items:
        base = item.id.removesuffix(_PRINTABLE)
        plain = None if base == item.id else by_id.get(base) or by_id.get(f"{base}_ID")
        if plain is None:
            paired.setdefault(item.id, replace(item, technical=_is_technical(item)))
        elif plain.type == "file":
            paired[plain.id] = replace(plain, twin=item.expression)
            paired[item.id] = replace(item, technical=True)
        else:
            text = replace(plain, id=item.id, expression=item.expression, twin=plain.expression)
            paired[plain.id] = replace(plain, technical=True)
            paired[item.id] = text
    return list(paired.values())


def _is_technical(item: Item) -> bool:
    return item.type in _NUMBERS and not item.id.startswith("UF_") and bool(_TECHNICAL.fullmatch(item.id))


def _frequent(items: list[Item], learnt: Sequence[str]) -> list[Item]:
    by_id = {item.id: item for item in items}
    by_id |= {_id_of(item.twin): item for item in items if item.twin}
    found = (by_id.get(field_id) for field_id in (*learnt, *_FREQUENT))
    return list(dict.fromkeys(item for item in found if item is not None))[:FREQUENT_MAX]


def _id_of(expression: str) -> str:
    return expression.partition(":")[2].removesuffix("}")


def _steps(steps: Any, lang: str | None, own: Collection[str]) -> list[Item]:
    """Results of earlier steps as "Step: Result"; steps of one title are told apart by a number."""
    ours: list[Item] = []
    others: list[Item] = []
    seen: dict[str, int] = {}
    for name, step in _entries(steps):
        if not _is_id(name) or "." in name:
            continue
        title = _text(_entry(step, "title"), lang) or name
        seen[title] = seen.get(title, 0) + 1
        if seen[title] > 1:
            title = f"{title} ({seen[title]})"
        results = list(_described(name, _entry(step, "return"), lang))
        is_ours = bool(own) and set(own) <= {item.id for item in results}
        (ours if is_ours else others).extend(replace(item, name=f"{title}: {item.name}") for item in results)
    return [*ours, *others]


def _described(prefix: str, entries: Any, lang: str | None) -> Iterator[Item]:
    """Items from a map id → description, or from a list of descriptions with an Id."""
    seen: set[str] = set()
    for code, description in _entries(entries):
        if not _is_id(code) or code in seen:
            continue
        seen.add(code)
        kind = _entry(description, "type")
        yield Item(
            expression=f"{{={prefix}:{code}}}",
            id=code,
            name=_text(_entry(description, "name"), lang) or code,
            type=kind.strip().lower()[:64] if isinstance(kind, str) else "",
            multiple=_is_yes(_entry(description, "multiple")),
        )


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Pairs of id and description. A list's entries carry their Id; so do those of a list PHP wrote as a map."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, description in pairs:
        named = _entry(description, "id")
        has_number = isinstance(key, int) or (isinstance(key, str) and key.isascii() and key.isdigit())
        name = named if has_number and isinstance(named, str) else key
        if isinstance(name, str) and isinstance(description, Mapping):
            yield name, description


def _is_id(value: str) -> bool:
    return _ID.fullmatch(value) is not None


def _entry(value: Any, key: str) -> Any:
    """value[key], whatever the case of letters and underscores of its keys; None when there is no such thing."""
    if not isinstance(value, Mapping):
        return None
    wanted = key.replace("_", "")
    return next(
        (part for name, part in value.items() if isinstance(name, str) and name.lower().replace("_", "") == wanted),
        None,
    )


def _text(value: Any, lang: str | None) -> str:
    """A name in the language asked for, else English, else any; one line, cut to NAME_MAX."""
    if isinstance(value, Mapping):
        by_lang = {str(key).lower(): text for key, text in value.items() if isinstance(text, str) and text.strip()}
        asked = (str(lang or "").lower(), language(lang), "en")
        value = next((by_lang[key] for key in asked if key in by_lang), next(iter(by_lang.values()), ""))
    return " ".join(value.split())[:NAME_MAX] if isinstance(value, str) else ""


def _is_yes(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().upper() in {"Y", "1", "TRUE"}) or value == 1


def _item_title(document_type: Any) -> Text:
    parts = document_type
    if isinstance(parts, Mapping):
        parts = [parts.get(key) for key in ("0", "1", "2")]
    name = parts[2] if isinstance(parts, list | tuple) and len(parts) == 3 else None
    return _ITEMS.get(name.upper(), _ITEM) if isinstance(name, str) else _ITEM
