"""Two rules about calls, which import-linter cannot see: who answers Bitrix24, and who hands messages to Gupshup."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("activities", "bx24", "gupshup", "messaging", "robots", "web")
#: Methods that only answering may call: a run has one answer, and what is sent twice must be the same twice.
ANSWERS = frozenset({"bizproc.event.send", "bizproc.activity.log"})


def names_an_answer(node: ast.AST) -> bool:
    """Whether this is the name of such a method, as the one who calls it writes it: in a call, or in a tuple of a batch."""
    values = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
    return any(isinstance(value, ast.Constant) and value.value in ANSWERS for value in values)


def sends_to_gupshup(node: ast.AST) -> bool:
    """Whether this is `….gupshup.send` or `gupshup.send`, called or handed on."""
    if not isinstance(node, ast.Attribute) or node.attr != "send":
        return False
    owner = node.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name == "gupshup"


RULES: dict[str, tuple[Callable[[ast.AST], bool], str]] = {
    "only answering answers Bitrix24": (names_an_answer, "messaging/stages/answering.py"),
    "only sending hands messages to Gupshup": (sends_to_gupshup, "messaging/stages/sending/stage.py"),
}


def product() -> Iterator[Path]:
    """Every module of the product; the emulators are the vendors' side."""
    for package in PACKAGES:
        yield from (file for file in sorted((ROOT / package).rglob("*.py")) if "emulator" not in file.parts)


def found(rule: Callable[[ast.AST], bool], source: str) -> bool:
    return any(rule(node) for node in ast.walk(ast.parse(source)))


@pytest.mark.parametrize("name", RULES)
def test_there_is_one_door(name: str) -> None:
    rule, door = RULES[name]
    through = [str(file.relative_to(ROOT)) for file in product() if found(rule, file.read_text(encoding="utf-8"))]
    assert through == [door]


@pytest.mark.parametrize(
    ("name", "violation"),
    [
        ("only answering answers Bitrix24", 'client.call("bizproc.event.send", {})'),
        ("only answering answers Bitrix24", 'batch = {"x": ("bizproc.activity.log", {})}'),
        ("only sending hands messages to Gupshup", "runtime.gupshup.send(account, phone, path, form)"),
        ("only sending hands messages to Gupshup", "pool.submit(gupshup.send, account)"),
    ],
)
def test_a_violation_is_seen(name: str, violation: str) -> None:
    rule, _ = RULES[name]
    assert found(rule, violation)
