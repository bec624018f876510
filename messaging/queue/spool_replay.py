"""What waits in the spool, for the process that replays it: how far it is, and what is set aside.

Only the process that holds `replay.lock` reads entries, sets them aside and deletes drained files (see messaging.queue.spool).
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

import structlog

from messaging.limits import bounds
from messaging.queue import spool_files
from messaging.queue.spool_files import Entry
from messaging.system import private_files
from messaging.system.clock import Clock
from messaging.system.disk import Disk
from messaging.system.file_lock import locked

PROGRESS, GATE = "progress", "gate.lock"
#: Entries that cannot be replayed: kept for somebody who finds out why, and can rename the files to replay them.
SET_ASIDE, SET_ASIDE_BEFORE = "set-aside", "set-aside.before"
#: Calls that nobody can judge yet.
HELD = "held"
log = structlog.get_logger(__name__)


@dataclass
class Progress:
    """files: name → offset up to which it is replayed, and how many entries that were. replaying_since: unix time at which
    the database was back; None: it is away."""

    files: dict[str, tuple[int, int]]
    replaying_since: float | None = None


def read_progress(folder: Path) -> Progress:
    """How far the spool in this folder has been replayed; from the start if that is not known."""
    try:
        kept = json.loads((folder / PROGRESS).read_bytes())
        return Progress({name: (offset, done) for name, (offset, done) in kept["files"].items()}, kept["since"])
    except (OSError, ValueError, KeyError, TypeError):  # lost: everything is replayed again, and recognised
        return Progress({})


class Replaying:
    """The entries of all files of this machine in the order in which they came, for the one process that replays them.

    most_aside: bytes of entries set aside. At least the newest of so many are kept, at most twice as many.
    """

    def __init__(self, folder: Path, most_aside: int, clock: Clock, disk: Disk) -> None:
        self._folder = folder
        self._most_aside = most_aside
        self._clock = clock
        self._disk = disk
        self._progress = read_progress(folder)

    def entries(self) -> Iterator[Entry]:
        """What waits, the oldest first; without what is appended meanwhile to files that are at their end."""
        files = [
            spool_files.read(path, self._progress.files.get(path.name, (0, 0))[0])
            for path in spool_files.files_in(self._folder)
        ]
        return merge(*files, key=lambda entry: entry.order)

    def done(self, entry: Entry) -> None:
        """This entry is stored, or never will be."""
        _, done = self._progress.files.get(entry.path.name, (0, 0))
        self._progress.files[entry.path.name] = entry.end, done + 1
        now, since = self._clock().timestamp(), self._progress.replaying_since
        if since is None or since > now:  # the clock was set back
            self._progress.replaying_since = now

    def is_away(self) -> None:
        """The database is away, still or again."""
        self._progress.replaying_since = None

    def save(self) -> None:
        """Tell other processes how far the files are replayed, and one that goes on after a crash where."""
        told = {"files": self._progress.files, "since": self._progress.replaying_since}
        if spool_files.files_in(self._folder):
            with suppress(OSError):
                private_files.replace(self._folder / PROGRESS, json.dumps(told).encode())

    def set_aside(self, entry: Entry) -> None:
        """Keep an entry that cannot be replayed. Raises OSError."""
        content = spool_files.encoded(entry.order, entry.at, entry.content)
        path = self._folder / SET_ASIDE
        if spool_files.size_of([path]) + len(content) > self._most_aside:
            log.error("too much of the spool is set aside, the oldest of it is dropped")
            path.replace(path.with_name(SET_ASIDE_BEFORE))
        self._append(path, content)

    def hold(self, entry: Entry) -> bool:
        """Keep an entry to try it again later. False: there is no room for it. Raises OSError."""
        content = spool_files.encoded(entry.order, entry.at, entry.content)
        path = self._folder / HELD
        if spool_files.size_of([path]) + len(content) > bounds.SPOOL_HELD_BYTES:
            return False
        self._append(path, content)
        return True

    def held(self) -> list[Entry]:
        """What `hold` has kept, damaged entries among it."""
        path = self._folder / HELD
        if not path.exists():
            return []
        entries = list(spool_files.read(path, 0))
        end = entries[-1].end if entries else 0
        return entries if spool_files.is_torn(path, end) else [*entries, *spool_files.rest(path, end)]

    def keep_held(self, entries: Sequence[Entry]) -> None:
        """Hold only these any longer. Raises OSError."""
        path, draft = self._folder / HELD, self._folder / f"{HELD}.new"
        if not entries:
            path.unlink()
            return
        draft.unlink(missing_ok=True)
        self._append(draft, b"".join(spool_files.encoded(one.order, one.at, one.content) for one in entries))
        draft.replace(path)

    def _append(self, path: Path, content: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        size = os.fstat(descriptor).st_size
        try:
            self._disk.write(descriptor, content)
            self._disk.sync(descriptor)
            if size == 0:
                self._disk.sync_folder(path.parent)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)

    def finish(self) -> bool:
        """Delete the files if all their entries are replayed: the spool is closed. False: more has come meanwhile."""
        with locked(self._folder / GATE, fcntl.LOCK_EX | fcntl.LOCK_NB) as gate:
            if gate is None or next(self.entries(), None) is not None:
                return False
            # First: a `since` that outlives the files would let the next outage begin as overdue.
            (self._folder / PROGRESS).unlink(missing_ok=True)
            for path in spool_files.files_in(self._folder):
                self._delete(path, self._progress.files.get(path.name, (0, 0))[0])
            self._progress = Progress({})
            return True

    def _delete(self, path: Path, offset: int) -> None:
        """Delete a drained file. An entry that was broken off was never answered 200; anything else is set aside."""
        size = max(0, path.stat().st_size - offset)
        if size and spool_files.is_torn(path, offset):
            log.warning("an entry of the spool was broken off while it was written", size=size)
        elif size:
            log.error("the end of a file of the spool is damaged, it is set aside", path=str(path), size=size)
            for entry in spool_files.rest(path, offset):
                self.set_aside(entry)
        path.unlink()
