"""WhatsApp's text formatting: *bold* _italic_ ~strikethrough~ `code` ```monospace```, > quotes, - and 1. list items.

A formatting character counts only if a non-space stands on its inner side and no letter or digit on its outer side; ```
counts everywhere and may span lines. Headers, footers, buttons and list rows have no formatting.
web/static/settings/marks.js does the same in the browser; both are tested on tests/fixtures/marks.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias
from unicodedata import category

from markupsafe import Markup, escape

#: A text, or ["b" | "i" | "s", node, ...], or ["code" | "mono", text].
Node: TypeAlias = "str | list[Node]"
#: ["line" | "quote", node, ...], or ["item", sign, node, ...]. A text is a list of these.
Block: TypeAlias = "list[Node]"

_MONOSPACE = re.compile(r"```(?:[^`]|`(?!``))+?```")
_ITEM = re.compile(r"(?P<quote>> )|(?P<bullet>[-*] )|(?P<number>[0-9]{1,2}\.) ")
_KINDS = {"*": "b", "_": "i", "~": "s"}
_TAGS = {"b": "strong", "i": "em", "s": "s", "code": "code", "mono": "code"}


def blocks(text: str) -> list[Block]:
    """The formatting of a text, line by line."""
    reader = _Reader(text)
    return [reader.block(start, end) for start, end in reader.lines()]


def html(text: str) -> Markup:
    """The text as HTML, one element per line; empty for an empty text."""
    return Markup("").join(_block(block) for block in blocks(text)) if text else Markup("")


def plain(text: str) -> str:
    """The text as it reads where nothing can be bold: without the characters that only format it."""
    return "\n".join(_plain_block(block) for block in blocks(text)) if text else ""


def _plain_block(block: Block) -> str:
    kind, *nodes = block
    if kind == "item":
        return f"{nodes[0]} {_plain(nodes[1:])}"
    return f"> {_plain(nodes)}" if kind == "quote" else _plain(nodes)


def _plain(nodes: list[Node]) -> str:
    return "".join(node if isinstance(node, str) else _plain(node[1:]) for node in nodes)


def _is_space(character: str) -> bool:
    return character in "\t\n\v\f\r" or category(character)[0] == "Z"


def _is_word(character: str) -> bool:
    return category(character)[0] in "LN"


@dataclass
class _Reader:
    """Works with positions in the whole text, because a character's neighbours may lie outside the part being read."""

    text: str

    def __post_init__(self) -> None:
        found = _MONOSPACE.finditer(self.text)
        self._closings: dict[str, list[int | None]] = {}
        #: Where each ```monospace``` part begins and ends.
        self.monospace = {m.start(): m.end() for m in found if not all(map(_is_space, m[0][3:-3]))}

    def lines(self) -> list[tuple[int, int]]:
        """Start and end of each line; a line break inside ``` does not end one."""
        found, start, at = [], 0, 0
        while at < len(self.text):
            if self.text[at] == "\n":
                found.append((start, at))
                start = at + 1
            at = self.monospace.get(at, at + 1)
        return [*found, (start, len(self.text))]

    def block(self, start: int, end: int) -> Block:
        match = _ITEM.match(self.text, start, end)
        if match is None or all(map(_is_space, self.text[match.end() : end])):
            return ["line", *self.inline(start, end)]
        if match["quote"]:
            return ["quote", *self.inline(match.end(), end)]
        return ["item", match["number"] or "•", *self.inline(match.end(), end)]

    def inline(self, start: int, end: int) -> list[Node]:
        nodes: list[Node] = []
        plain = at = start
        while at < end:
            found = self.span(at, end)
            if found is None:
                at += 1
                continue
            node, after = found
            nodes += [self.text[plain:at]] if at > plain else []
            nodes.append(node)
            plain = at = after
        return [*nodes, self.text[plain:end]] if end > plain else nodes

    def span(self, at: int, end: int) -> tuple[Node, int] | None:
        """The formatted part that begins here and where it ends; None if this is an ordinary character."""
        if at in self.monospace:
            after = self.monospace[at]
            first = at + 3 + (self.text[at + 3] == "\n")
            return ["mono", self.text[first : after - 3 - (self.text[after - 4] == "\n")]], after
        sign = self.text[at]
        if (sign != "`" and sign not in _KINDS) or not self.opens(at, end):
            return None
        closing = self.closing(at, end)
        if closing is None:
            return None
        inside: list[Node] = [self.text[at + 1 : closing]] if sign == "`" else self.inline(at + 1, closing)
        return [_KINDS.get(sign, "code"), *inside], closing + 1

    def opens(self, at: int, end: int) -> bool:
        if at + 1 >= end or (at > 0 and _is_word(self.text[at - 1])):
            return False
        return self.text[at + 1] != self.text[at] and not _is_space(self.text[at + 1])

    def closing(self, opening: int, end: int) -> int | None:
        """Where the part that opens here is closed, looked up in a table: searching anew at each sign would be cubic."""
        found = self.closings(self.text[opening])[opening + 1]
        return found if found is not None and found < end else None

    def closings(self, sign: str) -> list[int | None]:
        """For each position, where a part of this sign that was opened before it is closed; None: nowhere in its line."""
        if sign not in self._closings:
            found: list[int | None] = [None] * (len(self.text) + 1)
            for at in range(len(self.text) - 1, -1, -1):
                found[at] = self._closing_from(at, sign, found)
            self._closings[sign] = found
        return self._closings[sign]

    def _closing_from(self, at: int, sign: str, found: list[int | None]) -> int | None:
        """found: the table, filled in behind this position."""
        character = self.text[at]
        if character == "\n":
            return None
        if at in self.monospace:
            return None if sign == "`" else found[self.monospace[at]]
        if character == "`" != sign and self.opens(at, len(self.text)) and (code := self.closings("`")[at + 1]):
            return found[code + 1]
        return at if character == sign and self.closes(at) else found[at + 1]

    def closes(self, at: int) -> bool:
        before = self.text[at - 1] if at else " "
        if before == self.text[at] or _is_space(before):
            return False
        return at + 1 == len(self.text) or not _is_word(self.text[at + 1])


def _block(block: Block) -> Markup:
    kind = block[0]
    if kind == "item":
        return Markup('<span class="line item" data-read><span>{}</span><span>{}</span></span>').format(
            block[1], _inline(block[2:])
        )
    # A line without a character in it would have no height.
    inside = _inline(block[1:]) or Markup("&#8203;")
    return Markup('<span class="{}" data-read>{}</span>').format("line quoted" if kind == "quote" else "line", inside)


def _inline(nodes: list[Node]) -> Markup:
    return Markup("").join(escape(node) if isinstance(node, str) else _span(node) for node in nodes)


def _span(node: list[Node]) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(Markup(_TAGS[str(node[0])]), _inline(node[1:]))
