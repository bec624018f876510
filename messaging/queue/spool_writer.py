"""The file of the spool that one process appends to."""

import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from messaging.queue import spool_files
from messaging.system.disk import Disk


class SpoolWriter:
    """A new file, which is there after a power failure, too. size: bytes of it that are safe. Raises OSError."""

    def __init__(self, folder: Path, now: datetime, disk: Disk) -> None:
        self.path = folder / f"{int(now.timestamp()):010}-{secrets.token_hex(6)}{spool_files.ENDING}"
        self._disk = disk
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = 0
        try:
            disk.sync_folder(folder)
        except OSError:
            self._give_up(is_whole=False)
            raise

    def append(self, entry: bytes) -> None:
        """Write an entry so that it survives. After an error the file is closed, and takes nothing more. Raises OSError.

        A whole entry whose fsync fails stays: somebody may have replayed it at that moment, and whatever came to stand in its
        place would count as replayed. So an entry may be stored though its sender was refused. Part of an entry is cut off.
        """
        is_whole = False
        try:
            self._disk.write(self._descriptor, entry)
            is_whole = True
            self._disk.sync(self._descriptor)
        except OSError:
            self._give_up(is_whole)
            raise
        self.size += len(entry)

    def _give_up(self, is_whole: bool) -> None:
        with suppress(OSError):
            if not is_whole:
                os.ftruncate(self._descriptor, self.size)
            if not is_whole and self.size == 0:
                self.path.unlink()
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)
