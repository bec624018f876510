"""What the pages promise: tables as the code has them, the same pages in both languages, a short README."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from flask import Flask

from docs.tables import results
from docs.tables.pages import DOCS, ROOT, TABLES, names, pages, rewritten
from web.commands import attach

LANGUAGES = (DOCS, DOCS / "ru")
#: Sections that exist in both languages, page by page.
TRANSLATED = ("sales", "integrators", "operators")


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_tables_are_those_of_the_code(page: Path) -> None:
    assert page.read_text() == rewritten(page), "stale: run `make tables`"


def test_every_table_is_shown_in_both_languages() -> None:
    shown: dict[str, list[str]] = {lang: [] for lang in ("en", "ru")}
    for page in pages():
        shown["ru" if page.is_relative_to(DOCS / "ru") else "en"] += names(page)
    assert sorted(shown["en"]) == sorted(shown["ru"]) == sorted(TABLES)


def test_every_result_is_described_and_nothing_else() -> None:
    assert set(results.VALUES) == results.described()


@pytest.mark.parametrize("section", TRANSLATED)
def test_both_languages_have_the_same_pages(section: str) -> None:
    english, russian = ({page.name for page in (folder / section).glob("*.md")} for folder in LANGUAGES)
    assert english == russian


@pytest.mark.parametrize("folder", LANGUAGES, ids=["en", "ru"])
def test_the_page_of_commands_names_each_of_them(folder: Path) -> None:
    page = (folder / "operators" / "commands.md").read_text()
    named = {" ".join(re.findall(r"^[a-z]+(?: [a-z]+)?", text)) for text in re.findall(r"`([a-z][^`]*)`", page)}
    assert own_commands() <= named, own_commands() - named


def own_commands() -> set[str]:
    """Commands of this product, as `group command`."""
    app = Flask("commands")
    attach(app)
    found: set[str] = set()
    for name, command in app.cli.commands.items():
        members = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {member}" for member in members} or {name}
    return found


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_the_readme_is_short_and_says_first_what_was_not_tried(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert len(lines) <= 150
    assert any(line.startswith("**") for line in lines[:10])
