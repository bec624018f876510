"""The people and departments of a portal: to choose from, and which departments a person belongs to.

Bitrix24 docs: api-reference/user/user-get, api-reference/departments/department-get.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError

from bx24.client import Client
from bx24.errors import Bx24Error, Rejected
from messaging.limits.bounds import PAGE_TOTAL_S, SURVEY_S
from messaging.limits.quotas import OverQuota
from messaging.portals import surveys, tokens
from messaging.runtime import Runtime
from messaging.store.models import Portal

PAGE = 50
#: Rows of one list that are read.
MOST = 1_000
#: Seconds for which the departments of a person are remembered.
REMEMBERED_S = 300
#: The same for a person's name.
NAMES_S = 24 * 3600
#: Seconds without a question after a portal did not answer: each question may hold a thread of the web.
UNANSWERED_S = 10
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class People:
    """Users and departments, id → name, sorted by name. is_closed: the app lacks the permission for one of the lists."""

    users: Mapping[int, str]
    departments: Mapping[int, str]
    is_closed: bool = False


def listed(client: Client) -> People:
    """The people and departments that a right may be given to; the first MOST of each. Raises Bx24Error."""
    closed = False
    found: list[dict[int, str]] = []
    for method, criteria in (("user.get", {"ACTIVE": "Y"}), ("department.get", {})):
        try:
            rows = list(_rows(client, method, criteria))
        except Rejected as error:
            log.warning("people not listed", method=method, code=error.code)
            rows, closed = [], True
        named = {_number(row.get("ID")): _name(row) for row in rows}
        found.append(dict(sorted(named.items(), key=lambda pair: pair[1].lower())))
    users, departments = found
    return People(users, departments, closed)


def departments_of(runtime: Runtime, portal_id: int, user_id: int) -> frozenset[int]:
    """The ids of a user's departments and of all above them; none if the portal does not answer, so that they give no right."""
    key = f"waba24:departments:{portal_id}:{user_id}"
    try:
        known = runtime.redis.get(key)
    except RedisError:
        known = None
    if isinstance(known, bytes):
        return frozenset(json.loads(known))
    try:
        end = runtime.clock() + timedelta(seconds=SURVEY_S)
        found, kept_s = _asked(tokens.portal_client(runtime, portal_id, PAGE_TOTAL_S, end), user_id), REMEMBERED_S
    except Bx24Error as error:
        log.warning("departments not known", portal=portal_id, user=user_id, code=error.code)
        found, kept_s = frozenset(), UNANSWERED_S
    try:
        runtime.redis.set(key, json.dumps(sorted(found)), ex=kept_s)
    except RedisError:
        log.warning("departments not remembered", portal=portal_id)
    return found


def names_of(runtime: Runtime, portal: Portal, ids: Collection[int]) -> dict[int, str]:
    """User's id → name, for the first MOST ids; users whose name is neither remembered nor told by the portal are missing."""
    wanted = sorted(ids)[:MOST]
    keys = {user_id: f"waba24:name:{portal.id}:{user_id}" for user_id in wanted}
    try:
        known = runtime.redis.mget(list(keys.values())) if keys else []
    except RedisError:
        known = [None] * len(keys)
    names = {user_id: name.decode() for user_id, name in zip(wanted, known, strict=True) if isinstance(name, bytes)}
    missing = [user_id for user_id in wanted if user_id not in names]
    if not missing:
        return names
    told, kept_s = _names_told(runtime, portal, missing)
    try:
        with runtime.redis.pipeline(transaction=False) as pipe:
            for user_id in missing:
                # A user whom the portal does not know is remembered as well, so as not to be asked for each time.
                pipe.set(keys[user_id], told.get(user_id, ""), ex=kept_s)
            pipe.execute()
    except RedisError:
        log.warning("names not remembered", portal=portal.id)
    return names | told


def _names_told(runtime: Runtime, portal: Portal, missing: list[int]) -> tuple[dict[int, str], int]:
    """The names of these users as the portal tells them, and for how many seconds they are remembered."""
    try:
        with surveys.surveying(runtime, portal) as client:
            rows = _rows(client, "user.get", {"FILTER": {"ID": missing}})
            return {_number(row.get("ID")): _name(row) for row in rows}, NAMES_S
    except (Bx24Error, OverQuota) as error:
        log.warning("names not known", portal=portal.id, error=type(error).__name__)
        return {}, UNANSWERED_S


def _asked(client: Client, user_id: int) -> frozenset[int]:
    [user, *_] = [*_maps(client.call("user.get", {"ID": user_id}).result), {}]
    given = user.get("UF_DEPARTMENT") or []
    mine = {_number(one) for one in (given if isinstance(given, list) else [given])} - {0}
    try:
        above = {_number(row.get("ID")): _number(row.get("PARENT")) for row in _rows(client, "department.get", {})}
    except Rejected:
        above = {}  # without this permission a department counts without those below it
    found: set[int] = set()
    while mine:
        found |= mine
        mine = {above.get(one, 0) for one in mine} - found - {0}
    return frozenset(found)


def _rows(client: Client, method: str, criteria: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    start: int | None = 0
    while start is not None and start < MOST:
        reply = client.call(method, {**criteria, "start": start})
        yield from _maps(reply.result)
        start = reply.next if reply.next and reply.next > start else None


def _maps(result: Any) -> list[Mapping[str, Any]]:
    return [row for row in result if isinstance(row, Mapping)] if isinstance(result, list) else []


def _number(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _name(row: Mapping[str, Any]) -> str:
    """A department's name, or a person's first and last name; the number if it has none."""
    words = " ".join(str(row.get(part) or "").strip() for part in ("NAME", "LAST_NAME")).strip()
    return words[:100] or f"#{row.get('ID')}"
