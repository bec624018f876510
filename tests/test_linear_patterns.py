"""Every pattern of the production code works in linear time on the worst texts we can think of.

`re` backtracks and cannot count its steps. So the test finds all patterns by itself, builds texts out of each pattern's own
characters, doubles them, and compares the processor's time. A pattern that meets short texts only stands in BOUNDED with
the length at which its text is cut or refused; there the time itself must be small.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("activities", "bx24", "gupshup", "messaging", "robots", "web")
CALLS = frozenset({"compile", "search", "match", "fullmatch", "split", "sub", "subn", "findall", "finditer"})
#: Characters of a long text, and how much more its double may cost: a quadratic pattern needs four times as much.
LONG, MOST = 8_000, 3.0
#: Below it the processor's time is noise: a linear pattern stays below it, a quadratic one reads LONG in half a second.
NOISE_S = 0.02
#: Patterns whose texts are short, and the length at which the text is cut or refused before it meets the pattern.
BOUNDED = {
    # activities.phones: longer texts hold no number, see _LONGEST.
    r"activities.phones: '(?:[^0-9+@]*[^\\w+@])?(\\+?[0-9\\s().\\-]*[0-9])(?:[^\\w@][^0-9@]*)?'": 120,
    # Phones, see gupshup.reading.digits.
    r"web.pages.messages: '\\d(?=.*\\d.*\\d)'": 256,
}


@dataclass(frozen=True)
class Found:
    """A pattern in the code. name: "module: source text of the pattern". whole: it is only ever asked about the whole text."""

    name: str
    pattern: re.Pattern[Any]
    whole: bool


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "emulator" not in parts and "migrations" not in parts:
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                yield name, ast.parse(path.read_text())


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in CALLS and isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
            yield node


def _found() -> Iterator[Found]:
    for module, tree in _sources():
        names = vars(importlib.import_module(module)) if any(True for _ in _calls(tree)) else {}
        for call in _calls(tree):
            assert isinstance(call.func, ast.Attribute)
            name = f"{module}: {ast.unparse(call.args[0])}"
            expression = ast.Expression(call if call.func.attr == "compile" else _compiled(call))
            pattern = eval(compile(ast.fix_missing_locations(expression), module, "eval"), dict(names))
            yield Found(name, pattern, _is_whole(tree, call))


def _compiled(call: ast.Call) -> ast.Call:
    function = ast.Attribute(ast.Name("re", ast.Load()), "compile", ast.Load())
    flags = [arg for arg in call.args[1:] if re.match(r"re\.[A-Z]", ast.unparse(arg))]
    return ast.Call(function, [call.args[0], *flags], [one for one in call.keywords if one.arg == "flags"])


def _is_whole(tree: ast.Module, call: ast.Call) -> bool:
    """Whether the pattern is only used as `fullmatch` or `match`: then the text is read from its beginning alone."""
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr != "compile":
        return call.func.attr in ("fullmatch", "match")
    named = [one for one in ast.walk(tree) if isinstance(one, ast.Assign) and one.value is call]
    target = named[0].targets[0] if named else None
    if not isinstance(target, ast.Name):
        return False
    uses = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == target.id
    }
    return bool(uses) and uses <= {"fullmatch", "match"}


FOUND = sorted(_found(), key=lambda found: found.name)


def _pieces(source: str) -> list[str]:
    """Short texts made of the characters that stand in the pattern, and of one of each kind."""
    plain = re.sub(r"\\.", "", source)
    letters = dict.fromkeys([*"a1 -\n", *(character for character in plain if character not in "()|?*+{}^$\\")])
    words = [word for word in re.findall(r"[\w/<=\"'-]{2,}", plain) if len(word) < 30]
    few = list(islice(letters, 14))
    return [*few, *words, *("".join(pair) for pair in product(few, repeat=2))]


def _texts(source: str, length: int) -> Iterator[str]:
    pieces = _pieces(source)
    heads = ["", *(piece for piece in pieces if len(piece) > 1 and piece.isascii())][:1]
    for head, piece in product(heads, pieces):
        yield head + (piece * (length // len(piece) + 1))[:length]
        yield head + (piece * (length // len(piece) + 1))[:length] + "\x01"


def _seconds(found: Found, text: str) -> float:
    pattern, asked = found.pattern, text.encode() if isinstance(found.pattern.pattern, bytes) else text
    best = 1e9
    for _ in range(2):
        begun = time.process_time()
        if found.whole:
            pattern.fullmatch(asked)
            pattern.match(asked)
        else:
            for _ in pattern.finditer(asked):
                pass
        best = min(best, time.process_time() - begun)
        if best < NOISE_S:
            break
    return best


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_a_text_twice_as_long_takes_at_most_twice_the_work(found: Found) -> None:
    source = found.pattern.pattern.decode() if isinstance(found.pattern.pattern, bytes) else found.pattern.pattern
    length = BOUNDED.get(found.name, LONG)
    for once, twice in zip(_texts(source, length), _texts(source, 2 * length), strict=True):
        if found.name in BOUNDED:
            assert _seconds(found, once) < NOISE_S, f"{once[:60]!r}"
        elif (long := _seconds(found, twice)) > NOISE_S:
            assert long < MOST * _seconds(found, once), f"{long:.3f} s for {twice[:60]!r}"


def test_every_bounded_pattern_still_exists() -> None:
    assert set(BOUNDED) <= {found.name for found in FOUND}
