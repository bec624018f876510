"""What only our own user may read: DATA_DIR with what we put there, and an SQLite database wherever it lies.

The modes are set, not left to the umask: a umask of 000 would open new files to everybody, and older releases made folders
with mode 755 and the database with 644. Only names of ours are touched, for DATA_DIR may be a folder that holds other things.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

import structlog

FOLDER, FILE = 0o700, 0o600
log = structlog.get_logger(__name__)


def make_folder(folder: Path) -> None:
    """Make a folder with mode 700, and its missing parents as the umask has them; an older folder is tightened."""
    folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    tighten(folder.resolve())


def tighten_all(folder: Path) -> None:
    """Tighten everything in this folder, at every depth."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            tighten(Path(place, name))


def make_database(database: str) -> None:
    """Make an SQLite file with mode 600, or tighten an older one. SQLite gives its -wal and -shm files the same mode.

    A file that exists is never opened here: closing it would drop the locks that SQLite holds on it in this process.
    """
    with suppress(OSError):  # the file exists; or nobody can make it, which SQLite reports
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE))
    for ending in ("", "-wal", "-shm", "-journal", "-turn"):
        tighten(Path(f"{database}{ending}"))


def replace(path: Path, content: bytes) -> None:
    """Write a file with mode 600 in place of the one that is there; readers see the former or the new one. Raises OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, FILE), "wb") as file:
        file.write(content)
    draft.replace(path)


def tighten(path: Path) -> None:
    """Close a file or folder to other users, if it is there. Links stay as they are, and folders that all users share."""
    try:
        mode = path.lstat().st_mode
        if mode & 0o077 and not mode & stat.S_ISVTX and not stat.S_ISLNK(mode):
            path.chmod(FOLDER if stat.S_ISDIR(mode) else FILE)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("other users may read this", path=str(path), error=error.strerror)
