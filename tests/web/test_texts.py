"""The pages' texts: each has a Russian one, and what is compiled is what is written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask, g

import web
from web import texts

WEB = Path(web.__file__).parent
PO = WEB / "translations" / "ru" / "LC_MESSAGES" / "messages.po"


def _pybabel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", *map(str, arguments)]
    return subprocess.run(command, cwd=WEB.parent, capture_output=True, text=True, check=False)


def _catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="ru")


def _forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def test_every_text_of_the_pages_has_a_russian_one() -> None:
    lacking = [message.id for message in _catalogue() if message.id and not all(_forms(message.string))]
    assert lacking == [], "no Russian text yet: translate them in messages.po"


def test_the_catalogue_holds_the_texts_of_the_pages_and_no_others(tmp_path: Path) -> None:
    template, copy = tmp_path / "messages.pot", tmp_path / "messages.po"
    shutil.copy(PO, copy)
    _pybabel(
        *("extract", "--mapping-file", "pyproject.toml", "--no-location", "--sort-output"),
        *("--output-file", template, "web"),
    ).check_returncode()
    checked = _pybabel(
        *("update", "--check", "--input-file", template, "--output-file", copy, "--locale", "ru", "--width", "120"),
        *("--no-fuzzy-matching", "--ignore-obsolete", "--ignore-pot-creation-date"),
    )
    assert checked.returncode == 0, "run `make texts`"


def test_the_compiled_catalogue_is_that_of_the_texts(tmp_path: Path) -> None:
    compiled = tmp_path / "messages.mo"
    _pybabel("compile", "--input-file", PO, "--output-file", compiled).check_returncode()
    assert PO.with_suffix(".mo").read_bytes() == compiled.read_bytes(), "run `make texts`"


def test_both_languages_fill_in_the_same_places() -> None:
    """A placeholder of another name would be an error 500 in one language only."""
    for message in _catalogue():
        if not message.id:
            continue
        english = _forms(message.id)[-1]
        for form in _forms(message.string):
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
        for path in WEB.rglob("*.py")
        for line in path.read_text().splitlines()
        if hidden.search(line)
    ]
    assert found == []
