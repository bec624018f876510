"""Charts drawn by the server: what they say without colours and without script."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from flask import Flask

from web import texts
from web.pages.charts import HEIGHT, WIDTH, Series, bars, lines


@pytest.fixture(autouse=True)
def _in_english() -> object:
    app = Flask("web", static_folder=None)
    texts.attach(app)
    with app.test_request_context():
        yield


def _svg(drawn: str) -> ElementTree.Element:
    found = re.search(r"<svg.*?</svg>", drawn, re.DOTALL)
    assert found
    return ElementTree.fromstring(found[0])


def test_columns_stand_on_each_other_inside_the_picture() -> None:
    drawn = bars([Series("good", [3, 0], "ok"), Series("<bad>", [1, 2], "bad")], ["10:00", "11:00"], "5 of 6 & more")
    svg = _svg(drawn)
    assert svg.get("role") == "img"
    assert svg.findtext("title") == "5 of 6 & more"
    rects = [{key: float(str(one.get(key))) for key in ("x", "y", "width", "height")} for one in svg.iter("rect")]
    assert len(rects) == 3, "nothing is drawn for a zero"
    first, above, second = rects
    assert above["y"] + above["height"] == pytest.approx(first["y"], abs=0.2)
    assert first["height"] == pytest.approx(3 * above["height"], abs=0.2)
    assert second["x"] > first["x"] + first["width"]
    assert all(
        one["y"] >= 0 and one["y"] + one["height"] <= HEIGHT and one["x"] + one["width"] <= WIDTH for one in rects
    )
    assert "&lt;bad&gt;" in drawn
    assert re.findall(r'<th scope="row">(.*?)</th>', drawn) == ["10:00", "11:00"]
    assert re.findall(r'<td class="right">(.*?)</td>', drawn) == ["3", "1", "0", "2"]
    assert "style=" not in drawn


def test_a_line_is_interrupted_where_there_is_no_figure() -> None:
    drawn = lines([Series("age", [1.5, None, 0, 2], "info")], list("abcd"), "Age of the oldest", "seconds")
    (path,) = (one for one in _svg(drawn).iter("path") if "chart-line" in str(one.get("class")))
    assert [letter for letter in str(path.get("d")) if letter.isalpha()] == ["M", "L"]
    assert len(list(_svg(drawn).iter("circle"))) == 1, "a lone figure is a dot"
    assert re.findall(r'<td class="right">(.*?)</td>', drawn) == ["1.5", "—", "0", "2"]
    assert "Age of the oldest, seconds" in drawn


@pytest.mark.parametrize("values", [[], [0, 0], [None], [0.002], [999_999]])
def test_any_figures_can_be_drawn(values: list[float | None]) -> None:
    for draw in (bars, lines):
        svg = _svg(draw([Series("x", values)], ["a"] * len(values), "title"))
        assert "nan" not in ElementTree.tostring(svg, "unicode")
