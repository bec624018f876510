"""Charts as SVG drawn by the server: no script, readable as text, a table below. Colours come from the stylesheet.

The coordinates are numbers of a viewBox, so a chart fills its card at any width. No style attribute: the pages' CSP forbids it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from flask_babel import gettext as _
from markupsafe import Markup

from web.texts import number

WIDTH, HEIGHT = 480, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 6
#: Colours that can be told apart; further series share one.
KINDS = ("info", "warn", "bad", "ok")
#: The most columns that have a label each; of more, only the first and the last.
LABELLED = 8


@dataclass(frozen=True)
class Series:
    """One row of values; None is a gap, for which there is no figure. kind: the colour, a class `chart-<kind>`.

    Known kinds: ok, info, warn, bad, grey.
    """

    name: str
    values: Sequence[float | None]
    kind: str = "info"


def ranked(named: Sequence[tuple[str, Sequence[float | None]]]) -> list[Series]:
    """A series for each name, the largest first; those without a colour of their own are grey: a chart draws them together."""
    largest = sorted(named, key=lambda one: -sum(value or 0 for value in one[1]))
    return [
        Series(name, values, KINDS[nth] if nth < len(KINDS) else "grey") for nth, (name, values) in enumerate(largest)
    ]


def bars(
    series: Sequence[Series], labels: Sequence[object], title: str, unit: str = "", line: Series | None = None
) -> Markup:
    """Stacked columns. labels: one per column, markup allowed (`texts.moment`); title: the conclusion in a sentence.

    line: a series that is no part of the sum, drawn as a line above the columns. Several grey series are drawn as one.
    """
    told, series = [*series, *([line] if line else [])], _together(series)
    totals = [sum(value or 0 for value in column) for column in zip(*(one.values for one in series), strict=True)]
    top = _ceiling(max([*totals, *((value or 0) for value in (line.values if line else ()))], default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    drawn = Markup("")
    for column in range(len(labels)):
        floor = 0.0
        for one in series:
            value = one.values[column] or 0
            if value:
                drawn += Markup('<rect class="chart-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    one.kind, LEFT + column * step + 1, _y(floor + value, top), max(1.0, step - 2), value / top * _PLOT
                )
            floor += value
    if line:
        drawn += _path(line, LEFT + step / 2, step, top)
    return _figure(drawn, [*series, *([line] if line else [])], told, labels, title, unit, top)


def lines(series: Sequence[Series], labels: Sequence[object], title: str, unit: str = "") -> Markup:
    """A line per series, with gaps where there is no figure. labels and title as in `bars`."""
    top = _ceiling(max((value for one in series for value in one.values if value is not None), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)
    drawn = Markup("").join(_path(one, LEFT, step, top) for one in series)
    return _figure(drawn, series, series, labels, title, unit, top)


def shares(series: Sequence[Series]) -> Markup:
    """A row for each series with its sum, as a bar beside the others': where time plays no part."""
    sums = [sum(value or 0 for value in one.values) for one in series]
    most = max(sums, default=0) or 1
    rows = Markup("").join(
        Markup(
            '<tr><th scope="row">{}</th><td><svg class="chart-share" viewBox="0 0 100 10" preserveAspectRatio="none" '
            'aria-hidden="true"><rect class="chart-info" width="{:.1f}" height="10"/></svg></td>'
            '<td class="right">{}</td></tr>'
        ).format(one.name, 100 * total / most, number(round(total, 3)))
        for one, total in zip(series, sums, strict=True)
    )
    return Markup('<table class="shares"><tbody>{}</tbody></table>').format(rows)


def _together(series: Sequence[Series]) -> list[Series]:
    """The series as they are drawn: several grey ones are one."""
    grey = [one for one in series if one.kind == "grey"]
    if len(grey) < 2:
        return list(series)
    sums = [sum(value or 0 for value in column) for column in zip(*(one.values for one in grey), strict=True)]
    others = replace(grey[0], name=_("Others: %(count)s", count=len(grey)), values=sums)
    return [*(one for one in series if one.kind != "grey"), others]


def _path(one: Series, left: float, step: float, top: float) -> Markup:
    """A line through the figures of a series, with gaps; a figure without neighbours is a dot."""
    path, dots, pen = [], Markup(""), "M"
    for column, value in enumerate(one.values):
        if value is None:
            pen = "M"
            continue
        x, y = left + column * step, _y(value, top)
        if pen == "M" and (column + 1 == len(one.values) or one.values[column + 1] is None):
            dots += Markup('<circle class="chart-{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(one.kind, x, y)
        else:
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
    return Markup('<path class="chart-line chart-{}" d="{}"/>').format(one.kind, " ".join(path)) + dots


_PLOT = HEIGHT - TOP - BOTTOM


def _y(value: float, top: float) -> float:
    return TOP + _PLOT * (1 - value / top)


def _ceiling(most: float) -> float:
    """The top of the axis: the least of 1, 2 and 5 times a power of ten that is above `most`; 1 for 0."""
    power = 1.0
    while power <= most:
        power *= 10
    while 0 < most < power / 10:
        power /= 10
    return next((power * part for part in (0.1, 0.2, 0.5) if 0 < most < power * part), power)


def _figure(
    drawn: Markup,
    series: Sequence[Series],
    told: Sequence[Series],
    labels: Sequence[object],
    title: str,
    unit: str,
    top: float,
) -> Markup:
    """The picture of these series, and the table of all that are told."""
    key = f"chart-{token_hex(4)}"
    legend = Markup("").join(
        Markup('<li><span class="chart-dot chart-{}"></span>{}</li>').format(one.kind, one.name) for one in series
    )
    svg = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}"><title id="{}">{}</title>{}{}</svg>'
    ).format(WIDTH, HEIGHT, key, key, title, _axis(top), drawn)
    return Markup('<figure class="figure">{}{}<ul class="chart-legend">{}</ul>{}</figure>').format(
        svg, _ends(labels), legend, _table(told, labels, title, unit)
    )


def _axis(top: float) -> Markup:
    return Markup("").join(
        Markup(
            '<path class="chart-grid" d="M{} {:.1f}H{}"/><text class="chart-text" x="{}" y="{:.1f}">{}</text>'
        ).format(LEFT, _y(value, top), WIDTH - RIGHT, LEFT - 6, _y(value, top) + 4, number(round(value, 3)))
        for value in _marks(top)
    )


def _marks(top: float) -> Iterator[float]:
    """Figures on the axis: its ends and its middle, unless that is half a message."""
    yield 0
    if top < 1 or top % 2 == 0:
        yield top / 2
    yield top


def _ends(labels: Sequence[object]) -> Markup:
    """What stands below the columns."""
    is_each = 2 < len(labels) <= LABELLED
    shown = labels if is_each else [labels[0], labels[-1]] if labels else []
    return Markup('<p class="chart-ends{} small muted">{}</p>').format(
        " chart-each" if is_each else "", Markup("").join(Markup("<span>{}</span>").format(label) for label in shown)
    )


def _table(series: Sequence[Series], labels: Sequence[object], title: str, unit: str) -> Markup:
    head = Markup("").join(Markup('<th scope="col" class="right">{}</th>').format(one.name) for one in series)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            label,
            Markup("").join(Markup('<td class="right">{}</td>').format(_shown(one.values[at])) for one in series),
        )
        for at, label in enumerate(labels)
    )
    caption = f"{title}, {unit}" if unit else title
    return Markup(
        '<details><summary>{}</summary><div class="chart-table" tabindex="0" role="region" aria-label="{}"><table>'
        '<caption class="sr">{}</caption><thead><tr><th scope="col">{}</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div></details>"
    ).format(_("Show as a table"), caption, caption, _("Time"), head, body)


def _shown(value: float | None) -> str:
    return "—" if value is None else number(round(value, 3))
