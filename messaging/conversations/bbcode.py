"""What an operator has written in a chat, as a client of WhatsApp sees it: BBCode becomes WhatsApp's formatting.

Bold, italic, strikethrough and code have signs there; a link stands behind its words; everything else is left out.
"""

import re
from dataclasses import dataclass, field

_TAG = re.compile(r"\[(/?)([a-zA-Z]{1,12}|\*)(?:=([^\[\]\n]{0,2048}))?\]")
#: Codes inside each other that count. A longer text is left as it is: the portal makes none, and WhatsApp takes none.
_DEEPEST, _LONGEST = 20, 20_000
_SIGNS = {"b": "*", "i": "_", "s": "~", "code": "```"}
#: Codes that have an end, and those that stand alone.
_PAIRS = frozenset(
    {*_SIGNS, "u", "url", "user", "chat", "call", "send", "put", "size", "color", "font", "quote", "img", "list"}
)
_ALONE = {"br": "\n", "*": "• ", "hr": "\n", "icon": "", "disk": "", "attach": ""}
#: How an operator's name stands in front of his text, where connector and line show it.
_SIGNATURE = re.compile(r"\A\[b\]([^\[\]\n]{1,100}):\[/b\]\s*(?:\[br\]|\n)\s*", re.IGNORECASE)


@dataclass
class _Open:
    """A code that was opened and not closed yet."""

    name: str
    value: str
    parts: list[str] = field(default_factory=list)


def to_whatsapp(text: str) -> str:
    """The text with WhatsApp's formatting, the operator's name, if it is there, in a line of its own."""
    if len(text) > _LONGEST:
        return text[: _LONGEST + 1]
    signature = _SIGNATURE.match(text)
    if signature is None:
        return _converted(text)
    rest = _converted(text[signature.end() :])
    return f"*{signature[1].strip()}:*\n{rest}" if rest else ""


def _converted(text: str) -> str:
    opened = [_Open("", "")]
    at = 0
    for tag in _TAG.finditer(text):
        name, is_end = tag[2].lower(), bool(tag[1])
        if name not in _PAIRS and name not in _ALONE:
            continue  # a client is shown what an operator puts into brackets
        opened[-1].parts.append(text[at : tag.start()])
        at = tag.end()
        if name in _ALONE:
            opened[-1].parts.append("" if is_end else _ALONE[name])
        elif not is_end and len(opened) <= _DEEPEST:
            opened.append(_Open(name, tag[3] or ""))
        elif is_end:
            _close(opened, name)
    opened[-1].parts.append(text[at:])
    while len(opened) > 1:
        _fold(opened, is_closed=False)
    lines = [line.rstrip() for line in "".join(opened[0].parts).replace("\r", "").split("\n")]
    return "\n".join(lines).strip()


def _close(opened: list[_Open], name: str) -> None:
    """The end of a code. What was opened inside and not closed ends with it; an end without a beginning is left out."""
    if name not in [one.name for one in opened]:
        return
    while opened[-1].name != name:
        _fold(opened, is_closed=False)
    _fold(opened, is_closed=True)


def _fold(opened: list[_Open], is_closed: bool) -> None:
    inner = opened.pop()
    text = "".join(inner.parts)
    opened[-1].parts.append(_shown(inner, text) if is_closed else text)


def _shown(code: _Open, text: str) -> str:
    if code.name in ("url", "img"):
        address = code.value.strip() or text.strip()
        words = text.strip()
        return address if words in ("", address) else f"{words} ({address})"
    sign = _SIGNS.get(code.name)
    if sign is None:
        return text
    if sign == "```":
        return f"{sign}{text.strip()}{sign}" if text.strip() else text
    # A sign counts only beside a character that is no blank, and not across lines.
    return "\n".join(_signed(line, sign) for line in text.split("\n"))


def _signed(line: str, sign: str) -> str:
    words = line.strip()
    if not words:
        return line
    start = len(line) - len(line.lstrip())
    return f"{line[:start]}{sign}{words}{sign}{line[start + len(words) :]}"
