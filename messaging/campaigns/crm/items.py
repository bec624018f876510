"""The items of an audience, a page at a time, from wherever the last page ended.

A page of a filter asks for up to six ranges of ids in one batch. A range is as wide as some fifty items were on the last page,
and the last one is open: fifty items come at least, three hundred where they are dense. A range that was cut at fifty ends the
page. Pages are never chained by `$result`: an empty reference would begin the list anew.
Bitrix24 docs: crm/universal/crm-item-list, settings/performance/huge-data.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bx24.batch import BatchReply, Command
from bx24.client import Client
from bx24.errors import Bx24Error, Unavailable
from bx24.php_values import number, values
from messaging.campaigns.crm.audience import CrmAudience, refusal
from messaging.campaigns.crm.catalogue import COMPANY, CONTACT, LEAD, PAGE, plain
from messaging.portals.crm import Pair

#: List calls in one batch. A page of fifty cards is a megabyte at most, and an answer is cut at eight (bx24.wire).
LISTS = 6
#: Cards with phones of their own: these come with all fields only.
OWN_PHONES = (LEAD, CONTACT, COMPANY)
_LINKS = ("contactId", "contactIds", "companyId")
_KEPT = frozenset({"id", "title", "name", "lastName", "fm", *_LINKS})
#: Ranges are a little narrower than fifty items were on the last page: a range that is cut ends the page.
_SPARE = 0.9
Card = Mapping[str, Any]
"""What is kept of an item, a contact or a company: what phone and name need, and the fields that were asked for."""


@dataclass(frozen=True)
class Found:
    """cards: by id. missing: ids without an item. answers: of the other commands of the batch."""

    cards: list[Card]
    missing: list[int]
    cursor: dict[str, int]
    is_last: bool
    answers: Mapping[str, Any]


def read_items(
    client: Client,
    audience: CrmAudience,
    cursor: Mapping[str, int],
    names: Collection[str],
    also: Mapping[str, Command],
) -> Found:
    """The next items with these fields (camelCase). also: commands that ask for something else in the same batch.

    Raises any Bx24Error, and InvalidAudience.
    """
    ask = _Ask(client, audience.entity_type_id, names, also)
    return _by_ids(ask, audience.ids, cursor) if audience.ids is not None else _by_filter(ask, audience.filter, cursor)


@dataclass(frozen=True)
class _Ask:
    """How items are asked for."""

    client: Client
    entity_type_id: int
    names: Collection[str]
    also: Mapping[str, Command]

    def __call__(self, filters: Sequence[Mapping[str, Any]]) -> tuple[list[list[Card]], dict[str, Any]]:
        """The cards of each filter, and the other answers."""
        first = ("*",) if self.entity_type_id in OWN_PHONES else ("id", "title", *_LINKS)
        select = list(dict.fromkeys([*first, *self.names]))
        lists = {f"i{place}": listing(self.entity_type_id, one, select) for place, one in enumerate(filters)}
        reply = self.client.batch({**lists, **self.also})
        for error in reply.errors.values():
            raise refusal(error) from error
        pages = [cards(reply, key, self.names) for key in lists]
        return pages, {key: reply.results.get(key) for key in self.also}


def _by_ids(ask: _Ask, ids: Sequence[int], cursor: Mapping[str, int]) -> Found:
    begin = bisect_right(ids, cursor.get("after", 0))
    chunk = ids[begin : begin + LISTS * PAGE]
    pages, answers = ask([{"@id": list(chunk[start : start + PAGE])} for start in range(0, len(chunk), PAGE)])
    found = [card for page in pages for card in page]
    known = {number(card["id"]) for card in found}
    missing = [one for one in chunk if one not in known]
    after = chunk[-1] if chunk else cursor.get("after", 0)
    return Found(found, missing, {"after": after}, begin + len(chunk) >= len(ids), answers)


def _by_filter(ask: _Ask, given: Mapping[str, Any], cursor: Mapping[str, int]) -> Found:
    conditions, above, until = _bounds(given)
    after, span = max(cursor.get("after", 0), above), cursor.get("span", PAGE)
    ranges = list(_ranges(after, span, until))
    pages, answers = ask([{**conditions, **_between(low, high)} for low, high in ranges])
    found: list[Card] = []
    is_cut = False
    for page, (low, high) in zip(pages, ranges, strict=True):
        found += page
        is_cut = len(page) >= PAGE and (high is None or high - low > PAGE)
        if is_cut:
            break
    last = number(found[-1]["id"]) if found else after
    if is_cut and last <= after:
        raise Unavailable("no_progress", "the portal's list does not begin where it was asked to")
    return Found(found, [], {"after": last, "span": _span(found) or span}, not is_cut, answers)


def _bounds(given: Mapping[str, Any]) -> tuple[dict[str, Any], int, int | None]:
    """The filter without its own bounds of the id, and these: the first one above, the last one up to which."""
    conditions = {key: value for key, value in given.items() if key not in (">id", ">=id", "<id", "<=id")}
    lows = [int(given[key]) - less for key, less in ((">id", 0), (">=id", 1)) if key in given]
    highs = [int(given[key]) - less for key, less in (("<=id", 0), ("<id", 1)) if key in given]
    return conditions, max(lows, default=0), min(highs, default=None)


def _ranges(after: int, span: int, until: int | None) -> list[tuple[int, int | None]]:
    """Ranges of ids, (above, up to); the last one ends where the audience does, or is open."""
    steps = [after + step * span for step in range(LISTS)]
    lows = [low for low in steps if until is None or low < until] or [after]
    highs: list[int | None] = [*lows[1:], until]
    return list(zip(lows, highs, strict=True))


def _between(low: int, high: int | None) -> dict[str, int]:
    return {">id": low} if high is None else {">id": low, "<=id": high}


def _span(found: Sequence[Card]) -> int:
    """How far fifty items reach, as these lie; 0 if that cannot be told."""
    if not found:
        return 0
    reach = number(found[-1]["id"]) - number(found[0]["id"]) + 1
    return max(PAGE, int(reach * PAGE / len(found) * _SPARE))


# --- cards -----------------------------------------------------------------------------------------------------------------


def listing(entity_type_id: int, criteria: Mapping[str, Any], select: Sequence[str]) -> Command:
    """Fifty items in the order of their ids, uncounted."""
    params = {"entityTypeId": entity_type_id, "select": list(select), "filter": criteria}
    return "crm.item.list", {**params, "order": {"id": "ASC"}, "start": -1}


def cards(reply: BatchReply, key: str, names: Collection[str]) -> list[Card]:
    """The items of one list; of each only what is needed, for a card may hold 20 KB. Raises Unavailable without an answer."""
    answer = reply.results.get(key)
    if not isinstance(answer, Mapping) or "items" not in answer:
        raise Unavailable("no_answer", "the portal's answer has no items")
    wanted = {plain(name) for name in names}
    rows = [row for row in values(answer["items"]) if isinstance(row, Mapping) and number(row.get("id"))]
    return [{name: value for name, value in row.items() if name in _KEPT or plain(name) in wanted} for row in rows]


def read_people(client: Client, pairs: Collection[Pair], names: Mapping[int, Collection[str]]) -> dict[Pair, Card]:
    """Contacts and companies, as far as the token's user sees them. names: fields by type. Raises any Bx24Error."""
    by_kind = {kind: sorted({one for known, one in pairs if known == kind}) for kind in (CONTACT, COMPANY)}
    wanted = [(kind, ids[at : at + PAGE]) for kind, ids in by_kind.items() for at in range(0, len(ids), PAGE)]
    found: dict[Pair, Card] = {}
    for begin in range(0, len(wanted), LISTS):
        piece = {f"p{place}": one for place, one in enumerate(wanted[begin : begin + LISTS])}
        select = {kind: ["*", *names.get(kind, ())] for kind in by_kind}
        reply = client.batch({key: listing(kind, {"@id": ids}, select[kind]) for key, (kind, ids) in piece.items()})
        first: Bx24Error | None = next(iter(reply.errors.values()), None)
        if first is not None:
            raise first
        for key, (kind, _) in piece.items():
            found |= {(kind, number(card["id"])): card for card in cards(reply, key, names.get(kind, ()))}
    return found
