"""Other users of the machine read nothing of ours, whatever the umask is and whatever an older release left."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging.runtime import open_runtime
from messaging.store import schema
from messaging.system import config, embedded_redis, private_files

DATABASE = ("waba24.db", "waba24.db-wal", "waba24.db-shm", "waba24.db-turn")


@pytest.fixture(params=[0o000, 0o022], ids=["umask-000", "umask-022"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def started(folder: Path) -> set[str]:
    """Start as `serve` does, store a row, and return the names of what is in the folder meanwhile."""
    runtime = open_runtime(config.load({"DATA_DIR": str(folder)}))
    try:
        schema.upgrade(runtime.db.engine)
        runtime.prepare()
        runtime.redis.set("a", "b")
        assert open_to_others(folder) == []
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    finally:
        runtime.close()
        embedded_redis.stop(folder)


def open_to_others(folder: Path) -> list[str]:
    """Everything that is not 700 as a folder or socket, 600 as a file."""
    return [
        f"{path.relative_to(folder)} {stat.filemode(path.lstat().st_mode)}"
        for path in (folder, *folder.rglob("*"))
        if stat.S_IMODE(path.lstat().st_mode) != (0o600 if path.is_file() else 0o700)
    ]


@pytest.mark.usefixtures("umask")
def test_everything_is_closed_from_the_first_start(tmp_path: Path) -> None:
    names = started(tmp_path / "var")
    assert {*DATABASE, config.KEY_FILE, "files", "redis", "redis/redis.log"} <= names


def test_what_an_older_release_left_open_is_tightened(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    started(folder)
    (folder / "notes.txt").write_text("not ours")
    ours = [folder, *(path for path in folder.rglob("*") if path.name != "notes.txt")]
    for path in ours:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "notes.txt").chmod(0o600)
    started(folder)


def test_nothing_else_is_touched(tmp_path: Path) -> None:
    """DATA_DIR may be somebody's home, a link to another disk, or even the folder that all users share."""
    shared, elsewhere, other = tmp_path / "shared", tmp_path / "elsewhere", tmp_path / "other"
    for place in (shared, elsewhere, other):
        place.mkdir()
        (place / "notes.txt").write_text("not ours")
    shared.chmod(0o1777)
    (other / "notes.txt").chmod(0o644)
    (elsewhere / "link").symlink_to(other / "notes.txt")
    (tmp_path / "var").symlink_to(elsewhere)
    private_files.make_folder(shared)
    private_files.make_folder(tmp_path / "var")
    private_files.tighten_all(elsewhere)
    private_files.tighten(tmp_path / "missing")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (shared, elsewhere, other / "notes.txt")]
    assert modes == [0o1777, 0o700, 0o644]
