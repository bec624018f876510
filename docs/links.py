"""Links between the pages of the repository: does every one lead to a file, and to a heading of it?

Anchors are those of code hosts (GitHub, GitLab); MyST makes the same ones, so that a link works there and on the site.
Addresses of other hosts are not asked for.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
_PARSER = MarkdownIt("commonmark").enable("table")


def pages(root: Path = ROOT) -> list[Path]:
    """Every page a person may read."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def broken(page: Path) -> list[str]:
    """The links and pictures of a page that lead nowhere, as they are written in it."""
    return [link for link in _links(page) if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not parts.fragment:
        return target.exists()
    return target.is_file() and target.suffix == ".md" and unquote(parts.fragment) in anchors(target)


def _links(page: Path) -> Iterator[str]:
    for token in _inline(page):
        for part in token.children or []:
            address = part.attrGet("href") or part.attrGet("src")
            if address:
                yield str(address)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings; the second of two equal ones ends in -1."""
    found: dict[str, int] = {}
    for heading in _headings(page):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return frozenset(f"{slug}-{n}" if n else slug for slug, last in found.items() for n in range(last + 1))


def _headings(page: Path) -> Iterator[str]:
    tokens = _PARSER.parse(page.read_text())
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            yield "".join(part.content for part in token.children or [])


def _inline(page: Path) -> Iterator[Token]:
    return (token for token in _PARSER.parse(page.read_text()) if token.type == "inline")
