"""The table of a report: its columns, and its rows as page and files show them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from flask_babel import gettext as _

from messaging.insight.reports import By, Figures, Rows, Value
from web.pages.reports.names import HEADS, Names
from web.table_files import Cell
from web.texts import number

_CENT = Decimal("0.01")
_MILLION = 1_000_000


@dataclass(frozen=True)
class Column:
    """key: by which the table is sorted. share: of how many a count is a part, None: it has no share."""

    key: str
    title: str
    count: Callable[[Figures], int]
    share: Callable[[Figures], int] | None = None


@dataclass(frozen=True)
class Row:
    """values: what is grouped by; names: what that is called; before: sent in the period before, None: not compared."""

    values: tuple[Value, ...]
    names: tuple[str, ...]
    figures: Figures
    before: int | None


@dataclass(frozen=True)
class Table:
    """heads: of what is grouped by, with their keys; currencies: one column of costs each."""

    heads: list[tuple[str, str]]
    columns: list[Column]
    currencies: list[str]
    rows: list[Row]
    is_compared: bool

    def sorted_by(self, key: str, is_down: bool) -> "Table":
        """The same in another order; as it comes for a key that is not there."""
        order = self._order(key)
        if order is None:
            return self
        rows = sorted(self.rows, key=order, reverse=is_down)
        return Table(self.heads, self.columns, self.currencies, rows, self.is_compared)

    def _order(self, key: str) -> Callable[[Row], tuple[float, str]] | Callable[[Row], tuple[int, str]] | None:
        for place, (known, _title) in enumerate(self.heads):
            if key == known:
                return lambda row: (0, row.names[place].casefold())
        for column in self.columns:
            if key == column.key:
                return lambda row: (column.count(row.figures), "")
        if key in self.currencies:
            return lambda row: (row.figures.costs.get(key, 0), "")
        return (lambda row: (row.before or 0, "")) if key == "before" else None


def columns() -> list[Column]:
    """The columns of every report, in their order, with titles in the reader's language."""
    return [
        Column("sent", _("Sent"), lambda one: one.sent),
        Column("delivered", _("Delivered"), lambda one: one.delivered, lambda one: one.sent),
        Column("read", _("Read"), lambda one: one.read, lambda one: one.sent),
        Column("replied", _("Answered"), lambda one: one.replied, lambda one: one.sent),
        Column("failed", _("Not delivered"), lambda one: one.failed),
        Column("open", _("On the way"), lambda one: one.open),
        Column("opted_out", _("Opted out"), lambda one: one.opted_out),
    ]


def table(found: Rows, before: Rows | None, by: Sequence[By], names: Names) -> Table:
    """Days in their order, all else with the most messages first. before: the same of the period before, None: not compared."""
    rows = [
        Row(
            values,
            tuple(names.of(one, value) for one, value in zip(by, values, strict=True)),
            figures,
            None if before is None else before.get(values, Figures()).sent,
        )
        for values, figures in found.items()
        if figures.is_shown
    ]
    if By.DAY in by:
        rows.sort(key=lambda row: (row.names[by.index(By.DAY)], -row.figures.sent, row.names))
    else:
        rows.sort(key=lambda row: (-row.figures.sent, -row.figures.total, row.names))
    currencies = sorted({currency for row in rows for currency in row.figures.costs})
    return Table([(str(one), str(HEADS[one])) for one in by], columns(), currencies, rows, before is not None)


def percent(part: int, whole: int) -> str:
    """Whole per cent; "" where there is nothing to compare with."""
    if not whole:
        return ""
    share = 100 * part / whole
    if 0 < share < 1:
        return "<1 %"
    return f"{round(share)} %"


def amount(millionths: int) -> Decimal:
    """A sum of money with two places."""
    return (Decimal(millionths) / _MILLION).quantize(_CENT, ROUND_HALF_UP)


def money(millionths: int) -> str:
    """The same as the page writes it."""
    whole, _dot, cents = str(amount(millionths)).partition(".")
    point = number(0.5)[1]
    return f"{number(int(whole))}{point}{cents}" if millionths >= 0 else f"−{money(-millionths)}"


def change(now: int, before: int) -> str:
    """How a figure compares with the period before."""
    was = str(_("was %(count)s", count=number(before)))
    if not before:
        return was
    by = round(100 * (now - before) / before)
    sign = "+" if by > 0 else "−" if by < 0 else ""
    return str(_("%(change)s%%, %(was)s", change=f"{sign}{number(abs(by))}", was=was))


def titles(shown: Table) -> list[str]:
    """The first row of a file."""
    counted = []
    for column in shown.columns:
        counted += [column.title, *([_("%(column)s, %%", column=column.title)] if column.share else [])]
    compared = [_("Sent in the period before")] if shown.is_compared else []
    costs = [_("Cost, %(currency)s", currency=currency) for currency in shown.currencies]
    return [*(title for _key, title in shown.heads), *counted, *costs, *compared]


def cells(shown: Table, row: Row) -> list[Cell]:
    """A row of a file. A share of nothing, and a cost that nobody knows, are empty."""
    counted: list[Cell] = []
    for column in shown.columns:
        number_of = column.count(row.figures)
        counted.append(number_of)
        if column.share:
            whole = column.share(row.figures)
            counted.append(round(Decimal(100 * number_of) / whole, 1) if whole else None)
    costs = [
        amount(row.figures.costs[currency]) if currency in row.figures.costs else None for currency in shown.currencies
    ]
    return [*row.names, *counted, *costs, *([row.before] if shown.is_compared else [])]
