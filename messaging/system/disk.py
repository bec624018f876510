"""Room on the disk that holds files, and on SQLite the database; and how what must survive is written there."""

import os
import shutil
from pathlib import Path


def free_bytes(folder: Path) -> int:
    """How much may still be written below this folder; it, or a folder above it, must exist."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class Disk:
    """The disk below DATA_DIR. A test hands in one that is full or fails. All methods raise OSError."""

    def free_bytes(self, folder: Path) -> int:
        """As the function of this name."""
        return free_bytes(folder)

    def write(self, descriptor: int, content: bytes) -> None:
        """Append all of the content to a file. After an error, part of it may be there."""
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync_folder(self, folder: Path) -> None:
        """The same for the names of the files in a folder."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, descriptor: int) -> None:
        """Wait until what was written survives a power failure."""
        os.fsync(descriptor)
