"""What is left of a run: JSON for programs, a table and a plot for docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.figures import NAMES, Row, Verdict, markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- make bench DOCS=1 writes from here -->", "<!-- to here -->"
PLOTTED = "Messages per second, from the stored run to Gupshup: stock RQ, Celery, waba24 with one process and with two"
#: Bars of the plot, from the slowest expected to the fastest: label, path below "messages".<database>.
BARS = (("rq worker", "rq"), ("Celery 2 × 128", "celery"), ("waba24, 1 × 128", "ours_1"), ("waba24, 2 × 128", "ours_2"))


def as_dict(parts: Mapping[str, Any], verdicts: list[Verdict], problems: list[str], scale: float) -> dict[str, Any]:
    """The whole run. Keys are stable; `schema` rises when one changes."""
    return {
        "schema": 1,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "machine": machine.facts(),
        "versions": machine.versions(),
        "scale": scale,
        "parts": dict(parts),
        "verdicts": [verdict.to_dict() for verdict in verdicts],
        "problems": problems,
    }


def write_json(path: Path, found: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n")


def write_docs(found: Mapping[str, Any], rows: list[Row], verdicts: list[Verdict], folder: Path = DOCS) -> None:
    """Put the table between the markers of performance.md, and draw performance.svg. Raises ValueError without markers."""
    page = folder / "performance.md"
    page.write_text(between(page.read_text(), tables(found, rows, verdicts)))
    if "messages" in found["parts"]:
        (folder / "performance.svg").write_bytes(plot(found["parts"]["messages"]))


def between(page: str, text: str) -> str:
    """The page with `text` between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def tables(found: Mapping[str, Any], rows: list[Row], verdicts: list[Verdict]) -> str:
    """Machine, verdicts, figures, the plot if there is one, as Markdown."""
    plotted = [f"![{PLOTTED}](performance.svg)"] if "messages" in found["parts"] else []
    return "\n\n".join(
        [
            _where(found),
            markdown(
                ("goal", "database", "wanted", "measured", ""),
                ((one.goal, NAMES[one.database], one.bound, one.shown, one.word) for one in verdicts),
            ),
            markdown(
                ("part", "what", "database", "figures"),
                ((row.part, row.what, NAMES[row.database], row.figures) for row in rows),
            ),
            *plotted,
        ]
    )


def _where(found: Mapping[str, Any]) -> str:
    here, versions = found["machine"], found["versions"]
    hardware = f"{here['cores']} cores ({here['cpu'] or here['machine']}), {here['memory_gb']:g} GiB, {here['system']}"
    software = ", ".join(f"{name} {number}" for name, number in versions.items())
    scale = "" if found["scale"] == 1 else f" Scale {found['scale']:g}: a quick look, not a measurement."
    return (
        f"{found['date'][:10]}, commit {found['commit']}. {hardware}; fsync {here['fsync_ms']:g} ms; {software}.{scale}"
    )


def plot(messages: Mapping[str, Any]) -> bytes:
    """Messages per second as bars on a logarithmic axis, SVG."""
    import pygal
    from pygal.style import CleanStyle

    chart = pygal.HorizontalBar(
        style=CleanStyle(font_family="sans-serif", background="white", plot_background="white"),
        title="Messages per second, from the stored run to Gupshup (200 ms each)",
        logarithmic=True,
        range=(1, 2000),
        zero=1,
        y_labels=[1, 3, 10, 30, 100, 300, 1000],
        print_values=True,
        legend_at_bottom=True,
        js=[],
        width=900,
        height=420,
    )
    chart.uuid = "bench"  # else drawn by chance: the same figures would give another file each time
    chart.x_labels = [label for label, _ in BARS]
    for database in ("postgresql", "sqlite"):
        if found := messages.get(database):
            chart.add(NAMES[database], [found.get(key, {}).get("per_s") for _, key in BARS])
    drawn: bytes = chart.render()
    return drawn
