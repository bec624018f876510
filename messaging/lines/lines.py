"""Lines: a portal's numbers at Gupshup."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gupshup.client import Account
from messaging.callbacks import telling
from messaging.conversations import chat_tasks
from messaging.lines import circuit_breaker
from messaging.portals import portals, scopes
from messaging.queue.group_commit import CachedLine
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.models import Line, Message, Portal, Run, shard_of
from messaging.store.states import LineStatus, MessageStatus

#: Messages a second: the least and the most a line may be set to.
PACES = (0.1, 1000.0)
#: Messages that may leave at once after a quiet time.
BURST = 20
#: The longest values, in characters.
LIMITS = {"api_key": 200, "app_name": 100, "app_id": 64, "name": 100}
PHONE_DIGITS = range(7, 16)
#: How long a removed line stays a sender in Bitrix24, which takes no "failed" for messages of a sender that it does not know.
SENDER_STAYS = timedelta(seconds=30)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NewLine:
    """What an administrator enters: the app's API key and name as Gupshup's console shows them, and its number."""

    api_key: str
    app_name: str
    phone: str
    app_id: str = ""
    name: str = ""

    def tidied(self) -> "NewLine":
        """A copy without the spaces that pasting adds; the phone as digits."""
        return NewLine(
            "".join(self.api_key.split()),
            self.app_name.strip(),
            digits(self.phone),
            self.app_id.strip(),
            self.name.strip(),
        )

    def problems(self) -> dict[str, str]:
        """Field → what is wrong with it: `missing`, `too_long`, `not_a_phone`, `not_a_key`. Expects a tidied line."""
        found = {name: "missing" for name in ("api_key", "app_name") if not getattr(self, name)}
        found |= {name: "too_long" for name, most in LIMITS.items() if len(getattr(self, name)) > most}
        if not all("!" <= char <= "~" for char in self.api_key):
            found["api_key"] = "not_a_key"
        if len(self.phone) not in PHONE_DIGITS:
            found["phone"] = "not_a_phone"
        return found


class Taken(ValueError):
    """Another connected line of the portal has this name."""


def digits(phone: str) -> str:
    """The digits of a phone number, however people write it."""
    return "".join(char for char in phone if char.isascii() and char.isdigit())


_WORDS = {
    "missing": "may not be empty; the app's page in Gupshup's console shows it",
    "too_long": "is too long, at most {most} characters are allowed",
    "not_a_phone": "is not a number with a country code, for example 79161234567",
    "not_a_key": "holds characters no key has",
}


def add(runtime: Runtime, member_id: str, new: NewLine) -> Line:
    """Connect a line, without asking the network. Adding the same app again replaces its key and number.

    Raises LookupError for an unknown portal, ValueError for values that do not fit, Taken for a name that another
    connected line has.
    """
    new = new.tidied()
    if problems := new.problems():
        raise ValueError(
            "; ".join(f"{name}: {_WORDS[code].format(most=LIMITS.get(name))}" for name, code in problems.items())
        )
    with runtime.db.write() as session:
        portal = portal_by_member(session, member_id)
        line = _of_app(session, portal, new)
        name = _name_for(portal, line, new)
        if line is None:
            line = _insert(session, portal, new)
        is_new = line.status != LineStatus.CONNECTED
        _connect(session, runtime, line, new)
        line.app_id, line.name = new.app_id or line.app_id or "", name
        session.flush()
        if is_new:
            telling.line_changed(session, line, runtime.clock())
        if portal.default_line_id is None:
            portal.default_line_id = line.id
        portals.register_again(session, portal, runtime)
        log.info("line connected", portal=portal.id, line=line.id, app=line.app_name)
        return line


def check_name(runtime: Runtime, member_id: str, new: NewLine) -> None:
    """Raises LookupError and Taken as `add` would."""
    with runtime.db.read() as session:
        portal = portal_by_member(session, member_id)
        _name_for(portal, _of_app(session, portal, new), new)


def _of_app(session: Session, portal: Portal, new: NewLine) -> Line | None:
    return session.scalar(select(Line).where(Line.portal_id == portal.id, Line.app_name == new.app_name))


def _name_for(portal: Portal, line: Line | None, new: NewLine) -> str:
    """The name given, else the one the line has, else the app's. Raises Taken."""
    name = new.name or (line.name if line else "") or new.app_name
    keeps_name = line is not None and line.status == LineStatus.CONNECTED and line.name == name
    if not keeps_name and _is_taken(portal, line, name):
        raise Taken(f"name: another connected line is called “{name}”; choose another name")
    return name


def _insert(session: Session, portal: Portal, new: NewLine) -> Line:
    secret = secrets.token_urlsafe(32)
    line = Line(portal_id=portal.id, app_name=new.app_name, secret=secret, secret_digest=crypto.digest(secret))
    session.add(line)
    return line


def _connect(session: Session, runtime: Runtime, line: Line, new: NewLine) -> None:
    """Give the line its key and number. A new key for a connected line leaves its clients' windows open."""
    if line.status != LineStatus.CONNECTED:
        line.connected_at = runtime.clock()
        circuit_breaker.clear_stop(line, runtime.clock())
    elif (line.phone, line.api_key) != (new.phone, new.api_key):
        circuit_breaker.resume(session, runtime, line, "connected anew", by_hand=True)
    line.phone, line.api_key, line.status = new.phone, new.api_key, LineStatus.CONNECTED
    line.templates_synced_at = None


def remove(runtime: Runtime, line_id: int) -> int:
    """Disconnect a line: it sends nothing any more, and its open runs are ended. Returns how many runs that were.

    Raises LookupError for an unknown line.
    """
    return runtime.db.write_again(lambda session: _removed(session, runtime, line_id))


def _removed(session: Session, runtime: Runtime, line_id: int) -> int:
    line = session.get(Line, line_id, with_for_update=True)
    if line is None:
        raise LookupError(f"there is no line {line_id}; `lines list` shows them")
    line.status, line.api_key = LineStatus.REMOVED, None
    line.paused_at = line.paused_by = None
    circuit_breaker.clear_stop(line, runtime.clock())
    # The index of open runs begins with the shard, so the condition names it.
    mine = (Run.shard == shard_of(line.portal_id)) & (Run.line_id == line_id)
    ended = outcomes.end_all(session, runtime, mine, "line_not_connected")
    chat_tasks.line_removed(session, runtime, line)
    portal = line.portal
    if portal.default_line_id == line.id:
        remaining = [other.id for other in portal.lines if other.status == LineStatus.CONNECTED and other.id != line.id]
        portal.default_line_id = remaining[0] if remaining else None
    is_sender = scopes.has(portal, scopes.MESSAGES)
    portals.register_again(session, portal, runtime, after=SENDER_STAYS if is_sender else timedelta())
    telling.line_changed(session, line, runtime.clock())
    log.info("line removed", portal=portal.id, line=line.id, ended=ended)
    return ended


def resume(runtime: Runtime, line_id: int, reason: str = "by hand", only_asked: bool = False) -> bool:
    """Let a stopped line send again; False if it was not stopped.

    only_asked: not if the stop can be lifted by a trial alone.

    Raises LookupError for an unknown or removed line.
    """
    with runtime.db.write() as session:
        line = _connected(session, line_id)
        if only_asked and not circuit_breaker.is_asked(line):
            return False
        return circuit_breaker.resume(session, runtime, line, reason, by_hand=True)


def pause(runtime: Runtime, line_id: int, user_id: int | None = None) -> bool:
    """Send nothing by this line until `unpause`; False if it was paused already. Messages in flight are recorded as usual.

    Its queue waits, and new runs are still planned; until then a run ends only when its own wait is over.
    user_id: the portal's user who paused it. Raises LookupError for an unknown or removed line.
    """
    with runtime.db.write() as session:
        line = _connected(session, line_id)
        if line.paused_at is not None:
            return False
        line.paused_at, line.paused_by = runtime.clock(), user_id
        telling.line_changed(session, line, runtime.clock())
        log.warning("line paused", portal=line.portal_id, line=line.id, user=user_id)
        return True


def unpause(runtime: Runtime, line_id: int) -> bool:
    """Send what waits, at the line's pace; False if the line was not paused. Raises LookupError as `pause`."""
    return runtime.db.write_again(lambda session: _unpaused(session, runtime, line_id))


def _unpaused(session: Session, runtime: Runtime, line_id: int) -> bool:
    line = _connected(session, line_id)
    if line.paused_at is None:
        return False
    line.paused_at = line.paused_by = None
    session.flush()
    waiting = (Message.line_id == line.id) & (Message.status == MessageStatus.QUEUED) & Message.send_at.is_(None)
    session.execute(
        update(Message).where(waiting).values(send_at=runtime.clock()).execution_options(synchronize_session=False)
    )
    telling.line_changed(session, line, runtime.clock())
    log.warning("line goes on after a pause", portal=line.portal_id, line=line.id)
    return True


def make_default(runtime: Runtime, line_id: int) -> None:
    """Use this line for clients without a conversation on any line. Raises LookupError for an unknown or removed line."""

    def chosen(session: Session) -> None:
        line = _connected(session, line_id)
        line.portal.default_line_id = line.id

    runtime.db.write_again(chosen)  # may deadlock: a drain locks the portal before its lines


def rename(runtime: Runtime, line_id: int, name: str) -> None:
    """Change the name people and robots use; empty: the app's name. Raises LookupError, ValueError `too_long`, `taken`."""
    name = name.strip()
    if len(name) > LIMITS["name"]:
        raise ValueError("too_long")
    runtime.db.write_again(lambda session: _renamed(session, runtime, line_id, name))


def _renamed(session: Session, runtime: Runtime, line_id: int, name: str) -> None:
    line = _connected(session, line_id)
    if name and _is_taken(line.portal, line, name):
        raise ValueError("taken")
    line.name = name or line.app_name
    portals.register_again(session, line.portal, runtime)


def _is_taken(portal: Portal, line: Line | None, name: str) -> bool:
    """Whether another connected line has this name. Robots choose a line by its name."""
    others = [other for other in portal.lines if other.status == LineStatus.CONNECTED and other is not line]
    return any(name in (other.name, other.app_name) for other in others)


def set_pace(runtime: Runtime, line_id: int, pace: float) -> None:
    """Set how many messages a second may leave, and how many at once: BURST, or a second's worth if that is more.

    Raises LookupError, ValueError outside of PACES.
    """
    if not PACES[0] <= pace <= PACES[1]:
        raise ValueError(f"pace: {pace:g} is not between {PACES[0]:g} and {PACES[1]:g} messages a second")
    with runtime.db.write() as session:
        line = _connected(session, line_id)
        line.pace, line.burst = pace, max(BURST, round(pace))


def _connected(session: Session, line_id: int) -> Line:
    line = session.get(Line, line_id, with_for_update=True)
    if line is None or line.status != LineStatus.CONNECTED:
        raise LookupError(f"there is no connected line {line_id}; `lines list` shows them")
    return line


def portal_by_member(session: Session, member_id: str) -> Portal:
    """The portal of this member_id. Raises LookupError."""
    portal = session.scalar(select(Portal).where(Portal.member_id == member_id))
    if portal is None:
        raise LookupError(f"there is no portal {member_id}; `portals` shows them")
    return portal


def account(line: Line) -> Account:
    """The line as Gupshup's client takes it."""
    return Account(line.api_key or "", line.app_name, line.phone, line.app_id)


def webhook_url(runtime: Runtime, line: Line) -> str:
    """The secret address Gupshup posts this line's events to."""
    return f"{runtime.config.public_url}/gupshup/{line.secret}"


def by_secret(runtime: Runtime, secret: str) -> CachedLine | None:
    """The line with this webhook secret; found by digest, so that the comparison reveals nothing by its timing.

    Cached: `webhooks.store` checks whether the line still exists. Unknown secrets are not cached.
    """
    digest = crypto.digest(secret)
    cached = runtime.intake.lines.get(digest)
    if cached is None:
        with runtime.db.read() as session:
            found = session.execute(select(Line.id, Line.portal_id).where(Line.secret_digest == digest)).one_or_none()
        if found is not None:
            cached = CachedLine(found.id, found.portal_id, digest)
            runtime.intake.lines.put(digest, cached)
    return cached


def forget(runtime: Runtime, cached: CachedLine) -> None:
    """Drop a cached line that is no longer as it was: the next webhook reads it again."""
    runtime.intake.lines.forget(cached.secret_digest)
