"""Lines that wait while a lock is held: none is lost, none comes early, and what is masked stays masked."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from messaging.system import logs

log = structlog.get_logger("shop")


@pytest.fixture(autouse=True)
def _as_json() -> Iterator[None]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("json", "info")
    yield
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines on standard error since the last look."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def _fail() -> None:
    try:
        raise KeyError("gone")
    except KeyError:
        log.exception("a task failed", stage="send")
        raise


def test_lines_wait_until_the_lock_is_free_and_keep_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.held():
        log.info("run planned", run=1)
        log.warning("not handed over", to="79161234567", api_key="sk_1234567890")
        assert written(capsys) == [], "a line was masked and written while others wait for the lock"
    first, second = written(capsys)
    assert (first["event"], first["run"], first["level"], first["logger"]) == ("run planned", 1, "info", "shop")
    assert (second["level"], second["to"], second["api_key"]) == ("warning", "791***67", "***")
    assert first["timestamp"] <= second["timestamp"], "the time is that of the event"


def test_lines_are_written_also_when_it_ends_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), logs.held():
        _fail()
    (line,) = written(capsys)
    assert line["event"] == "a task failed"
    assert "KeyError: 'gone'" in line["exception"], "the traceback of the moment, not of the end"
    log.info("afterwards")
    assert [line["event"] for line in written(capsys)] == ["afterwards"], "nothing waits any more"


def test_other_threads_write_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.held():
        other = threading.Thread(target=lambda: log.info("message handed over"))
        other.start()
        other.join()
        assert [line["event"] for line in written(capsys)] == ["message handed over"]
    assert written(capsys) == []


@pytest.mark.parametrize(
    ("value", "written_as"),
    [
        ("ы" * 40_000, "ы" * 500 + "…"),
        (["ы" * 40_000], "['" + "ы" * 498 + "…"),
        (b"\xff" * 40_000, ("b'" + "\\xff" * 500)[:500] + "…"),
        (ValueError("ы" * 40_000), "ValueError('" + "ы" * 488 + "…"),
        ("short", "short"),
        (7, 7),
    ],
    ids=["text", "list", "bytes", "error", "short", "number"],
)
def test_a_value_is_cut_before_it_is_masked(
    value: object, written_as: object, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("refused", path=value)
    assert [line["path"] for line in written(capsys)] == [written_as]


def test_a_secret_at_the_cut_is_masked_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    log.info("refused", path="ы " * 245 + "4f" * 30, phone="ы " * 247 + "79161234567")
    (line,) = written(capsys)
    assert "4f" not in line["path"]
    assert "791612" not in line["phone"]


def test_lines_of_libraries_are_cut_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")  # the handler of libraries keeps the standard error of this moment
    logging.getLogger("library").warning("%s", "ы" * 40_000)
    assert [len(line["event"]) for line in written(capsys)] == [501]


def test_a_traceback_keeps_its_beginning_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("ы" * 100_000 + "the end")
    except KeyError:
        log.exception("a task failed")
    (line,) = written(capsys)
    assert line["exception"].startswith("Traceback")
    assert "the end" in line["exception"]
    assert len(line["exception"]) < 17_000


FORGED = ["a\x1b[2Kb", "a\rb", "a\u2028b", "a\u0085b", "a\x9bb", "a\u00a0b", "a\u202eb"]


@pytest.mark.parametrize("text", FORGED, ids=repr)
def test_nothing_in_a_text_log_moves_the_cursor_or_begins_a_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "info")
    log.info("refused", path=text)
    log.info(text)
    try:
        raise ValueError(f"{text}\n2026-01-01T00:00:00Z [info    ] forged")
    except ValueError:
        log.exception("failed")
    lines = capsys.readouterr().err.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if line[:1].isdigit()]) == 3, "each line that begins with a time is one of ours"
