"""Other users of the machine read nothing: neither lines and templates in the database, nor files, nor the key."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging.runtime import open_runtime
from messaging.system import private_data
from messaging.system.config import Config


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """The usual one, under which everything is readable to everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Of the folder (".") and everything in it."""
    paths = {".": folder, **{path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}}
    return {name: oct(stat.S_IMODE(path.lstat().st_mode))[2:] for name, path in paths.items()}


def started(folder: Path, database: str = "") -> None:
    """What the first start of a process makes: the key, the database and its companions."""
    runtime = open_runtime(Config(database_url=database or f"sqlite:///{folder / 'waba24.db'}", data_dir=folder))
    with runtime.db.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a)")
        found = modes(folder)
    runtime.close()
    wrong = {name: mode for name, mode in found.items() if mode not in ("700", "600")}
    assert not wrong
    assert {"waba24.db", "waba24.db-wal", "secret.key"} <= found.keys() or database


def test_from_the_first_start(tmp_path: Path) -> None:
    started(tmp_path / "new" / "data")


def test_a_folder_that_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    for name in ("waba24.db", "secret.key", "redis.lock"):
        (folder / name).touch(0o644)
    (folder / "secret.key").write_text("Xp7Vd5cPZ2mGQ0Q3k0yX8cJYw4m0n1b6xk3Hq9sT2uE=")
    started(folder)


def test_a_database_beside_the_folder_is_closed_too(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.touch(0o644)
    started(tmp_path / "data", f"sqlite:///{elsewhere}")
    assert modes(tmp_path)["elsewhere.db"] == "600"


@pytest.mark.parametrize(
    ("mode", "names"), [(0o1777, ("waba24.db",)), (0o755, ("somebody's.txt",))], ids=["sticky, as /tmp", "not ours"]
)
def test_a_folder_that_others_use_stays_as_it_is(tmp_path: Path, mode: int, names: tuple[str, ...]) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    for name in names:
        (folder / name).touch(0o644)
    before = modes(folder)
    private_data.open_folder(folder)
    assert modes(folder) == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "somebody's"
    target.touch(0o644)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "waba24.db").touch()
    (folder / "link").symlink_to(target)
    private_data.open_folder(folder)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
