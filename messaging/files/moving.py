"""Files that lie in the folder, into the bucket: for an installation that is given its FILES_URL later."""

from datetime import UTC, datetime

from messaging.runtime import FILES, Runtime
from messaging.system.folder_store import Folder


def move(runtime: Runtime, keep: bool) -> int:
    """Put each file of the folder into the store, unless it is there; how many were put. May be repeated after a crash.

    keep: leave the files in the folder too. Raises StoreAway.
    """
    folder = Folder(runtime.config.data_dir / FILES)
    moved = 0
    for keys in folder.older(datetime.max.replace(tzinfo=UTC)):
        for key in keys:
            if not runtime.files.has(key):
                runtime.files.add(folder.root / key, key)
                moved += 1
        if not keep:
            folder.remove(keys)
    return moved
