"""Live checks of a line: is everything there that sending needs? (ui.md 3.3)

Asked are: Gupshup, as far as it answers to the key of an app, with short timeouts; our own webhook address, from outside; the
database. Its balance, the number's display name and quality Gupshup tells to partners only (gupshup.md 6): whether there is
money, the last messages tell.

The last answers lie in Redis, so that a page can show them at once. Losing them costs a question.
"""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gupshup.client import MODES, Account
from gupshup.errors import GupshupError, Misconfigured, Rejected, Throttled, Unavailable, Unclear
from gupshup.open_points import SUBSCRIPTIONS
from gupshup.transport import Broken, exchange
from messaging.insight import line_activity
from messaging.limits.concurrency import PAGE_TIMEOUT, ConcurrencyLimit
from messaging.lines import lines
from messaging.runs.statuses import RANK
from messaging.runtime import Runtime
from messaging.store.models import Line, Template
from messaging.store.tallies import Tally
from messaging.system.counters import POINT
from messaging.system.embedded_redis import QueueServerError
from messaging.templates import catalogue

#: For this time the last answer is given again: two rows of a page ask the same, and Gupshup counts questions.
FRESH = timedelta(seconds=5)
#: Gupshup hands out ten template lists a minute, five answers about subscriptions.
FRESH_OF = {"templates": timedelta(seconds=15), "webhook": timedelta(seconds=9)}
KEPT_S = 7 * 24 * 3600
TAG = "waba24"
MONEY = frozenset({"1003", "131042"})
#: Events without which robots do not go on.
NEEDED = frozenset({"MESSAGE", "ENQUEUED", "FAILED", "SENT", "DELIVERED", "READ"})
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Result:
    """What a check found. state: done, wrong, blocked (something before it is wrong), open (not done, may be later),
    unknown (Gupshup did not say, so nobody can tell whether anything is wrong).

    code: why, a word of ours; facts: what to say about it, as JSON has it.
    """

    state: str
    code: str
    at: datetime
    facts: dict[str, Any] = field(default_factory=dict)


Answer = tuple[str, str, dict[str, Any]]


#: One thread of this process at a time asks about a line; the next one finds a fresh answer.
_asking: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
#: A page asks several checks at once, so a portal has two of the three slots; and Gupshup may need a second for each.
_page_threads = ConcurrencyLimit(per_portal=2, slow_s=PAGE_TIMEOUT[1])


def ask(runtime: Runtime, line: Line, name: str) -> Result:
    """Run the check `name` of a connected line, unless it ran a moment ago, or too many already wait for Gupshup."""
    with _page_threads.acquire(str(line.portal_id)) as is_free:
        if is_free:
            return _asked(runtime, line, name)
    return last(runtime, line.id).get(name) or Result("unknown", "down", runtime.clock())


def _asked(runtime: Runtime, line: Line, name: str) -> Result:
    with _asking[line.id]:
        known = last(runtime, line.id).get(name)
        if known is not None and timedelta() <= runtime.clock() - known.at < FRESH_OF.get(name, FRESH):
            return known
        try:
            found = CHECKS[name](runtime, line)
        except GupshupError as error:
            found = {name: _no_answer(error)}
        before = last(runtime, line.id)
        results = {key: _result(answer, runtime.clock(), before.get(key)) for key, answer in found.items()}
        _keep(runtime, line.id, results)
        return results[name]


def _result(answer: Answer, at: datetime, before: Result | None) -> Result:
    """What a check found. Without an answer of Gupshup's, `facts` say since when, and what was known before (`known`)."""
    state, code, facts = answer
    if state != "unknown":
        return Result(state, code, at, facts)
    if before is None:
        return Result(state, code, at, {**facts, "since": at.isoformat()})
    if before.state == "unknown":
        return Result(state, code, at, {**before.facts, **facts})
    return Result(state, code, at, {**facts, "since": at.isoformat(), "known": _dumped(before)})


def known_before(result: Result) -> Result | None:
    """What was found before Gupshup stopped answering; None if it answers, or nothing was known."""
    known = result.facts.get("known") if result.state == "unknown" else None
    return _loaded(known) if known else None


def last(runtime: Runtime, line_id: int) -> dict[str, Result]:
    """What the checks of a line found last, by name; those that never ran are missing."""
    try:
        kept: dict[bytes, bytes] = runtime.redis.hgetall(_key(line_id))  # type: ignore[assignment]  # nothing is decoded
        return {name.decode(): _loaded(json.loads(raw)) for name, raw in kept.items() if name.decode() in CHECKS}
    except (RedisError, QueueServerError, ValueError, TypeError, KeyError) as error:
        log.warning("checks are not remembered", line=line_id, error=type(error).__name__)
        return {}


def forget(runtime: Runtime, line_id: int) -> None:
    """The line was changed: what was found says nothing any more."""
    try:
        runtime.redis.delete(_key(line_id))
    except (RedisError, QueueServerError) as error:
        log.warning("checks are not forgotten", line=line_id, error=type(error).__name__)


def _key(line_id: int) -> str:
    return f"waba24:checks:{line_id}"


def _keep(runtime: Runtime, line_id: int, results: dict[str, Result]) -> None:
    rows: dict[Any, Any] = {name: json.dumps(_dumped(one)) for name, one in results.items()}
    try:
        runtime.redis.hset(_key(line_id), mapping=rows)
        runtime.redis.expire(_key(line_id), KEPT_S)
    except (RedisError, QueueServerError) as error:
        log.warning("checks are not remembered", line=line_id, error=type(error).__name__)


def _dumped(result: Result) -> dict[str, Any]:
    return {**asdict(result), "at": result.at.isoformat()}


def _loaded(row: Mapping[str, Any]) -> Result:
    return Result(row["state"], row["code"], datetime.fromisoformat(row["at"]), row["facts"])


def _no_answer(error: GupshupError) -> Answer:
    """Gupshup did not say what was asked."""
    if isinstance(error, Misconfigured) and error.code in ("gupshup_401", "gupshup_403"):
        return "blocked", "key", {}
    if isinstance(error, Throttled):
        return "unknown", "busy", {}
    if isinstance(error, Unavailable | Unclear):
        return "unknown", "down", {}
    return "wrong", "refused", {"said": error.reason, "code": error.code}


# --- key and number -------------------------------------------------------------------------------------------------------


def _account(runtime: Runtime, line: Line) -> dict[str, Answer]:
    facts = {"app": line.app_name, "phone": line.phone}
    try:
        key, number = _tried(runtime, lines.account(line))
    except GupshupError as error:
        no_answer = _no_answer(error)
        return {"key": no_answer, "number": no_answer if no_answer[0] == "unknown" else ("blocked", "key", facts)}
    if key:
        return {"key": ("wrong", key, facts), "number": ("blocked", "key", facts)}
    return {"key": ("done", "", facts), "number": ("wrong" if number else "done", number, facts)}


def _tried(runtime: Runtime, account: Account) -> tuple[str, str]:
    """Why Gupshup accepts the key not, and the number not; "" for what it accepts. Raises GupshupError without an answer.

    One question tells both: a message to nobody, which Gupshup refuses by its recipient once everything else is right.
    """
    try:
        catalogue.page_client(runtime).check(replace(account, app_id=""))
    except Misconfigured as error:
        if error.code in ("gupshup_401", "gupshup_403"):
            return "key_refused", ""
        return ("", "other_number") if "invalid app details" in error.reason.lower() else ("name_unknown", "")
    return "", ""


def refusals(runtime: Runtime, new: lines.NewLine) -> dict[str, str]:
    """Try a line before it is stored: field → `key_refused`, `name_unknown` or `other_number`.

    Raises GupshupError when Gupshup did not say, or too many already wait for it. Expects a tidied line without problems.
    """
    with _page_threads.acquire() as is_free:
        if not is_free:
            raise Unavailable("gupshup_unreachable", "too many wait for Gupshup")
        key, number = _tried(runtime, Account(new.api_key, new.app_name, new.phone))
    fields = {"api_key": key if key == "key_refused" else "", "app_name": key if key == "name_unknown" else ""}
    return {field: code for field, code in {**fields, "phone": number}.items() if code}


def worst(results: Mapping[str, Result]) -> str:
    """What a badge of the line says: `key`, `wrong`, `unknown` or "", by the worst of these results."""
    # What was wrong before Gupshup stopped answering is not right because nobody can ask.
    found = [one for result in results.values() for one in (result, known_before(result)) if one is not None]
    if any(result.code == "key_refused" for result in found):
        return "key"
    states = {result.state for result in found}
    return "wrong" if "wrong" in states else "unknown" if "unknown" in states else ""


# --- webhook ----------------------------------------------------------------------------------------------------------------


def _webhook(runtime: Runtime, line: Line) -> dict[str, Answer]:
    with runtime.db.read() as session:
        silent = line_activity.silent_since(session, runtime.clock(), [line.id]).get(line.id)
        heard = line_activity.heard_at(session, line.id)
    facts = {"heard": heard.isoformat() if heard else ""}
    if silent is not None:
        return {"webhook": ("wrong", "silent", {**facts, "since": silent.isoformat()})}
    status = _reached(runtime, lines.webhook_url(runtime, line))
    if status != 200:
        return {"webhook": ("wrong", "unreachable", {**facts, "status": status})}
    return {"webhook": (*_subscribed(runtime, line, heard), facts)}


def _reached(runtime: Runtime, url: str) -> int:
    """What our own address answers to a stranger; 0: nothing."""
    try:
        return exchange(runtime.gs_session, "GET", url, {}, timeout=PAGE_TIMEOUT).status
    except Broken:
        return 0


def _subscribed(runtime: Runtime, line: Line, heard: datetime | None) -> tuple[str, str]:
    """Whether Gupshup knows the address, and posts to it what we need."""
    came = heard is not None and heard >= line.connected_at
    if not line.app_id:
        return ("done", "heard") if came else ("wrong", "paste")
    try:
        known = catalogue.page_client(runtime).subscriptions(lines.account(line))
        runtime.counters.seen(POINT, SUBSCRIPTIONS, "listed", line.portal_id)
    except Throttled:
        return ("done", "heard") if came else ("unknown", "busy")
    except Misconfigured as error:
        runtime.counters.seen(POINT, SUBSCRIPTIONS, _refusal("list", error), line.portal_id)
        key = last(runtime, line.id).get("key")
        if key is not None and key.code == "key_refused":
            return "blocked", "key"
        # Apps that are not live yet have no subscriptions (gupshup.md 1.4): then the console is the only way.
        return ("done", "heard") if came else ("wrong", "paste")
    ours = [one for one in known if one.get("url") == lines.webhook_url(runtime, line)]
    if not ours:
        return "wrong", "not_set"
    if not any(one.get("active", True) for one in ours):
        return "wrong", "inactive"
    modes = {str(mode).upper() for one in ours for mode in one.get("modes") or []}
    return ("done", "heard" if came else "") if "ALL" in modes or modes >= NEEDED else ("wrong", "modes")


def subscribe(runtime: Runtime, line: Line) -> None:
    """Have Gupshup post this line's events to our address. Raises GupshupError."""
    try:
        catalogue.page_client(runtime).subscribe(lines.account(line), lines.webhook_url(runtime, line), TAG, MODES)
    except (Misconfigured, Rejected) as error:
        runtime.counters.seen(POINT, SUBSCRIPTIONS, _refusal("set", error), line.portal_id)
        raise
    runtime.counters.seen(POINT, SUBSCRIPTIONS, "set", line.portal_id)


def _refusal(what: str, error: GupshupError) -> str:
    """A word for it: Gupshup's own codes are as long as it likes."""
    return (
        f"{what}_refused_{error.code}"
        if error.code in ("gupshup_401", "gupshup_403", "gupshup_404")
        else f"{what}_refused"
    )


# --- what the database knows ------------------------------------------------------------------------------------------------


def _balance(runtime: Runtime, line: Line) -> dict[str, Answer]:
    """Gupshup tells no sum to an app's key. A message that left was paid for; a 1003 was not."""
    if line.stopped_at is not None and line.stop_code in MONEY:
        return {"balance": ("wrong", "empty", {"since": line.stopped_at.isoformat()})}
    with runtime.db.read() as session:
        for row in line_activity.last_messages(session, line.id):
            if row.error_code in MONEY:
                return {"balance": ("wrong", "empty", {"since": _iso(row.failed_at)})}
            if row.sent_at is not None:
                return {"balance": ("done", "paid", {"paid": _iso(row.sent_at)})}
    return {"balance": ("open", "untold", {})}


def _templates(runtime: Runtime, line: Line) -> dict[str, Answer]:
    if not line.app_id:
        return {"templates": ("open", "no_app_id", {})}
    try:
        catalogue.sync(runtime, line, catalogue.page_client(runtime))
    except GupshupError as error:
        if error.code == "gupshup_404":
            return {"templates": ("wrong", "app_unknown", {})}
        raise
    with runtime.db.read() as session:
        counts = template_counts(session, line.id)
    return {"templates": ("done", "", counts) if counts["approved"] else ("wrong", "none_approved", counts)}


def template_counts(session: Session, line_id: int) -> dict[str, int]:
    """How many of a line's templates are `approved`, in `review`, and `other`, as Gupshup last told."""
    query = select(Template.status, func.count()).where(Template.line_id == line_id).group_by(Template.status)
    counts: Counter[str] = Counter()
    for status, number in session.execute(query):
        counts[_TEMPLATE_GROUPS.get(status.upper(), "other")] += number
    return {name: counts[name] for name in ("approved", "review", "other")}


_TEMPLATE_GROUPS = {"APPROVED": "approved", "SANDBOX_REQUESTED": "approved"} | dict.fromkeys(
    ("PENDING", "SUBMITTED", "IN_REVIEW", "IN_APPEAL", "APPEALED"), "review"
)


def _first(runtime: Runtime, line: Line) -> dict[str, Answer]:
    with runtime.db.read() as session:
        for row in line_activity.last_messages(session, line.id):
            if RANK.get(row.status, 0) >= RANK["accepted"]:
                return {"first": ("done", "", {"last": _iso(row.accepted_at)})}
        handed = [status for status, rank in RANK.items() if rank >= RANK["accepted"]]
        earlier = select(Tally.line_id).where(Tally.line_id == line.id, Tally.status.in_(handed)).limit(1)
        if session.scalar(earlier) is not None:
            return {"first": ("done", "earlier", {})}
    return {"first": ("open", "none", {})}


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""


CHECKS: dict[str, Callable[[Runtime, Line], dict[str, Answer]]] = {
    "key": _account,
    "number": _account,
    "webhook": _webhook,
    "balance": _balance,
    "templates": _templates,
    "first": _first,
}
"""In the order of the page."""
