"""What a portal's CRM offers for an audience: its types, their fields, stages and people.

Bitrix24 docs: crm/universal/crm-item-fields, crm/universal/category/crm-category-list, crm/status/crm-status-list,
crm/universal/user-defined-object-types/crm-type-list, user/user-get.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

from bx24.batch import MAX_BATCH, BatchReply, Command
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS
from bx24.errors import Rejected, Unauthorized
from bx24.i18n import Text
from bx24.php_values import number, text, upper_map, values

LEAD, DEAL, CONTACT, COMPANY, QUOTE, INVOICE = ENTITY_TYPE_IDS.values()
#: Whose fields a code may name beside the item's own: CONTACT.NAME.
RELATED = {"CONTACT": CONTACT, "COMPANY": COMPANY}
#: The ids of smart processes begin here.
SMART_PROCESS = 128
#: Rows of a page; pages of users and of smart processes that are read.
PAGE, PAGES = 50, 10
_TYPES = {
    LEAD: Text("Leads", "Лиды"),
    DEAL: Text("Deals", "Сделки"),
    CONTACT: Text("Contacts", "Контакты"),
    COMPANY: Text("Companies", "Компании"),
    QUOTE: Text("Estimates", "Предложения"),
    INVOICE: Text("Invoices", "Счета"),
}
_PREFIXED = {"CONTACT": Text("Contact: {}", "Контакт: {}"), "COMPANY": Text("Company: {}", "Компания: {}")}
#: Bitrix24's type → ours; all others are texts.
_KINDS = {
    **dict.fromkeys(("integer", "double", "float"), "number"),
    **dict.fromkeys(("user", "employee"), "user"),
    **dict.fromkeys(("boolean", "char"), "yes_no"),
    **{"date": "date", "datetime": "datetime", "money": "money", "file": "file", "enumeration": "choice"},
    **{"crm_status": "directory", "crm_category": "category", "crm_multifield": "phones"},
}
#: Types with pipelines, and where the stages of each are.
_PIPELINES = {DEAL: "DEAL_STAGE", INVOICE: "SMART_INVOICE_STAGE"}
_DEAL_STAGE, _SMART_STAGE = re.compile(r"C([0-9]{1,9}):.*"), re.compile(r"DT[0-9]{1,9}_([0-9]{1,9}):.*")


@dataclass(frozen=True)
class Field:
    """A field of a type. code: as crm.item.list takes it; of the item's contact or company CONTACT.NAME. label: the portal's.

    kind: text number date datetime yes_no choice directory category user money file phones. options: of a choice, id → words.
    directory: of a directory, its id as crm.status.list has it.
    """

    code: str
    label: str
    kind: str
    options: Mapping[str, str] = attribute(default_factory=dict)
    directory: str = ""


@dataclass(frozen=True)
class Stage:
    """code: as `stageId` has it. pipeline: its name, "" where the type has none."""

    code: str
    label: str
    category_id: int
    pipeline: str


def plain(code: str) -> str:
    """A field's code, whichever way it is spelled: camelCase or UPPER_CASE."""
    return code.replace("_", "").lower()


def types(client: Client, lang: str) -> list[tuple[int, str]]:
    """The types whose items can be an audience: id and name. Smart processes only if the token's user may see them.

    Raises Bx24Error.
    """
    found = [(number_, name.to(lang)) for number_, name in _TYPES.items()]
    start: int | None = 0
    for _ in range(PAGES):
        try:
            reply = client.call("crm.type.list", {"order": {"id": "ASC"}, "start": start})
        except (Rejected, Unauthorized):
            return found
        rows = [row for row in values(reply.mapping().get("types")) if isinstance(row, Mapping)]
        known = [(number(row.get("entityTypeId")), text(row.get("title"))) for row in rows]
        found += [(kind, title or f"#{kind}") for kind, title in known if kind >= SMART_PROCESS]
        start = reply.next
        if start is None:
            break
    return found


def fields(client: Client, entity_type_id: int, lang: str) -> list[Field]:
    """The fields of a type, then those of its contact and company. Raises Bx24Error, Rejected if there is no such type."""
    related = {name: kind for name, kind in RELATED.items() if entity_type_id not in RELATED.values()}
    reply = client.batch({name: fields_of(kind) for name, kind in {"": entity_type_id, **related}.items()})
    raise_unless(reply, optional=related)
    found = described(reply.results.get(""))
    for name in related:
        label = _PREFIXED[name].to(lang)
        for code, one in _told(reply.results.get(name)):
            own = _field(code, one)
            upper = text(one.get("upperName")) or code
            found.append(Field(f"{name}.{upper}", label.format(own.label), own.kind, own.options, own.directory))
    return found


def fields_of(entity_type_id: int) -> Command:
    return "crm.item.fields", {"entityTypeId": entity_type_id}


def described(answer: Any) -> list[Field]:
    """From the answer of crm.item.fields."""
    return [_field(code, one) for code, one in _told(answer)]


def _told(answer: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    entries = answer.get("fields") if isinstance(answer, Mapping) else None
    pairs = entries.items() if isinstance(entries, Mapping) else ()
    return [(str(code), one) for code, one in pairs if isinstance(one, Mapping)]


def _field(code: str, told: Mapping[str, Any]) -> Field:
    rows = [upper_map(row) for row in values(told.get("items"))]
    return Field(
        code=code,
        label=text(told.get("title")) or code,
        kind=_KINDS.get(text(told.get("type")), "text"),
        options={text(row.get("ID")): text(row.get("VALUE")) for row in rows},
        directory=text(told.get("statusType")),
    )


def stages(client: Client, entity_type_id: int) -> list[Stage]:
    """The stages of a type, pipeline after pipeline; none if it has no stages. Raises Bx24Error."""
    if entity_type_id in (LEAD, QUOTE):
        pipelines = {0: ""}
    elif entity_type_id in (CONTACT, COMPANY):
        return []
    else:
        listed = client.call("crm.category.list", {"entityTypeId": entity_type_id}).mapping().get("categories")
        rows = [upper_map(row) for row in values(listed)][:MAX_BATCH]
        pipelines = {number(row.get("ID")): text(row.get("NAME")) for row in rows}
    directories = {category: _directory(entity_type_id, category) for category in pipelines}
    words = words_of(client, set(directories.values()), ())
    return [
        Stage(code, label, category, pipelines[category])
        for category, directory in directories.items()
        for code, label in words.directories.get(directory, {}).items()
    ]


def _directory(entity_type_id: int, category: int) -> str:
    """Where the stages of a pipeline are."""
    if entity_type_id in (LEAD, QUOTE):
        return "STATUS" if entity_type_id == LEAD else "QUOTE_STATUS"
    name = _PIPELINES.get(entity_type_id, f"DYNAMIC_{entity_type_id}_STAGE")
    return name if entity_type_id == DEAL and not category else f"{name}_{category}"


def directory_of(entity_type_id: int, field: Field, value: str) -> str:
    """The directory with the words for a value of a field. A stage's code tells its directory."""
    if field.code != "stageId":
        return field.directory
    found = (_DEAL_STAGE if entity_type_id == DEAL else _SMART_STAGE).fullmatch(value)
    return _directory(entity_type_id, int(found[1]) if found else 0)


# --- the words for ids -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """directories: id of a directory → code → words, in the portal's order. users: names by id."""

    directories: Mapping[str, Mapping[str, str]]
    users: Mapping[int, str]


def words_of(client: Client, directories: Collection[str], users: Collection[int]) -> Words:
    """The words of these directories and the names of these users; nothing for what the token's user may not see.

    Raises Bx24Error.
    """
    people = sorted(users)
    commands: dict[str, Command] = {
        f"d{name}": ("crm.status.list", {"filter": {"ENTITY_ID": name}, "order": {"SORT": "ASC"}})
        for name in sorted(directories)
    }
    for begin in range(0, len(people), PAGE):
        commands[f"u{begin}"] = ("user.get", {"FILTER": {"ID": people[begin : begin + PAGE]}})
    found: dict[str, dict[str, str]] = {}
    names: dict[int, str] = {}
    keys = list(commands)
    for begin in range(0, len(keys), MAX_BATCH):
        reply = client.batch({key: commands[key] for key in keys[begin : begin + MAX_BATCH]})
        raise_unless(reply, optional=commands)
        for key, answer in reply.results.items():
            rows = [upper_map(row) for row in values(answer)]
            if key.startswith("d"):
                found[key[1:]] = {text(row.get("STATUS_ID")): text(row.get("NAME")) for row in rows}
            else:
                names |= _names(rows)
    return Words(found, names)


def users(client: Client) -> list[tuple[int, str]]:
    """The people who work in the portal, 500 at most; none if the app may not see them. Raises Bx24Error."""
    params = {"FILTER": {"ACTIVE": "Y", "USER_TYPE": "employee"}}
    reply = client.batch({f"u{page}": ("user.get", {**params, "start": page * PAGE}) for page in range(PAGES)})
    raise_unless(reply, optional=reply.errors)
    found: dict[int, str] = {}
    for page in range(PAGES):
        found |= _names([upper_map(row) for row in values(reply.results.get(f"u{page}"))])
    return sorted(found.items(), key=lambda pair: pair[1])


def _names(rows: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    named = {number(row.get("ID")): f"{text(row.get('NAME'))} {text(row.get('LAST_NAME'))}".strip() for row in rows}
    return {key: name for key, name in named.items() if key and name}


def raise_unless(reply: BatchReply, optional: Collection[str] = ()) -> None:
    """Raise the first error of a batch, unless its command may be refused for good."""
    for key, error in reply.errors.items():
        if key not in optional or not isinstance(error, Rejected | Unauthorized):
            raise error
