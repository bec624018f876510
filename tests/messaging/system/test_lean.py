"""Little memory: what the processes are started with, and what they do once they are there."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing
from flask import Flask

from messaging.lean import FLAGS, THRESHOLDS, TUNABLES, environment, settle
from tests.support.world import World
from web.warm import warm


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_not_looked_through_again(collector: None) -> None:
    settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == THRESHOLDS


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, TUNABLES),
        ({"GLIBC_TUNABLES": ""}, TUNABLES),
        ({"GLIBC_TUNABLES": "glibc.malloc.tcache_count=7"}, f"{TUNABLES}:glibc.malloc.tcache_count=7"),
    ],
)
def test_what_the_admin_has_tuned_counts(given: dict[str, str], used: str) -> None:
    assert environment({**given, "PATH": "/bin"}) == {"PATH": "/bin", "GLIBC_TUNABLES": used}


def test_the_interpreter_knows_the_flags_and_errors_keep_their_lines() -> None:
    ran = subprocess.run(
        [sys.executable, *FLAGS, "-c", "def fails():\n    raise ValueError('this one')\n\nfails()"],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "line 2, in fails" in ran.stderr
    assert "ValueError: this one" in ran.stderr


@pytest.fixture
def app(world: World) -> Flask:
    return world.flask


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # a web process has one thread by then, tests have more
def test_templates_are_compiled_once(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warm(app, tmp_path / "templates")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "templates").iterdir()}
    assert len(kept) == len(app.jinja_env.list_templates())

    app.jinja_env.cache.clear()  # type: ignore[union-attr]  # only None if it was switched off
    monkeypatch.setattr(type(app.jinja_env), "compile", lambda *args, **kwargs: pytest.fail("compiled again"))
    warm(app, tmp_path / "templates")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_where_nothing_can_be_kept_the_app_starts_all_the_same(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "templates").write_text("a file where the folder should be")
    with structlog.testing.capture_logs() as logged:
        warm(app, tmp_path / "templates")
    assert [entry["event"] for entry in logged] == ["compiled templates cannot be kept"]
    assert app.jinja_env.cache  # all are compiled
