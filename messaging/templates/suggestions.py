"""Which value suggests itself for each variable of a template: by the words around the variable, and by its name."""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from gupshup.templates import TemplateInfo

_GREETING = re.compile(
    r"(?:здравствуйте|добр\w{1,5} (?:день|утро|вечер)|привет|уважаем\w{1,5}|hello|hi|dear|good (?:morning|day))"
    r"[ ,!]{1,3}\{\{ ?(\w{1,60}) ?\}\}",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\{\{ ?(\w{1,60}) ?\}\}")
_WORD = re.compile(r"[^\W\d_]{3,40}")
#: Words before a variable that speak of it; letters of a word that count: the rest is its ending.
_WORDS_BEFORE, _STEM = 3, 4
#: Names of variables that mean the client.
_CLIENT = frozenset({"name", "first_name", "client", "client_name", "имя"})


class Offered(Protocol):
    """A value of the client's card; words: by which a template may speak of it, apart from its title."""

    @property
    def title(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def words(self) -> str: ...


def suggested(info: TemplateInfo, first_name: str, offered: Sequence[Offered] = ()) -> list[str]:
    """A value for each variable of header, text and cards; "" where none suggests itself. The client is greeted by his name."""
    parts = [(info.header_vars, info.header), (info.body_vars, info.body)]
    parts += [(card.body_vars, card.body) for card in info.cards]
    return [
        first_name if _is_client(text, name) else _best(_spoken(text, name), offered)
        for names, text in parts
        for name in names
    ]


def _is_client(text: str, name: str) -> bool:
    """Whether this variable of the text is the client's name."""
    return name.lower() in _CLIENT or name in {found[1] for found in _GREETING.finditer(text)}


def _spoken(text: str, name: str) -> set[str]:
    """The stems of the words just before this variable, and of its name."""
    before = ""
    end = 0
    for found in _VARIABLE.finditer(text):
        if found[1] == name:
            before = text[end : found.start()]
            break
        end = found.end()
    return _stems([*_WORD.findall(before)[-_WORDS_BEFORE:], *_WORD.findall(name.replace("_", " "))])


def _best(spoken: set[str], offered: Sequence[Offered]) -> str:
    """The value that shares most stems with these words, the portal's own fields first; "" if none does."""
    scores = [(len(spoken & _stems(_WORD.findall(f"{one.title} {one.words}"))), not one.words) for one in offered]
    best = max(scores, default=(0, False))
    return offered[scores.index(best)].text if best[0] else ""


def _stems(words: Iterable[str]) -> set[str]:
    return {word.lower().replace("ё", "е")[: min(_STEM, max(_STEM - 1, len(word) - 1))] for word in words}


__all__ = ["suggested"]
