"""Portals and lines that this machine has recognised before, in a file: a web process that starts while the database is away
can tell their calls from a stranger's.

Kept are digests of secrets (a portal's id with its application_token, a line's webhook secret). They only decide how much of
the spool a caller may fill: whatever was spooled is verified when it is replayed.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import structlog

from bx24.payloads import Auth
from messaging.limits import bounds
from messaging.queue.group_commit import Intake
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.system import private_files

FILE = "known-callers"
#: A caller recognised less than this before a kill -9 may be forgotten.
SAVE_EVERY = timedelta(seconds=10)
log = structlog.get_logger(__name__)


def knows_portal(runtime: Runtime, auth: Auth) -> bool:
    """Whether a call with this member_id and application_token was recognised on this machine."""
    given = crypto.digest(auth.application_token)
    cached = runtime.intake.portals.get(auth.member_id)
    if cached is not None and crypto.same(cached.token_digest, given):
        return True
    return _portal(auth.member_id, given) in _saved(_file(runtime))


def knows_line(runtime: Runtime, secret_digest: str) -> bool:
    """Whether a webhook with this secret was recognised on this machine."""
    return runtime.intake.lines.get(secret_digest) is not None or secret_digest in _saved(_file(runtime))


class KnownCallers:
    """Saves whom this process has recognised; processes of one machine share the file."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._seen = 0
        self._saved_at: datetime | None = None

    def save_sometimes(self) -> None:
        """Save if somebody new was recognised, at most every SAVE_EVERY. Without room on the disk: later."""
        intake, now = self._runtime.intake, self._runtime.clock()
        seen = intake.portals.version + intake.lines.version
        if seen == self._seen or (self._saved_at is not None and now - self._saved_at < SAVE_EVERY):
            return
        self._saved_at = now
        try:
            self._save(intake)
        except OSError as error:
            log.warning("who was recognised could not be saved", error=error.strerror)
        else:
            self._seen = seen

    def _save(self, intake: Intake) -> None:
        mine = {_portal(member_id, portal.token_digest) for member_id, portal in intake.portals.items()}
        mine |= {secret_digest for secret_digest, _ in intake.lines.items()}
        path = _file(self._runtime)
        others = _saved(path)
        if not mine <= others:
            known = mine | others if len(mine | others) <= bounds.KNOWN_CALLERS else mine
            private_files.replace(path, "\n".join(sorted(known)).encode())


def _portal(member_id: str, token_digest: str) -> str:
    return crypto.digest(f"{member_id} {token_digest}")


def _file(runtime: Runtime) -> Path:
    return runtime.config.data_dir / FILE


def _saved(path: Path) -> frozenset[str]:
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError):
        return frozenset()


@lru_cache(maxsize=2)
def _read(path: Path, changed_at: int) -> frozenset[str]:
    return frozenset(path.read_text().split())
