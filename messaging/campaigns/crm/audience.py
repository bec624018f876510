"""CRM items as an audience: which ones, checked when they are chosen; and how many they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, post_load, validates_schema
from marshmallow.fields import Field

from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS, entity_type_id
from bx24.errors import Bx24Error, Rejected
from bx24.i18n import Text
from messaging.campaigns.crm import filters
from messaging.campaigns.crm.catalogue import SMART_PROCESS
from messaging.campaigns.crm.filters import InvalidAudience, Problems

MAX_IDS = 100_000
_NUMBER = re.compile(r"[0-9]{1,18}")
_REFUSED_FIELD = re.compile(r"field '([^']{1,100})'")

_UNKNOWN = Text("this is no part of an audience; leave it out", "в аудитории такого нет; уберите")
_NO_MAP = Text("an audience is a map: type, and filter or ids", "аудитория состоит из type и filter или ids")
_NO_TYPE = Text(
    "say which items: lead, deal, contact, company, quote, smart_invoice, or the number of a smart process (128 or more)",
    "укажите, чьи карточки: lead, deal, contact, company, quote, smart_invoice или номер смарт-процесса (от 128)",
)
_EITHER = Text("give either filter or ids", "укажите что-то одно: filter или ids")
_NO_IDS = Text("a list of the items' numbers is expected here", "здесь нужен список номеров карточек")
_BAD_ID = Text(
    "“{value}” is no number of an item; write 345, say", "«{value}» не номер карточки; напишите, например, 345"
)
_TOO_MANY = Text(
    "{count} items, at most {most} are allowed; make several campaigns or choose by a filter",
    "карточек {count}, можно не больше {most}; сделайте несколько рассылок или задайте условия",
)
_NO_FIELD = Text(
    "these items have no field “{name}”, or it cannot be searched; choose another one",
    "поля «{name}» у этих карточек нет, или по нему нельзя отбирать; выберите другое",
)
_NO_SUCH_FILTER = Text("the portal does not accept these conditions: {why}", "портал не принял условия: {why}")
_NO_SUCH_TYPE = Text(
    "the portal has no such items any more; choose others", "таких карточек на портале больше нет; выберите другие"
)


@dataclass(frozen=True)
class CrmAudience:
    """Items of one type: those that a filter finds, or those with these ids, in their order. Empty filter: all of them.

    filter: keys and values as crm.item.list takes them. ids: None if it is chosen by a filter.
    """

    entity_type_id: int
    filter: Mapping[str, Any]
    ids: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """What `parsed` reads."""
        chosen = {"filter": dict(self.filter)} if self.ids is None else {"ids": list(self.ids)}
        return {"type": self.entity_type_id, **chosen}


def parsed(given: Any) -> CrmAudience:
    """From {"type": 2 | "deal" | "DYNAMIC_183", "filter": {…}} or {"type", "ids": [345, …]}. Raises InvalidAudience."""
    try:
        audience: CrmAudience = _Audience().load(given)
    except ValidationError as error:
        raise InvalidAudience(_problems(error.messages)) from None
    return audience


def _problems(messages: Any) -> Problems:
    """marshmallow's messages by the field: lists of Text, or the problems of a filter."""
    found: Problems = {}
    for name, told in messages.items() if isinstance(messages, Mapping) else [("", messages)]:
        if isinstance(told, Mapping):
            found |= {str(place): text for place, text in told.items()}
        else:
            found["" if name == "_schema" else str(name)] = told[0] if isinstance(told[0], Text) else _NO_MAP
    return found


class _Type(Field[int]):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        word = str(value).strip().upper()
        kind = (
            int(word) if _NUMBER.fullmatch(word) and not isinstance(value, bool) else entity_type_id(("crm", "", word))
        )
        if kind is None or not (kind in ENTITY_TYPE_IDS.values() or SMART_PROCESS <= kind < 2**31):
            raise ValidationError([_NO_TYPE])
        return kind


class _Filter(Field[dict[str, Any]]):
    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, Any]:
        try:
            return filters.checked(value)
        except InvalidAudience as error:
            raise ValidationError(dict(error.problems)) from None


class _Ids(Field[tuple[int, ...]]):
    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ValidationError([_NO_IDS])
        if len(value) > MAX_IDS:
            raise ValidationError([_TOO_MANY.format(count=len(value), most=MAX_IDS)])
        for one in value:
            if isinstance(one, bool | float) or not _NUMBER.fullmatch(str(one)) or int(one) == 0:
                raise ValidationError([_BAD_ID.format(value=str(one)[:40])])
        return tuple(sorted({int(one) for one in value}))


#: marshmallow passes them on as they are.
_MESSAGES: dict[str, Any] = {"unknown": _UNKNOWN, "type": _NO_MAP}


class _Audience(Schema):
    """Says its problems as Text, not as marshmallow's sentences."""

    class Meta:
        unknown = RAISE

    error_messages = _MESSAGES
    type = _Type(required=True, error_messages={"required": [_NO_TYPE], "null": [_NO_TYPE]})
    filter = _Filter(error_messages={"null": [_EITHER]})
    ids = _Ids(error_messages={"null": [_EITHER]})

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **kwargs: Any) -> None:
        if ("filter" in data) == ("ids" in data):
            raise ValidationError({"filter": [_EITHER]})

    @post_load
    def _made(self, data: dict[str, Any], **kwargs: Any) -> CrmAudience:
        return CrmAudience(data["type"], data.get("filter", {}), data.get("ids"))


def count(client: Client, audience: CrmAudience) -> int:
    """How many items the client's token can see; an audience of ids counts its ids. One request.

    Raises Bx24Error, and InvalidAudience if the portal does not accept the filter.
    """
    if audience.ids is not None:
        return len(audience.ids)
    params = {"entityTypeId": audience.entity_type_id, "filter": dict(audience.filter), "select": ["id"]}
    try:
        return client.call("crm.item.list", params).total or 0
    except Rejected as error:
        raise refusal(error) from error


def closed(app: Client, audience: CrmAudience, seen: int) -> int:
    """How many of these items are closed to a person who has counted `seen`. app: with the app's token. Raises as `count`.

    A campaign reads its items with the app's rights, so a person who is no administrator may only take items that he sees.
    """
    return max(0, count(app, audience) - seen)


def refusal(error: Bx24Error) -> Exception:
    """What a refused crm.item.list means: InvalidAudience if the audience is wrong, else the error itself."""
    code = error.code.upper()
    if code == "INVALID_ARG_VALUE":
        named = _REFUSED_FIELD.search(error.description)
        if named is None:
            return InvalidAudience({"filter": _NO_SUCH_FILTER.format(why=error.description[:200])})
        return InvalidAudience({f"filter.{named[1]}": _NO_FIELD.format(name=named[1])})
    if code == "NOT_FOUND":
        return InvalidAudience({"type": _NO_SUCH_TYPE})
    return error
