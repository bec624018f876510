"""The pages' texts: each has a Russian one, and what is compiled is what is written."""

from __future__ import annotations

import re

import pytest
from flask import Flask, g

from web import catalogue, texts


def test_every_text_of_the_pages_has_a_russian_one_and_no_old_ones_are_left() -> None:
    now = catalogue.current()
    assert catalogue.missing(now) == []
    assert catalogue.PO.read_bytes() == catalogue.po(now), "run `make texts`"


def test_the_compiled_catalogue_is_that_of_the_texts() -> None:
    assert catalogue.MO.read_bytes() == catalogue.mo(), "run `make texts`"


def test_both_languages_fill_in_the_same_places() -> None:
    """A place of another name would be an error 500 in one language only."""
    for message in catalogue.stored():
        if not message.id:
            continue
        english = message.id if isinstance(message.id, str) else message.id[-1]
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        for form in forms:
            assert set(re.findall(r"%\((\w+)\)s|%%", form)) == set(re.findall(r"%\((\w+)\)s|%%", english)), english


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (12480, "12,480", "12\N{NO-BREAK SPACE}480"),
        (1234567.5, "1,234,567.5", "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567,5"),
        (2.0, "2", "2"),
        (0.0496, "0.05", "0,05"),
        (-3.14159, "-3.142", "-3,142"),
    ],
)
def test_numbers_are_written_as_in_the_readers_language(value: float, english: str, russian: str) -> None:
    with Flask(__name__).app_context():
        g.language = "en"
        assert texts.number(value) == english
        g.language = "ru"
        assert texts.number(value) == russian


def test_no_text_hides_in_an_f_string() -> None:
    """Babel does not look into them: such a text would be English for everybody."""
    hidden = re.compile(r"""\bf(["']).*?\{(?:_|_l|n?gettext)\(""")
    found = [
        f"{path.name}: {line}"
        for path in catalogue.WEB.rglob("*.py")
        for line in path.read_text().splitlines()
        if hidden.search(line)
    ]
    assert found == []
