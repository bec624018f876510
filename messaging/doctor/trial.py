"""A whole run: Bitrix24 calls `check_window` on an item that the administrator names, we plan it, Bitrix24 takes the answer.

The robot sends nothing to anybody. No REST method starts a robot alone: `bizproc.workflow.start` starts a workflow that
somebody has designed, so its id is asked for; without one the administrator starts the robot by hand, and we watch for it.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import select

from bx24.errors import Bx24Error
from messaging.doctor.finding import Finding, State
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.models import Run, shard_of
from messaging.store.states import RunState
from messaging.system.embedded_redis import QueueServerError

ACTION = "check_window"
#: Seconds until a run that has not come counts as lost: started by us, and by hand; until an answer was to be taken.
STARTED_S, BY_HAND_S, ANSWERED_S, KEPT_S = 60, 300, 60, 1800
_ITEM = re.compile(r"(LEAD|DEAL|CONTACT|COMPANY|QUOTE|SMART_INVOICE|DYNAMIC_[0-9]{1,9})_([0-9]{1,18})")
_DOCUMENT = "Bitrix\\Crm\\Integration\\BizProc\\Document\\"
_ENTITIES = {
    **{name: f"CCrmDocument{name.title()}" for name in ("LEAD", "DEAL", "CONTACT", "COMPANY")},
    "QUOTE": f"{_DOCUMENT}Quote",
    "SMART_INVOICE": f"{_DOCUMENT}SmartInvoice",
}


@dataclass(frozen=True)
class Template:
    """A workflow somebody designed. kind: of the items it is for: DEAL, DYNAMIC_183."""

    id: int
    name: str
    kind: str


def item_of(text: str) -> str:
    """An item as Bitrix24 names it, DEAL_12, out of what somebody typed: "deal 12". Raises ValueError."""
    tidy = re.sub(r"[\s:#-]+", "_", text.strip().upper())
    if not _ITEM.fullmatch(tidy):
        raise ValueError(f"{text!r} is no item: DEAL_12, LEAD_3, DYNAMIC_183_5 are")
    return tidy


def templates(runtime: Runtime, portal_id: int) -> list[Template]:
    """The workflows that people of this portal have designed for CRM items. Raises Bx24Error."""
    wanted = {"SELECT": ["ID", "NAME", "DOCUMENT_TYPE"], "FILTER": {"MODULE_ID": "crm"}}
    found = tokens.portal_client(runtime, portal_id).call("bizproc.workflow.template.list", wanted).result
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return [
        Template(int(str(row["ID"])), str(row.get("NAME") or ""), str(row.get("DOCUMENT_TYPE") or ""))
        for row in rows
        if str(row.get("ID", "")).isdecimal()
    ]


def start(runtime: Runtime, portal_id: int, item: str, template_id: int | None = None) -> Finding | None:
    """Begin to watch for the run; with a template, start it. Returns why Bitrix24 does not start it; None: watch on."""
    known: dict[Any, Any] = {"item": item, "since": runtime.clock().isoformat(), "template": template_id or 0}
    try:
        runtime.redis.delete(_key(portal_id))
        runtime.redis.hset(_key(portal_id), mapping=known)
        runtime.redis.expire(_key(portal_id), KEPT_S)
        if template_id:
            started = {"TEMPLATE_ID": template_id, "DOCUMENT_ID": ["crm", _entity(item), item]}
            tokens.portal_client(runtime, portal_id).call("bizproc.workflow.start", started)
    except Bx24Error as error:
        with suppress(RedisError):
            runtime.redis.delete(_key(portal_id))
        named = {"said": error.description, "item": item}
        return Finding("trial", State.FAILED, "not_started", {"error": error.code}, named, portal_id)
    except (RedisError, QueueServerError):
        return Finding("trial", State.UNCHECKED, "redis", portal_id=portal_id)
    return None


def _entity(item: str) -> str:
    kind = item.rpartition("_")[0]
    return _ENTITIES.get(kind, f"{_DOCUMENT}Dynamic")


def result(runtime: Runtime, portal_id: int) -> Finding | None:
    """What became of the run that was started or watched for last; None while it may still come or go on."""
    try:
        kept: dict[bytes, bytes] = runtime.redis.hgetall(_key(portal_id))  # type: ignore[assignment]  # nothing is decoded
    except (RedisError, QueueServerError):
        return Finding("trial", State.UNCHECKED, "redis", portal_id=portal_id)
    if not kept:
        return Finding("trial", State.UNCHECKED, "not_asked", portal_id=portal_id)
    item, since = kept[b"item"].decode(), datetime.fromisoformat(kept[b"since"].decode())
    is_by_hand = kept[b"template"] == b"0"
    found = _told(runtime, _run(runtime, portal_id, item, since), since, is_by_hand)
    if found is None:
        return None
    state, code, facts = found
    return Finding("trial", state, code, facts, {"item": item}, portal_id)


def _run(runtime: Runtime, portal_id: int, item: str, since: datetime) -> Run | None:
    mine = (Run.portal_id == portal_id) & (Run.shard == shard_of(portal_id)) & (Run.item == item)
    query = select(Run).where(mine, Run.action == ACTION, Run.stored_at >= since).order_by(Run.id.desc()).limit(1)
    with runtime.db.read() as session:
        return session.scalar(query)


Told = tuple[State, str, dict[str, Any]]


def _told(runtime: Runtime, run: Run | None, since: datetime, is_by_hand: bool) -> Told | None:
    now = runtime.clock()
    if run is None:
        waited, patience = (now - since).total_seconds(), BY_HAND_S if is_by_hand else STARTED_S
        if waited < patience:
            return None
        return State.FAILED, "not_seen" if is_by_hand else "not_called", {"seconds": patience}
    came_s = round((run.stored_at - since).total_seconds(), 1)
    facts: dict[str, Any] = {"came_s": came_s, "outcome": run.outcome, "error": run.error_code, "side": run.side}
    if run.answered_at is not None:
        facts["answered_s"] = round((run.answered_at - run.stored_at).total_seconds(), 1)
        return (State.WARNING, "ended_failed", facts) if run.outcome == "failed" else (State.OK, "", facts)
    if (now - run.stored_at).total_seconds() < ANSWERED_S:
        return None
    return State.FAILED, "not_answered" if run.state == RunState.ENDED else "not_worked", facts


def _key(portal_id: int) -> str:
    return f"waba24:trial:{portal_id}"
