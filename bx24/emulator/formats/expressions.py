"""Expressions in the values of a robot, such as `{=Document:TITLE}` and `{=A1_2_3_4:status > printable}`.

Source: bizproc of the product and the docs under api-reference/bizproc.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bx24.emulator.formats.values import printable

_EXPRESSION = re.compile(r"\{=\s*([^:{}]+?)\s*:\s*([^{}>]+?)\s*(?:>\s*([\w,; ]+?)\s*)?\}")
Resolver = Callable[[str, str], Any]
"""resolve(object, field) -> value of `{=object:field}`; None if there is no such value."""


def evaluate(value: Any, resolve: Resolver) -> Any:
    """Replace the expressions. A string that is nothing but an expression becomes its value: a list stays a list."""
    if isinstance(value, list):
        return [item for entry in value for item in _spread(evaluate(entry, resolve))]
    if isinstance(value, dict):
        return {key: evaluate(entry, resolve) for key, entry in value.items()}
    if not isinstance(value, str):
        return value
    whole = _EXPRESSION.fullmatch(value.strip())
    if whole:
        return _found(whole, resolve)
    return _EXPRESSION.sub(lambda match: printable(_found(match, resolve)), value)


def _found(match: re.Match[str], resolve: Resolver) -> Any:
    source, name, modifiers = match.groups()
    if "printable" not in (modifiers or ""):
        return resolve(source, name)
    # The printable form of a document's field is a field of its own: a title for a key, a name for a user.
    return printable(resolve(source, name.removesuffix("_PRINTABLE") + "_PRINTABLE" if source == "Document" else name))


def shown(text: str, name_of: Callable[[str, str], str]) -> str:
    """The text as the editor of the portal shows it: `{{name}}` in the place of each expression."""
    return _EXPRESSION.sub(lambda match: "{{" + name_of(match[1], match[2]) + "}}", text)


def is_expression(value: str) -> bool:
    return _EXPRESSION.search(value) is not None


def _spread(value: Any) -> list[Any]:
    # An expression with several values becomes several items of a multiple property.
    return value if isinstance(value, list) else [value]
