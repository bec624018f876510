"""Files in a folder of this machine: the default. Web and workers on several machines would have to share it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from messaging.system import disk


class Folder:
    """The files in `root`, each in a subfolder of two hex digits; other subfolders are not its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> str:
        return ""

    def problem(self) -> str:
        return ""  # a full disk is the disk's problem, not the folder's

    def free_bytes(self) -> int | None:
        return disk.free_bytes(self.root)

    def add(self, path: Path, key: str) -> None:
        """One step: `path` lies on the same disk."""
        place = self.root / key
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(place)

    def open(self, key: str) -> BinaryIO:
        return (self.root / key).open("rb")

    def has(self, key: str) -> bool:
        return (self.root / key).is_file()

    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            (self.root / key).unlink(missing_ok=True)

    def older(self, before: datetime) -> Iterator[list[str]]:
        for place in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            keys = [f"{place.name}/{path.name}" for path in older_files(place, before)]
            if keys:
                yield keys


def older_files(folder: Path, before: datetime) -> list[Path]:
    """The files in a folder that were written before that time."""
    return [path for path in folder.iterdir() if _written(path) < before.timestamp()] if folder.is_dir() else []


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # deleted a moment ago
        return float("inf")
