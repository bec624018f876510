"""WhatsApp's text formatting, on the table that the browser's function is tested on too (tests/pages/test_phone.py)."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gupshup.formatting import blocks, html

CASES = json.loads((Path(__file__).parent.parent / "fixtures/marks.json").read_text("utf-8"))


@pytest.mark.parametrize(("text", "tree"), CASES, ids=[repr(text) for text, _ in CASES])
def test_the_table(text, tree):
    assert blocks(text) == tree


def test_html_is_escaped_and_says_what_is_read_as_one_piece():
    assert str(html("<b>*x*</b>")) == '<span class="line" data-read>&lt;b&gt;<strong>x</strong>&lt;/b&gt;</span>'
    assert str(html("- a")) == '<span class="line item" data-read><span>•</span><span>a</span></span>'
    assert str(html("> a\n")) == (
        '<span class="line quoted" data-read>a</span><span class="line" data-read>&#8203;</span>'
    )


@given(st.text(alphabet="ab *_~`\n>-1.", max_size=60))
def test_no_letter_is_lost(text):
    drawn = "".join(_letters(block) for block in blocks(text))
    assert [c for c in drawn if c in "ab"] == [c for c in text if c in "ab"]


def _letters(node):
    return node if isinstance(node, str) else "".join(_letters(child) for child in node[1:])


class Counted(str):
    """A text that counts how often somebody looks at its characters."""

    looks = 0

    def __getitem__(self, place):
        self.looks += 1
        return super().__getitem__(place)


@pytest.mark.parametrize("unit", ["*a ", "`a ", "```", "*`a ", "*`a_~", "*_~`", "*`a` ", "a\n*`", "> *`a "])
def test_a_text_twice_as_long_is_twice_the_work(unit):
    once, twice = Counted(unit * 100), Counted(unit * 200)
    blocks(once)
    blocks(twice)
    assert twice.looks <= 2.2 * once.looks


@pytest.mark.parametrize(
    "text", ["*a " * 1365, "`a " * 1365, "```" * 1365, "*`a_~" * 819, "*_~`" * 1024, "*`a " * 1024]
)
def test_the_longest_text_of_unclosed_formatting_is_read_at_once(text):
    started = time.process_time()
    blocks(text)
    assert time.process_time() - started < 0.5
