"""`batch`: up to 50 commands in one request. A command is `method?query`; it may use `$result[…]` of earlier ones."""

from __future__ import annotations

import re
import time
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import METHODS, Call, RestError, rest
from bx24.emulator.rest.execution import authorize, execute
from bx24.emulator.state.records import count

MAX_COMMANDS = 50
FORBIDDEN = ("batch", "download", "upload")
_REFERENCE = re.compile(r"\$(result|error|total|next)((?:\[[^\[\]]*\])+)")
_PARTS = ("result", "error", "total", "next", "time")


@rest("batch")
def run_batch(call: Call) -> dict[str, Any]:
    params = call.upper()
    halt = not php.is_empty(params.get("HALT"))
    done: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for number, (key, command) in enumerate(php.items(params.get("CMD"))):
        if not isinstance(command, str):
            continue
        answer = (
            _command(call, command, done)
            if number < MAX_COMMANDS
            else _error("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
        )
        for part in _PARTS:
            if part in answer:
                done[part][key] = answer[part]
        if "error" in answer and halt:
            break
    return {
        "result": done["result"],
        "result_error": done["error"],
        "result_total": done["total"],
        "result_next": done["next"],
        "result_time": done["time"],
    }


def _error(code: str, description: str) -> dict[str, Any]:
    return {"error": {"error": code, "error_description": description}}


def _command(call: Call, command: str, done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    # PHP's parse_url drops what follows an unencoded #.
    path, _, query = command.partition("#")[0].partition("?")
    name = path.strip().lower()
    if name in FORBIDDEN:
        return _error("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
    count(call.portal.counters.inner, name)
    try:
        return _run(call, name, _substitute(php.decode(query), done))
    except RestError as error:
        count(call.portal.counters.errors, error.code)
        return {"error": error.body()}


def _run(call: Call, name: str, params: dict[str, Any]) -> dict[str, Any]:
    if name not in METHODS:
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
    params.pop("auth", None)
    inner = authorize(call.portal, name, call.grant.access_token, params)
    return execute(inner, time.perf_counter())


def _substitute(value: Any, done: dict[str, dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(item, done) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, done) for item in value]
    whole = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if whole:
        return _look_up(done, whole)
    return _REFERENCE.sub(lambda match: _text(_look_up(done, match)), value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return "" if value is None or php.is_array(value) else str(value)


def _look_up(done: dict[str, dict[str, Any]], match: re.Match[str]) -> Any:
    node: Any = done[match.group(1)]
    for part in re.findall(r"\[([^\[\]]*)\]", match.group(2)):
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return node
