"""Room on the disk that holds files, and on SQLite the database."""

import shutil
from pathlib import Path


def free_bytes(folder: Path) -> int:
    """How much may still be written below this folder; it, or a folder above it, must exist."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
