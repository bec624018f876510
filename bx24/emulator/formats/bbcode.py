"""The codes in square brackets that a chat shows as formatting; all other text is escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_PAIRS = re.compile(r"\[(b|i|u|s)\](.*?)\[/\1\]", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"\[url=(https?://[^\]\s]+)\](.*?)\[/url\]", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"\[br\]", re.IGNORECASE)


def to_html(text: str) -> Markup:
    """Bold, italic, underlined, struck out, links and line breaks; everything else stands as it was written."""
    html = str(escape(text))
    html = _LINK.sub(r'<a href="\1" rel="noopener noreferrer">\2</a>', html)
    for _ in range(3):
        html = _PAIRS.sub(lambda found: f"<{found[1].lower()}>{found[2]}</{found[1].lower()}>", html)
    return Markup(_BREAK.sub("<br>", html))
