"""Up to fifty commands in one request: how they are written and how their answers are read.

Bitrix24 docs: settings/how-to-call-rest-api/batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bx24.errors import Bx24Error, error_for
from bx24.forms import build_query
from bx24.wire import whole_number

MAX_BATCH = 50
METHOD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")

Command = tuple[str, Mapping[str, Any]]
"""Method and parameters."""

_FORBIDDEN = frozenset({"batch", "download", "upload"})
# Bitrix24 replaces `$result[…]` in every value of a batch, wherever it stands: a client who writes it into WhatsApp
# would read other answers. An invisible word joiner behind the dollar keeps the text a text.
_REFERENCE = re.compile(r"\$(?=result)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


class Ref(str):
    """A value taken from an earlier answer of the same batch: Ref("$result[deal][CONTACT_ID]"). Never foreign text."""

    __slots__ = ()


@dataclass(frozen=True)
class Operating:
    """What a method has cost this app. operating: seconds used of its budget; both None where there is no budget."""

    operating: float | None = None
    operating_reset_at: datetime | None = None

    @classmethod
    def parse(cls, time: Any) -> Operating:
        """From the `time` block of an answer, whatever it is."""
        parts = time if isinstance(time, Mapping) else {}
        used, reset = parts.get("operating"), whole_number(parts.get("operating_reset_at"))
        return cls(
            operating=float(used) if isinstance(used, int | float) and not isinstance(used, bool) else None,
            operating_reset_at=datetime.fromtimestamp(reset, UTC) if reset else None,
        )


@dataclass(frozen=True)
class BatchReply:
    """Answers by the keys of the commands. With halt, the commands after the first error are in none of the maps."""

    results: dict[str, Any] = field(repr=False)
    errors: dict[str, Bx24Error]
    times: dict[str, Operating]


def params(commands: Mapping[str, Command], halt: bool) -> dict[str, Any]:
    """Parameters of the method `batch`. Raises ValueError for what Bitrix24 would refuse."""
    if len(commands) > MAX_BATCH:
        raise ValueError(f"{len(commands)} commands, a batch takes {MAX_BATCH}")
    for method, _ in commands.values():
        if not METHOD.fullmatch(method) or method.lower() in _FORBIDDEN:
            raise ValueError(f"not allowed in a batch: {method!r}")
    lines = {key: f"{method}?{build_query(_literal(given))}" for key, (method, given) in commands.items()}
    return {"halt": int(halt), "cmd": lines}


def reply(result: Mapping[str, Any], commands: Mapping[str, Command]) -> BatchReply:
    """The result of the method `batch`, by the keys of the commands; what belongs to no command is left out."""

    def by_command(name: str) -> dict[str, Any]:
        return {key: value for key, value in _keyed(result.get(name)).items() if key in commands}

    times = {key: Operating.parse(time) for key, time in by_command("result_time").items()}
    errors = {
        key: _error(error, commands[key][0], times.get(key, Operating()))
        for key, error in by_command("result_error").items()
    }
    results = {key: value for key, value in by_command("result").items() if key not in errors}
    return BatchReply(results, errors, times)


def literal(text: str) -> str:
    """A text of somebody else's as it leaves in a batch: what looks like a reference refers to nothing."""
    return _REFERENCE.sub("$" + _WORD_JOINER, text)


def _literal(value: Any) -> Any:
    if isinstance(value, Ref):
        return value
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, Mapping):
        return {key: _literal(part) for key, part in value.items()}
    return [_literal(part) for part in value] if isinstance(value, list | tuple) else value


def _error(error: Any, method: str, time: Operating) -> Bx24Error:
    """Of one command. It has no HTTP status of its own."""
    parts = error if isinstance(error, Mapping) else {"error_description": error}
    return error_for(
        str(parts.get("error") or ""),
        str(parts.get("error_description") or ""),
        0,
        method=method,
        operating_reset_at=time.operating_reset_at,
    )


def _keyed(part: Any) -> dict[str, Any]:
    """PHP writes an empty map as [] and one with the keys 0, 1, … as a list."""
    if isinstance(part, list):
        return {str(i): value for i, value in enumerate(part)}
    return part if isinstance(part, dict) else {}
