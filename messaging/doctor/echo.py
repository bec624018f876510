"""Can Bitrix24 reach us? The portal is asked to send an event, and we wait until it comes, by the very way robot calls come.

`event.test` makes the portal raise ONAPPTEST with whatever was passed (Bitrix24 docs: api-reference/events/test-handler). The
event is bound for the check alone, and unbound after it. What was sent and when it came lies in Redis: it comes to a web
process.
"""

import secrets
from contextlib import suppress
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from bx24.errors import Bx24Error
from messaging.doctor.finding import Finding, State
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.system.embedded_redis import QueueServerError

EVENT, FIELD = "ONAPPTEST", "waba24"
#: Seconds until an event that has not come counts as lost, and until what is known of it is forgotten.
PATIENCE_S, KEPT_S = 60, 600
_ALREADY = "already binded"


def send(runtime: Runtime, portal_id: int) -> Finding | None:
    """Have the portal send us an event. Returns why it does not; None if it is on its way."""
    nonce, client = secrets.token_hex(8), tokens.portal_client(runtime, portal_id)
    try:
        _bind(client, runtime)
        runtime.redis.delete(_key(portal_id))
        runtime.redis.hset(_key(portal_id), mapping={"nonce": nonce, "sent": runtime.clock().isoformat()})
        runtime.redis.expire(_key(portal_id), KEPT_S)
        client.call("event.test", {FIELD: nonce})
    except Bx24Error as error:
        return Finding(
            "echo", State.FAILED, "not_sent", {"error": error.code}, {"said": error.description}, portal_id=portal_id
        )
    except (RedisError, QueueServerError):
        return Finding("echo", State.UNCHECKED, "redis", portal_id=portal_id)
    return None


def heard(runtime: Runtime, portal_id: int, data: dict[str, Any]) -> None:
    """The event of a recognised portal came. data: as Bitrix24 posted it."""
    query = data.get("QUERY")
    nonce = str(query.get(FIELD, "")) if isinstance(query, dict) else ""
    with suppress(RedisError, QueueServerError):
        if _read(runtime, portal_id).get("nonce") == nonce:
            runtime.redis.hset(_key(portal_id), "heard", runtime.clock().isoformat())


def result(runtime: Runtime, portal_id: int) -> Finding | None:
    """What became of the event that was sent last; None while it may still come."""
    try:
        known = _read(runtime, portal_id)
    except (RedisError, QueueServerError):
        return Finding("echo", State.UNCHECKED, "redis", portal_id=portal_id)
    if "sent" not in known:
        return Finding("echo", State.UNCHECKED, "not_asked", portal_id=portal_id)
    sent = datetime.fromisoformat(known["sent"])
    if "heard" in known:
        _unbind(runtime, portal_id)
        seconds = (datetime.fromisoformat(known["heard"]) - sent).total_seconds()
        return Finding("echo", facts={"seconds": round(seconds, 1)}, portal_id=portal_id)
    if (runtime.clock() - sent).total_seconds() < PATIENCE_S:
        return None
    _unbind(runtime, portal_id)
    return Finding("echo", State.FAILED, "lost", {"seconds": PATIENCE_S}, portal_id=portal_id)


def _bind(client: tokens.PortalClient, runtime: Runtime) -> None:
    try:
        client.call("event.bind", {"event": EVENT, "handler": _handler(runtime)})
    except Bx24Error as error:
        if _ALREADY not in error.description.lower():
            raise


def _unbind(runtime: Runtime, portal_id: int) -> None:
    """Leave nothing behind; if that fails, the binding does no harm."""
    with suppress(Bx24Error):
        client = tokens.portal_client(runtime, portal_id)
        client.call("event.unbind", {"event": EVENT, "handler": _handler(runtime)})


def _handler(runtime: Runtime) -> str:
    return f"{runtime.config.public_url}/bx24/events"


def _key(portal_id: int) -> str:
    return f"waba24:echo:{portal_id}"


def _read(runtime: Runtime, portal_id: int) -> dict[str, str]:
    kept: dict[bytes, bytes] = runtime.redis.hgetall(_key(portal_id))  # type: ignore[assignment]  # nothing is decoded
    return {name.decode(): value.decode() for name, value in kept.items()}
