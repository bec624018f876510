"""What comes in while the database is away waits in files of this machine, and is stored when it is back (decision 0027).

    DATA_DIR/spool/*.spool       entries, appended by one web process each (messaging.queue.spool_files)
    DATA_DIR/spool/progress      how far each file is replayed
    DATA_DIR/spool/gate.lock     held together by those who append, alone by the one who deletes what is drained
    DATA_DIR/spool/replay.lock   held by the process that replays: one of the machine at a time

The spool is open while there is such a file. Calls and webhooks that come meanwhile are appended, even if the database is
back already, for they must not overtake those before them. The process that replays deletes the files when nothing waits
in any of them: nobody can append at that moment, and whoever wanted to finds his file gone and goes to the database.

The kernel frees the locks of a process that dies. Whatever it had appended is replayed by another one, perhaps for the second
time: what an entry stores is recognised by its key, as any repeated call is.
"""

import errno
import fcntl
import json
import os
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from pathlib import Path

import structlog

from messaging.limits import bounds
from messaging.queue import spool_files
from messaging.queue.group_commit import DiskFull, Unavailable
from messaging.queue.spool_files import Entry
from messaging.system import disk, private_files
from messaging.system.clock import Clock

FOLDER, PROGRESS, GATE, REPLAY = "spool", "progress", "gate.lock", "replay.lock"
#: Entries that cannot be replayed: kept for somebody who finds out why, and can rename the file to replay them.
SET_ASIDE, DAMAGED = "set-aside", ".damaged"
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


@dataclass(frozen=True)
class Source:
    """Whose entry it is. kind: "call" or "webhook". is_known: whether this machine has recognised the caller before."""

    kind: str
    name: str
    is_known: bool


@dataclass
class _File:
    """The file this process appends to."""

    path: Path
    descriptor: int
    size: int


class Spool:
    """The spool as one process sees it. most_bytes: of all files together, 0: nothing is ever spooled.

    is_open: whether what comes in is to be appended. Set when this process appends, and by `look`.
    """

    def __init__(
        self, folder: Path, most_bytes: int, clock: Clock, free: Callable[[Path], int] = disk.free_bytes
    ) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.is_open = bool(most_bytes and spool_files.files_in(folder))
        self._clock = clock
        self._free = free
        self._lock = threading.Lock()
        self._file: _File | None = None
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
        with _locked(self.folder / GATE, fcntl.LOCK_SH):
            self._let_go_of_a_deleted_file()
            files = spool_files.files_in(self.folder)
            if not files and not opens:
                self.is_open = False
                return False
            entry = spool_files.encoded(self._clock(), content)
            self._check_room(source, len(entry), sum(path.stat().st_size for path in files))
            self._write(entry)
        if not self.is_open:
            log.warning("the database is away: what comes in is kept in the spool")
        self.is_open = True
        self._of_source[source.kind, source.name] += len(entry)
        if not source.is_known:
            self._unknown[source.kind] += len(entry)
        return True

    def _let_go_of_a_deleted_file(self) -> None:
        """The entries of this process are stored, and its file was deleted: begin anew."""
        if self._file is not None and not self._file.path.exists():
            os.close(self._file.descriptor)
            self._file = None
        if self._file is None:
            self._of_source.clear()
            self._unknown.clear()

    def _check_room(self, source: Source, size: int, taken: int) -> None:
        if self._free(self.folder) < bounds.FREE_FOR_SPOOL_BYTES + size:
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
        if self._file is None:
            self._file = _begin(self.folder, self._clock())
        file = self._file
        try:
            _write_all(file.descriptor, entry)
            os.fsync(file.descriptor)
        except OSError:
            try:
                os.ftruncate(file.descriptor, file.size)
                os.fsync(file.descriptor)
            except OSError:  # what is there can be read up to this entry; nothing more is appended to it
                os.close(file.descriptor)
                self._file = None
            raise
        file.size += len(entry)

    def look(self) -> bool:
        """Whether there is anything in the spool, whoever wrote it. Opens or closes it for this process."""
        has_files = bool(spool_files.files_in(self.folder))
        if self._file is not None and not has_files:
            with self._lock:
                self._let_go_of_a_deleted_file()  # its room on the disk is free only when nobody has it open
        self.is_open = self.is_enabled and has_files and not self._is_overdue()
        return has_files

    def _is_overdue(self) -> bool:
        """Whether it takes so long to drain that nobody is to wait behind it any longer."""
        since = _read_progress(self.folder).replaying_since
        return since is not None and self._clock().timestamp() - since > bounds.SPOOL_ORDER_S

    def waiting(self) -> Waiting:
        """What waits now, on this machine."""
        progress = _read_progress(self.folder)
        entries, size, arrivals = 0, 0, []
        with suppress(FileNotFoundError):  # drained at this moment
            for path in spool_files.files_in(self.folder):
                offset, done = progress.files.get(path.name, (0, 0))
                entries += self._count(path) - done
                size += max(0, path.stat().st_size - max(offset, len(spool_files.MAGIC)))
                if (first := spool_files.first_arrival(path, offset)) is not None:
                    arrivals.append(first)
        return Waiting(max(0, entries), size, min(arrivals, default=None))

    def _count(self, path: Path) -> int:
        """How many entries a file has, replayed or not. Those that were counted before are not read again."""
        offset, number = self._counted.get(path.name, (0, 0))
        more, offset = spool_files.count(path, offset)
        self._counted[path.name] = offset, number + more
        return number + more

    @contextmanager
    def replaying(self) -> Iterator["Replaying | None"]:
        """Replay what waits; None if another process of this machine does."""
        with _locked(self.folder / REPLAY, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            if not is_alone:
                yield None
                return
            replaying = Replaying(self.folder, self._clock)
            try:
                yield replaying
            finally:
                replaying.save()
        self._counted.clear()


@dataclass
class _Progress:
    """files: name → offset up to which it is replayed, and how many entries that were. replaying_since: unix time at which
    the database was back; None: it is away."""

    files: dict[str, tuple[int, int]]
    replaying_since: float | None = None


def _read_progress(folder: Path) -> _Progress:
    try:
        kept = json.loads((folder / PROGRESS).read_bytes())
        return _Progress({name: (offset, done) for name, (offset, done) in kept["files"].items()}, kept["since"])
    except (OSError, ValueError, KeyError, TypeError):  # lost: everything is replayed again, and recognised
        return _Progress({})


class Replaying:
    """The entries of all files of this machine in the order in which they came, for the one process that replays them."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._progress = _read_progress(folder)

    def entries(self) -> Iterator[Entry]:
        """What waits, the oldest first; without what is appended meanwhile to files that are at their end."""
        files = [
            spool_files.read(path, self._progress.files.get(path.name, (0, 0))[0])
            for path in spool_files.files_in(self._folder)
        ]
        return merge(*files, key=lambda entry: entry.at)

    def done(self, entry: Entry) -> None:
        """This entry is stored, or never will be."""
        _, done = self._progress.files.get(entry.path.name, (0, 0))
        self._progress.files[entry.path.name] = entry.end, done + 1
        if self._progress.replaying_since is None:
            self._progress.replaying_since = self._clock().timestamp()

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
        descriptor = os.open(self._folder / SET_ASIDE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        size = os.fstat(descriptor).st_size
        try:
            if size == 0:
                _write_all(descriptor, spool_files.MAGIC)
            _write_all(descriptor, spool_files.encoded(entry.at, entry.content))
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):  # or what is appended behind half an entry could not be read
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)

    def finish(self) -> bool:
        """Delete the files if all their entries are replayed: the spool is closed. False: more has come meanwhile."""
        with _locked(self._folder / GATE, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            if not is_alone or next(self.entries(), None) is not None:
                return False
            # First: a `since` that outlives the files would let the next outage begin as overdue.
            (self._folder / PROGRESS).unlink(missing_ok=True)
            for path in spool_files.files_in(self._folder):
                self._delete(path, self._progress.files.get(path.name, (0, 0))[0])
            self._progress = _Progress({})
            return True

    def _delete(self, path: Path, offset: int) -> None:
        """Delete a drained file. An entry that was broken off was never answered 200; anything else is kept to be looked at."""
        if spool_files.is_damaged(path, offset):
            log.error("a file of the spool is damaged, what follows is not replayed", path=str(path), offset=offset)
            path.rename(path.with_suffix(DAMAGED))
            return
        torn = path.stat().st_size - max(offset, len(spool_files.MAGIC))
        if torn > 0:
            log.warning("an entry of the spool was broken off while it was written", size=torn)
        path.unlink()


@contextmanager
def _locked(path: Path, how: int) -> Iterator[bool]:
    """Hold an flock on a file. False if it is taken and `how` says not to wait. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)  # gives the lock back


def _begin(folder: Path, now: datetime) -> _File:
    """A new file of this process, which is there after a power failure, too."""
    path = folder / f"{int(now.timestamp()):010}-{secrets.token_hex(6)}{spool_files.ENDING}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, spool_files.MAGIC)
        parent = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError:
        os.close(descriptor)
        path.unlink()
        raise
    return _File(path, descriptor, len(spool_files.MAGIC))


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
