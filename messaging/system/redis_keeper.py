"""The keeper of an embedded Redis: starts the server, and ends it when no process uses it any more.

`embedded_redis` runs this file as a script, and hands it three locked files:

    keeper   held for as long as the keeper lives
    server   handed on to the server
    users    every process that uses the server holds a shared lock on it

The kernel takes a lock away when its holder dies, however it dies. So the exclusive lock on `users` can be had only
when the last user is gone, and a process that starts while the server is ending waits until the keeper has ended, too.
Only the standard library: the keeper runs without the project's packages, in 10 MB.
"""

import fcntl
import functools
import os
import shutil
import subprocess
import sys
import time

POLL_S = 0.25
#: How long the server waits for its next user: between two commands, or while everything is started again.
UNUSED_S = 3.0
#: What the server may take to write everything down. Killed later, it loses nothing that the kernel has.
STOP_S = 5.0


def main(users: int, server: int, command: list[str]) -> int:
    """Start `command` with the lock `server`, wait until it or its last user has ended. Returns at once in the parent."""
    if os.fork():
        return 0  # the child belongs to init: no zombie is left in the process that asked for it
    process = subprocess.Popen(tied_to_parent(command), pass_fds=(server,))
    os.close(server)
    used_at = time.monotonic()
    while process.poll() is None:
        if not _is_unused(users):
            used_at = time.monotonic()
        elif time.monotonic() - used_at > UNUSED_S:
            break
        else:
            fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(POLL_S)
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return 0


def _is_unused(users: int) -> bool:
    """Take the lock if the last user is gone: no other can come before it is given back."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def tied_to_parent(command: list[str]) -> list[str]:
    """The command, so that the kernel asks it to stop when the process that starts it is killed: by `setpriv` of util-linux,
    which every Linux but the smallest has. Without it the command as it is.
    """
    return [*_tie(), *command]


@functools.cache
def _tie() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    tie = (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()
    works = bool(tie) and subprocess.run([*tie, "true"], capture_output=True, check=False).returncode == 0
    return tie if works else ()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
