"""The link to the same page in the other language, or to that language's first page where the page is not translated."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]


def add_switch(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the page's template `other_language`: {name, code, address}."""
    russian = app.config.language == "ru"
    folder, way = (DOCS, "../") if russian else (DOCS / "ru", "ru/")
    same = page if (folder / f"{page}.md").exists() else "index"
    up = "../" * page.count("/")
    context["other_language"] = {
        "name": "English" if russian else "Русский",
        "code": "en" if russian else "ru",
        "address": f"{up}{way}{same}.html",
    }


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_switch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
