"""Prices: what a message costs by country and category, from which day; a portal's own ones go before those delivered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response
from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from messaging.money import price_files, prices
from messaging.money.price_files import MOST_BYTES, MOST_ROWS, Unreadable
from messaging.money.prices import TooMany
from messaging.money.table import CATEGORIES, REST, Rate, Table, delivered
from messaging.store import amounts
from messaging.store.models import Portal
from web.context import runtime, sent_file, typed
from web.frames import Viewer
from web.pages.shell import blueprint, changes, reads, show
from web.sheets import Sheet, csv_response
from web.texts import number
from web.turns import takes_turn

#: Categories as people read them.
NAMES: dict[str, LazyString] = {
    "marketing": _l("Marketing"),
    "utility": _l("Utility"),
    "utility_window": _l("Utility in an open window"),
    "authentication": _l("Authentication"),
    "authentication_international": _l("Authentication, international"),
    "service": _l("Messages without a template"),
    "referral_conversion": _l("After a click on an ad"),
    "gupshup": _l("Gupshup's fee for each message"),
}
#: Columns of the table of all countries.
SHOWN = ("marketing", "utility", "utility_window", "authentication", "service")
LABELS: dict[str, LazyString] = {
    "country": _l("Country"),
    "category": _l("Category"),
    "since": _l("In force from"),
    "amount": _l("Price of one message"),
    "currency": _l("Currency"),
}
_REMEDIES: dict[str, LazyString] = {
    "country": _l("Give two letters, such as RU, or * for all others"),
    "category": _l("Give one of: %(categories)s"),
    "since": _l("Give a day from 2020 on, for example 2026-10-01"),
    "amount": _l("Give a number from 0 with at most six decimal places, for example 0.0802"),
    "currency": _l("Give a currency in three letters, for example USD"),
}
#: The same in the form, where they are chosen from lists.
_CHOICES: dict[str, LazyString] = {
    "country": _l("Choose a country, or “all others”"),
    "category": _l("Choose a category of the list"),
}
_PROBLEMS = {
    "missing": _l("Choose a file."),
    "empty": _l("There is no price in this file."),
    "not_text": _l("This is not a text file. Save the sheet as CSV."),
    "too_large": _l("The file is larger than %(size)s KB. Split it, and load the parts one after another."),
    "too_long": _l("The file has more than %(rows)s rows. Split it, and load the parts one after another."),
    "columns": _l("The first row must name the columns: %(columns)s."),
}
_TOO_MANY = _l("A portal may have %(most)s prices of its own. Remove some, then try again.")
_FORM = 16 * 1024


@dataclass(frozen=True)
class Country:
    """Today's prices of a country, by category; None: not known."""

    code: str
    rates: Mapping[str, Rate | None]


@blueprint.get("/prices", endpoint="prices")
@reads
def prices_page(viewer: Viewer, portal: Portal) -> Response:
    return draw(viewer, portal)


def draw(viewer: Viewer, portal: Portal, **more: Any) -> Response:
    """The page. more: said: what was just done; given, errors: of the form; refused: of the file; faults: of its rows."""
    with runtime().db.read() as session:
        own = prices.own(session, portal.id)
        # Another process may have changed them since the frame was opened.
        stored = session.get_one(Portal, portal.id)
        table = prices.table_of(runtime(), stored)
    today = prices.today(runtime())
    values = {"said": "", "given": {}, "errors": {}, "refused": "", "faults": [], **more}
    return show(
        "pages/prices.html",
        viewer,
        section="prices",
        own=own,
        countries=_countries(table),
        codes=sorted({rate.country for rate in delivered()} - {REST}),
        fee=table.price(REST, "gupshup", today),
        today=today,
        names=NAMES,
        shown=SHOWN,
        labels=LABELS,
        categories=CATEGORIES,
        rest=REST,
        **values,
    )


def _countries(table: Table) -> list[Country]:
    today = prices.today(runtime())
    codes = sorted({rate.country for rate in table.rows(today)} - {REST})
    return [Country(code, {name: table.price(code, name, today) for name in SHOWN}) for code in [*codes, REST]]


def _remedy(fault: str) -> str:
    return str(_REMEDIES[fault]) % {"categories": ", ".join(CATEGORIES)}


@blueprint.post("/prices", endpoint="add_price")
@changes
def add(viewer: Viewer, portal: Portal) -> Response:
    """Set one price; one of the same country, category and day is replaced."""
    given = {name: typed(name)[:40] for name in price_files.COLUMNS}
    rate, faults = price_files.rate_of(given)
    if rate is None:
        errors = {fault.field: str(_CHOICES.get(fault.field, "")) or _remedy(fault.field) for fault in faults}
        return draw(viewer, portal, given=given, errors=errors)
    return _put(viewer, portal, [rate])


def _put(viewer: Viewer, portal: Portal, rates: Sequence[Rate]) -> Response:
    try:
        count = prices.put(runtime(), portal.id, rates, viewer.user_id)
    except TooMany:
        return draw(viewer, portal, refused=str(_TOO_MANY) % {"most": number(prices.AT_MOST)})
    said = ngettext("%(num)s price is saved. It holds for messages that are planned from now on.",
                    "%(num)s prices are saved. They hold for messages that are planned from now on.", count)  # fmt: skip
    return draw(viewer, portal, said=said)


@blueprint.post("/prices/<int:price_id>/remove", endpoint="remove_price")
@changes
def remove(viewer: Viewer, portal: Portal, price_id: int) -> Response:
    """Remove a price of one's own; that of waba24 holds again."""
    prices.remove(runtime(), portal.id, price_id)
    return draw(viewer, portal, said=_("The price is removed. What waba24 delivers holds again."))


@blueprint.post("/prices/import", endpoint="import_prices")
@changes
def load(viewer: Viewer, portal: Portal) -> Response:
    """Set the prices of a file, all of them or none."""
    name, content = sent_file("file", MOST_BYTES, _FORM)
    try:
        if not name:
            raise Unreadable("missing")
        rates, faults = price_files.read(content)
    except Unreadable as error:
        words = {"size": MOST_BYTES // 1024, "rows": number(MOST_ROWS), "columns": ", ".join(price_files.COLUMNS)}
        return draw(viewer, portal, errors={"file": str(_PROBLEMS[error.code]) % words})
    if faults:
        return draw(viewer, portal, faults=[(fault, _remedy(fault.field)) for fault in faults])
    return _put(viewer, portal, rates)


@blueprint.post("/prices.csv", endpoint="prices_csv")
@reads
@takes_turn
def export(viewer: Viewer, portal: Portal) -> Response:
    """All prices in force and to come, own ones first; the file can be loaded again after its rows were changed."""
    return csv_response("prices.csv", _csv(viewer, portal))


def _csv(viewer: Viewer, portal: Portal) -> Iterator[str]:
    with runtime().db.read() as session:
        table = prices.table_of(runtime(), session.get_one(Portal, portal.id))
    sheet = Sheet(viewer.language)
    yield sheet.head([*price_files.COLUMNS, "whose"])
    yield sheet.rows(
        (
            *(rate.country, rate.category, rate.since.isoformat(), amounts.plain(rate.amount), rate.currency),
            "own" if rate.is_own else "waba24",
        )
        for rate in table.rows(prices.today(runtime()))
        if rate.amount is not None
    )
