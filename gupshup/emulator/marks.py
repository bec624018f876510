"""WhatsApp's own text marks as safe HTML: *bold* _italic_ ~strike~ `code` ```mono```, > quotes, lists.

A mark counts only when it touches a non-space on its inner side and no letter or digit on its outer side.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_SPAN = re.compile(
    r"(?P<block>```)(?P<mono>.+?)```"
    r"|(?<!\w)(?P<tick>`)(?P<code>[^`\n]+)`(?!\w)"
    r"|(?<!\w)(?P<mark>[*_~])(?=\S)(?P<inner>[^\n]*?\S)(?P=mark)(?!\w)",
    re.DOTALL,
)
_TAGS = {"*": "strong", "_": "em", "~": "s"}
_LINE = re.compile(r"(?P<quote>> )|(?P<bullet>[-*] )|(?P<number>\d{1,2})\. ")


def inline(text: str) -> Markup:
    """Marks within a text; they nest."""
    out, end = Markup(""), 0
    for match in _SPAN.finditer(text):
        out += escape(text[end : match.start()])
        out += _span(match)
        end = match.end()
    return out + escape(text[end:])


def _span(match: re.Match[str]) -> Markup:
    literal = match["mono"] or match["code"]
    if literal:
        return Markup("<code>{}</code>").format(literal)
    tag = _TAGS[match["mark"]]
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), inline(match["inner"]))


def paragraphs(text: str) -> Markup:
    """A whole body: one block per line, so that quotes and list items stand out."""
    if "```" in text:
        return Markup('<span class="line">{}</span>').format(inline(text))
    return Markup("").join(_line(line) for line in text.split("\n"))


def _line(line: str) -> Markup:
    match = _LINE.match(line)
    if match is None:
        return Markup('<span class="line">{}</span>').format(inline(line) if line else Markup("&#8203;"))
    rest = inline(line[match.end() :])
    if match["quote"]:
        return Markup('<span class="line quoted">{}</span>').format(rest)
    sign = "•" if match["bullet"] else f"{match['number']}."
    return Markup('<span class="line item"><span>{}</span><span>{}</span></span>').format(sign, rest)
