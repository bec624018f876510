"""A point on the map as people paste it: latitude and longitude in one text."""

import re

_NUMBER = "([+-]?[0-9]{1,3}(?:[.,][0-9]+)?)"
_WHOLE, _DOTTED, _COMMAED = "[+-]?[0-9]{1,3}", r"[+-]?[0-9]{1,3}\.[0-9]+", "[+-]?[0-9]{1,3},[0-9]+"
# "54,73" alone is one number with a decimal comma.
_PAIRS = (
    re.compile(rf"{_NUMBER}(?:\s+|\s*[;/]\s*|\s*,\s+){_NUMBER}"),
    re.compile(rf"({_DOTTED}),({_DOTTED}|{_WHOLE})"),
    re.compile(rf"({_WHOLE}),({_DOTTED})"),
    re.compile(rf"({_COMMAED}),({_COMMAED})"),
)
_AS_TYPED = str.maketrans({"−": "-", "–": "-", "°": None})


def plain(text: str) -> str:
    """Minus signs and degrees of maps made plain, brackets around it left out."""
    return text.translate(_AS_TYPED).strip(" \t\r\n\u00a0()[]")


def pair(text: str) -> tuple[str, str] | None:
    """Latitude and longitude out of one plain text, with decimal points; None if it is no pair."""
    match = next(filter(None, (pattern.fullmatch(text) for pattern in _PAIRS)), None)
    return (match[1].replace(",", "."), match[2].replace(",", ".")) if match else None
