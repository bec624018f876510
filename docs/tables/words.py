"""What every table needs: rows as Markdown, and texts that must exist in Russian too."""

from collections.abc import Iterable, Mapping, Sequence

from bx24.i18n import Text


class Untranslated(Exception):
    """Texts of the code that have no Russian counterpart in docs/tables; `names` says which."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in GitHub's Markdown; cells are Markdown, a `|` in them is escaped here."""
    lines = [_row(heads), "|" + "---|" * len(heads), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    escaped = [" ".join(cell.split()).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def code(text: object) -> str:
    """Markdown for a word of the machine."""
    return f"`{text}`"


def codes(texts: Iterable[object]) -> str:
    """Several of them, in their order."""
    return " ".join(map(code, texts))


def translated(english: Mapping[str, str], russian: Mapping[str, str], lang: str) -> Mapping[str, str]:
    """Name → text in a language. Raises Untranslated with every name that has no Russian text."""
    if lang != "ru":
        return english
    missing = [name for name in english if name not in russian]
    if missing:
        raise Untranslated(missing)
    return russian


def heads(lang: str, *texts: Text) -> list[str]:
    """The heads of the columns."""
    return [text.to(lang) for text in texts]
