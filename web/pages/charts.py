"""Charts as SVG drawn by the server: no script, readable as text, a table below. Colours come from the stylesheet.

The coordinates are numbers of a viewBox, so a chart fills its card at any width. No style attribute: the pages' CSP forbids it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex

from flask_babel import gettext as _
from markupsafe import Markup

from web.texts import number

WIDTH, HEIGHT = 720, 180
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 6


@dataclass(frozen=True)
class Series:
    """One row of values; None is a gap, for which there is no figure. kind: the colour, a class `chart-<kind>`.

    Known kinds: ok, info, warn, bad, grey.
    """

    name: str
    values: Sequence[float | None]
    kind: str = "info"


def bars(series: Sequence[Series], labels: Sequence[object], title: str, unit: str = "") -> Markup:
    """Stacked columns. labels: one per column, markup allowed (`texts.moment`); title: the conclusion in a sentence."""
    totals = [sum(value or 0 for value in column) for column in zip(*(one.values for one in series), strict=True)]
    top = _ceiling(max(totals, default=0))
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
    return _figure(drawn, series, labels, title, unit, top)


def lines(series: Sequence[Series], labels: Sequence[object], title: str, unit: str = "") -> Markup:
    """A line per series, with gaps where there is no figure. labels and title as in `bars`."""
    top = _ceiling(max((value for one in series for value in one.values if value is not None), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)
    drawn = Markup("")
    for one in series:
        path, pen = [], "M"
        for column, value in enumerate(one.values):
            if value is None:
                pen = "M"
                continue
            x, y = LEFT + column * step, _y(value, top)
            is_alone = pen == "M" and (column + 1 == len(one.values) or one.values[column + 1] is None)
            path.append(f"M{x - 4:.1f} {y:.1f}H{x:.1f}" if is_alone else f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        drawn += Markup('<path class="chart-line chart-{}" d="{}"/>').format(one.kind, " ".join(path))
    return _figure(drawn, series, labels, title, unit, top)


_PLOT = HEIGHT - TOP - BOTTOM


def _y(value: float, top: float) -> float:
    return TOP + _PLOT * (1 - value / top)


def _ceiling(most: float) -> float:
    """The top of the axis: the least of 1, 2 and 5 times a power of ten that is not below `most`; 1 for 0."""
    power = 1.0
    while power < most:
        power *= 10
    while 0 < most <= power / 10:
        power /= 10
    return next((power * part for part in (0.1, 0.2, 0.5) if most and most <= power * part), power)


def _figure(
    drawn: Markup, series: Sequence[Series], labels: Sequence[object], title: str, unit: str, top: float
) -> Markup:
    key = f"chart-{token_hex(4)}"
    axis = Markup("").join(
        Markup(
            '<path class="chart-grid" d="M{} {:.1f}H{}"/><text class="chart-text" x="{}" y="{:.1f}">{}</text>'
        ).format(LEFT, _y(value, top), WIDTH - RIGHT, LEFT - 6, _y(value, top) + 4, number(round(value, 3)))
        for value in (0, top / 2, top)
    )
    legend = Markup("").join(
        Markup('<li><span class="chart-dot chart-{}"></span>{}</li>').format(one.kind, one.name) for one in series
    )
    svg = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}"><title id="{}">{}</title>{}{}</svg>'
    ).format(WIDTH, HEIGHT, key, key, title, axis, drawn)
    ends = Markup('<p class="chart-ends small muted"><span>{}</span><span>{}</span></p>').format(
        labels[0] if labels else "", labels[-1] if labels else ""
    )
    return Markup('<figure class="figure">{}{}<ul class="chart-legend">{}</ul>{}</figure>').format(
        svg, ends, legend, _table(series, labels, title, unit)
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
