"""What makes the same tests take a fifth less: work that every test would do again, and no test is about.

Each test makes a world of its own: an engine, four Flask apps. Nothing here reaches the product.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from werkzeug.routing.rules import Rule


class Compiled(dict[Any, Any]):
    """SQLAlchemy's statements as compiled for one engine, used by the next one: all tests ask the same three hundred.

    A statement holds the dialect it was compiled with, and by it the vault that opens its columns: so the keys count, too.
    """

    @staticmethod
    def _named(key: tuple[Any, ...]) -> tuple[Any, ...]:
        dialect, *statement = key
        return type(dialect), dialect.waba24_vault.keys, *statement

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._named(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(self._named(key), value)


_COMPILED = Compiled()


def share_statements(engine: Engine) -> None:
    """Let this engine use what others have compiled."""
    engine._compiled_cache = _COMPILED  # type: ignore[assignment]  # a dict would do for its type, too


def build_routes_late() -> None:
    """Werkzeug compiles the functions that build addresses for each route of each app: only for those that are asked."""
    compile_now: Callable[..., Any] = Rule._compile_builder

    def late(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        made: list[Callable[..., Any]] = []

        def build(self: Rule, *args: Any, **kwargs: Any) -> Any:
            if not made:
                made.append(compile_now(rule, append_unknown))
            return made[0](self, *args, **kwargs)

        return build

    Rule._compile_builder = late  # type: ignore[method-assign]


def collect_garbage_seldom() -> None:
    """What was imported stays; looking it through again and again took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
