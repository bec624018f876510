"""Which pages hold tables, and what such a page reads when its tables are fresh."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from docs.tables import actions, errors, metrics, results, settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_TABLE = re.compile(r"(<!-- table: ([^\n]+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)

#: Name of a table, as a page's mark has it → the table in a language; or a file that a page shows whole.
TABLES: dict[str, Callable[[str], str]] = {
    "actions": actions.overview,
    "fields of all": actions.common_fields,
    "fields of sends": actions.rules,
    **{f"fields of {name}": actions.own_fields(name) for name in actions.WITH_FIELDS},
    "results of all": results.of_all,
    "results of sends": results.of_sends,
    "results of replies": results.of_replies,
    "results of check_window": results.of_check_window,
    "results of opt_out": results.of_opt_out,
    "results of close_chats": results.of_close_chats,
    "errors": errors.catalogue,
    "refusals": errors.refusals,
    "stops": errors.stops,
    "settings": settings.settings,
    "metrics": metrics.metrics,
    "nginx": lambda _lang: f"```nginx\n{(ROOT / 'deploy' / 'nginx' / 'waba24.conf').read_text()}```",
}


def pages() -> Iterator[Path]:
    """Every page that has at least one mark, in a fixed order."""
    return (page for page in sorted(DOCS.rglob("*.md")) if _TABLE.search(page.read_text()))


def names(page: Path) -> list[str]:
    """The tables that a page names."""
    return [found[2] for found in _TABLE.finditer(page.read_text())]


def rewritten(page: Path) -> str:
    """The page's text with fresh tables. Raises KeyError for a table that does not exist, Untranslated."""
    lang = "ru" if page.is_relative_to(DOCS / "ru") else "en"
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](lang)}\n\n{found[3]}", page.read_text())
