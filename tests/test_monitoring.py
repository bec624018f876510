"""Dashboard and alert rules name figures that /metrics shows: a figure that was renamed would leave an alarm silent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from messaging.system.counters import HELP
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World

DEPLOY = Path(__file__).parent.parent / "deploy"
NAME = re.compile(r"\bwaba24_\w+")
#: A selector's labels, and those a `by (…)` or a legend names.
SELECTOR = re.compile(r"(waba24_\w+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def expressions(found: Any) -> list[str]:
    """The queries of a dashboard."""
    if isinstance(found, dict):
        own = [found[key] for key in ("expr", "definition") if isinstance(found.get(key), str)]
        return own + [text for value in found.values() for text in expressions(value)]
    return [text for value in found for text in expressions(value)] if isinstance(found, list) else []


def dashboard() -> list[str]:
    return expressions(json.loads((DEPLOY / "grafana" / "waba24.json").read_text()))


def rules() -> list[str]:
    """Without a library for YAML: our own file, in which each `expr` is one line or an indented block."""
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    return re.findall(r"^ +expr: (?:\|-?\n)?((?:.+\n)(?: {10,}.+\n)*)", text, re.MULTILINE)


def exported(world: World) -> dict[str, set[str]]:
    """Name of each series of /metrics → its labels. Families without a sample are known by their declaration."""
    series = {f"waba24_{name}_total": set(labels) for name, (_, labels) in HELP.items()}
    answer = world.app.get("/metrics")
    assert answer.status_code == 200
    for family in text_string_to_metric_families(answer.text):
        if family.type != "counter":
            series.setdefault(family.name, set())
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    for part in ("bucket", "sum", "count"):
        series.setdefault(f"waba24_seconds_to_provider_{part}", {"line", "le"} if part == "bucket" else {"line"})
    for gauge, labels in {"messages": ("line", "status"), "lines_stopped": ("line", "code")}.items():
        series[f"waba24_{gauge}"].update(labels)
    for gauge in ("line_pace", "lines_paused"):
        series[f"waba24_{gauge}"].add("line")
    return series


@ONE_DATABASE
@pytest.mark.parametrize("read", [dashboard, rules], ids=["dashboard", "alerts"])
def test_every_figure_that_is_asked_for_is_shown(world: World, read: Any) -> None:
    known = exported(world)
    asked = read()
    assert len(asked) >= 10, "too few: are they still found?"
    for text in asked:
        assert set(NAME.findall(text)) <= known.keys(), text
        for name, labels in SELECTOR.findall(text):
            assert set(LABEL.findall(labels)) <= known[name] | {"job", "instance"}, text


def test_every_alert_says_what_to_do() -> None:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    names = re.findall(r"- alert: (\w+)", text)
    assert len(names) == len(set(names)) == len(rules())
    described = (DEPLOY.parent / "docs" / "operators" / "monitoring.md").read_text()
    assert [name for name in names if f"`{name}`" not in described] == []
