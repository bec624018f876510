"""What comes in while the database is away waits in files of this machine, and is stored when it is back (decision 0027).

    DATA_DIR/spool/*.spool       entries, appended by one web process each (messaging.queue.spool_files)
    DATA_DIR/spool/progress      how far each file is replayed
    DATA_DIR/spool/gate.lock     held together by those who append, alone by the one who deletes what is drained; in it
                                 the number of the last entry
    DATA_DIR/spool/replay.lock   held by the process that replays: one of the machine at a time
    DATA_DIR/spool/held          calls that nobody can judge yet, and that are tried again
    DATA_DIR/spool/set-aside     entries that cannot be replayed; the older ones in set-aside.before

The spool is open while there is such a file. Calls and webhooks that come meanwhile are appended, even if the database is
back already, for they must not overtake those before them. The process that replays deletes the files when nothing waits
in any of them: nobody can append at that moment, and whoever wanted to finds his file gone and goes to the database.

The kernel frees the locks of a process that dies. Whatever it had appended is replayed by another one, perhaps for the second
time: what an entry stores is recognised by its key, as any repeated call is.
"""

import errno
import fcntl
import os
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from messaging.limits import bounds
from messaging.queue import spool_files
from messaging.queue.group_commit import DiskFull, Unavailable
from messaging.queue.spool_replay import GATE, HELD, SET_ASIDE, SET_ASIDE_BEFORE, Replaying, read_progress
from messaging.queue.spool_writer import SpoolWriter
from messaging.system import private_files
from messaging.system.clock import Clock
from messaging.system.disk import Disk
from messaging.system.file_lock import locked

FOLDER, REPLAY = "spool", "replay.lock"
_ORDER = struct.Struct(">Q")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
log = structlog.get_logger(__name__)


class SpoolFull(Unavailable):
    """The database is away, and the spool holds as much as it may: altogether, of this portal, or of callers nobody knows."""


@dataclass(frozen=True)
class Waiting:
    """What waits in the spool of this machine. since: when the oldest entry arrived, None: nothing waits."""

    entries: int
    size: int
    since: datetime | None

    def age_s(self, now: datetime) -> float:
        """Of the oldest entry."""
        return max(0.0, (now - self.since).total_seconds()) if self.since else 0.0


@dataclass(frozen=True)
class Source:
    """Whose entry it is. kind: "call", "provider" or "webhook". is_known: whether this machine has recognised the caller."""

    kind: str
    name: str
    is_known: bool


class Spool:
    """The spool as one process sees it. most_bytes: of all files together, 0: nothing is ever spooled.

    is_open: whether what comes in is to be appended. Set when this process appends, and by `look`.
    is_draining: whether it is being replayed, so that the database answers. Set by `look`.
    """

    def __init__(self, folder: Path, most_bytes: int, clock: Clock, disk: Disk | None = None) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.is_open = bool(most_bytes and spool_files.files_in(folder))
        self.is_draining = False
        self._clock = clock
        self._disk = disk or Disk()
        self._lock = threading.Lock()
        #: The file this process appends to, and the former ones, which could not be written any more.
        self._writer: SpoolWriter | None = None
        self._given_up: set[Path] = set()
        self._last = 0
        #: Bytes of this process since the spool was opened: of each portal or line, and of each kind of unknown callers.
        self._of_source: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._unknown: defaultdict[str, int] = defaultdict(int)
        #: File → offset up to which its entries are counted, and how many there are.
        self._counted: dict[str, tuple[int, int]] = {}

    @property
    def is_enabled(self) -> bool:
        return self.most_bytes > 0

    def append(self, source: Source, content: bytes, *, opens: bool) -> bool:
        """Write an entry, so that it survives whatever happens from now on. False: the spool is closed, ask the database.

        content: encrypted. opens: the database has just been found away, so open a closed spool.
        Raises SpoolFull, DiskFull, Unavailable.
        """
        with self._lock:
            try:
                return self._append(source, content, opens)
            except OSError as error:
                if error.errno in _NO_ROOM:
                    raise DiskFull("the disk of DATA_DIR is full") from error
                raise Unavailable(f"the spool cannot be written: {error.strerror}") from error

    def _append(self, source: Source, content: bytes, opens: bool) -> bool:
        if not self.is_enabled:
            raise SpoolFull("SPOOL_MB is 0")
        private_files.make_folder(self.folder)
        with locked(self.folder / GATE, fcntl.LOCK_SH) as gate:
            self._let_go_of_deleted_files()
            files = spool_files.files_in(self.folder)
            if not files and not opens:
                self.is_open = False
                return False
            now = self._clock()
            entry = spool_files.encoded(self._order(gate, now), now, content)
            self._check_room(source, len(entry), spool_files.size_of(files))
            self._write(entry)
        if not self.is_open:
            log.warning("the database is away: what comes in is kept in the spool")
        self.is_open = True
        self._of_source[source.kind, source.name] += len(entry)
        if not source.is_known:
            self._unknown[source.kind] += len(entry)
        return True

    def _order(self, gate: int | None, now: datetime) -> int:
        """A number greater than that of any entry before, of whatever process: the time, unless the clock was set back.

        The gate's file holds the last one. Of two entries that come at the same moment, either may be the first.
        """
        assert gate is not None  # waited for
        kept = os.pread(gate, _ORDER.size, 0)
        last = _ORDER.unpack(kept)[0] if len(kept) == _ORDER.size else 0
        if last > spool_files.microseconds(spool_files.LATEST):  # damaged
            last = 0
        self._last = max(spool_files.microseconds(now), last + 1, self._last + 1)
        with suppress(OSError):  # a full disk
            os.pwrite(gate, _ORDER.pack(self._last), 0)
        return self._last

    def _let_go_of_deleted_files(self) -> None:
        """The entries of this process are stored, and its files were deleted: begin anew."""
        if self._writer is not None and not self._writer.path.exists():
            self._writer.close()
            self._writer = None
        self._given_up = {path for path in self._given_up if path.exists()}
        if self._writer is None and not self._given_up:
            self._of_source.clear()
            self._unknown.clear()

    def _check_room(self, source: Source, size: int, taken: int) -> None:
        if self._disk.free_bytes(self.folder) < bounds.FREE_FOR_SPOOL_BYTES + size:
            raise DiskFull("the disk of DATA_DIR is full")
        if taken + size > self.most_bytes:
            raise SpoolFull("the spool is full")
        share = self.most_bytes // 2 if source.is_known else bounds.SPOOL_OF_UNKNOWN_BYTES
        if self._of_source.get((source.kind, source.name), 0) + size > share:
            raise SpoolFull(f"the spool is full for this {source.kind}'s sender")
        if not source.is_known and self._unknown[source.kind] + size > bounds.SPOOL_OF_ALL_UNKNOWN_BYTES:
            raise SpoolFull(f"the spool is full for {source.kind}s of unknown senders")

    def _write(self, entry: bytes) -> None:
        """All of the entry or nothing. Raises OSError."""
        writer = self._writer or SpoolWriter(self.folder, self._clock(), self._disk)
        self._writer = writer
        try:
            writer.append(entry)
        except OSError:
            self._writer = None
            self._given_up.add(writer.path)
            raise

    def look(self) -> bool:
        """Whether there is anything in the spool, whoever wrote it. Opens or closes it for this process."""
        has_files = bool(spool_files.files_in(self.folder))
        if self._writer is not None and not has_files:
            with self._lock:
                self._let_go_of_deleted_files()  # its room on the disk is free only when nobody has it open
        since = read_progress(self.folder).replaying_since if has_files else None
        # It may take so long to drain that nobody is to wait behind it any longer.
        is_overdue = since is not None and self._clock().timestamp() - since > bounds.SPOOL_ORDER_S
        self.is_draining = since is not None
        self.is_open = self.is_enabled and has_files and not is_overdue
        return has_files

    def waiting(self) -> Waiting:
        """What waits now, on this machine."""
        progress = read_progress(self.folder)
        entries, size, arrivals = 0, 0, []
        with suppress(FileNotFoundError):  # drained at this moment
            for path in spool_files.files_in(self.folder):
                offset, done = progress.files.get(path.name, (0, 0))
                entries += self._count(path) - done
                size += max(0, path.stat().st_size - offset)
                if (first := spool_files.first_arrival(path, offset)) is not None:
                    arrivals.append(first)
        return Waiting(max(0, entries), size, min(arrivals, default=None))

    def has_held(self) -> bool:
        """Whether there are calls that nobody could judge yet."""
        return (self.folder / HELD).exists()

    def held_bytes(self) -> int:
        """How much they take."""
        return spool_files.size_of([self.folder / HELD])

    def set_aside_bytes(self) -> int:
        """How much lies there that could not be replayed."""
        return spool_files.size_of(self.folder / name for name in (SET_ASIDE, SET_ASIDE_BEFORE))

    def _count(self, path: Path) -> int:
        """How many entries a file has, replayed or not. Those that were counted before are not read again."""
        offset, number = self._counted.get(path.name, (0, 0))
        more, offset = spool_files.count(path, offset)
        self._counted[path.name] = offset, number + more
        return number + more

    @contextmanager
    def replaying(self) -> Iterator["Replaying | None"]:
        """Replay what waits; None if another process of this machine does."""
        with locked(self.folder / REPLAY, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
            if lock is None:
                yield None
                return
            most_aside = max(self.most_bytes, bounds.SPOOL_SET_ASIDE_BYTES)
            replaying = Replaying(self.folder, most_aside, self._clock, self._disk)
            try:
                yield replaying
            finally:
                replaying.save()
        self._counted.clear()
