"""No link between two pages is broken: README, CONTRIBUTING, the docs, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.links import ROOT, broken, pages

PAGE = """# Отказы

[ok](b.md) [ok](b.md#two-words) [ok](#отказы) [ok](#отказы-1) [ok](https://example.com/x) ![ok](p.png) `[code](c.md)`

## Отказы

[gone](c.md) [no heading](b.md#three) [no heading](#нет) ![no picture](q.png)
"""


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_what_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    (tmp_path / "b.md").write_text("# Two `words`!\n")
    (tmp_path / "p.png").touch()
    assert broken(tmp_path / "a.md") == ["c.md", "b.md#three", "#%D0%BD%D0%B5%D1%82", "q.png"]
