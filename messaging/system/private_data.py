"""DATA_DIR belongs to the user who runs us, and to nobody else on the machine: folder 700, files 600."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from messaging.system.config import KEY_FILE

FOLDER, FILE = 0o700, 0o600
#: One of these in a folder says that the folder is ours, and not one that others use as well.
OURS = (KEY_FILE, "waba24.db", "redis.lock")


def open_folder(folder: Path) -> None:
    """Make DATA_DIR, closed to other users. A folder of ours that an earlier version left open is closed, with its files.

    A folder that others share (`/tmp`, say) stays as it is. Raises OSError if it cannot be made.
    """
    if not folder.exists():
        folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        return
    found = folder.stat()
    if found.st_mode & stat.S_ISVTX or not any((folder / name).exists() for name in OURS):
        return
    for path in (folder, *(one for one in folder.iterdir() if one.is_file() and not one.is_symlink())):
        close(path)


def close(path: Path) -> None:
    """Take from this file or folder what other users may do with it. One that belongs to another user stays as it is."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        with suppress(PermissionError):
            path.chmod(mode & ~0o077)


def create_file(path: Path) -> None:
    """Make an empty file that only its owner reads, whatever the umask; one that is there is closed. Errors are left to
    whoever opens it."""
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE))
        close(path)
