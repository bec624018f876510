"""For orchestrators and Prometheus."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from messaging.insight.prometheus import Figures
from messaging.limits import bounds
from messaging.store import schema
from messaging.store.crypto import same
from messaging.system import disk
from messaging.system.embedded_redis import QueueServerError
from web.context import empty, runtime
from web.refusals import Reason, because

blueprint = Blueprint("health", __name__)
LOOPBACK = ("127.0.0.1", "::1")
LOOPBACK_NAMES = ("127.0.0.1", "[::1]", "localhost")
#: What proxies add to a request. Behind one on the same machine, every request comes from loopback.
FORWARDING = ("forwarded", "via", "x-real-", "x-client-", "x-cluster-", "x-original-", "true-client-", "cf-", "fly-")


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 if database and queue can be reached and the database has the schema of this code; else 503.

    What waits in the spool is told beside it; as long as it is stored in the end, it is no reason for 503. Neither is a bucket
    for files that is away: calls are still taken, and Bitrix24 never repeats one.
    """
    checks = {"database": _database(), "queue": _queue()}
    told = {**checks, **_files(), **_spool()}
    if any(check != "ok" for check in checks.values()):
        return jsonify(status="unready", **told), 503
    return jsonify(status="ok" if told.get("files", "ok") == "ok" else "degraded", **told), 200


def _files() -> dict[str, str]:
    """Whether the bucket for files can be used; nothing without one."""
    return {"files": runtime().files.problem() or "ok"} if runtime().config.files_url else {}


def _spool() -> dict[str, Any]:
    """What waits in the spool; nothing if it is empty."""
    waiting = runtime().spool.waiting()
    if waiting.since is None:
        return {}
    age_s = (runtime().clock() - waiting.since).total_seconds()
    return {"spool": {"entries": waiting.entries, "bytes": waiting.size, "oldest_seconds": round(age_s, 1)}}


def _database() -> str:
    try:
        with runtime().db.read() as session:
            session.execute(text("SELECT 1"))
        if full := _full():
            return full
        return "ok" if schema.is_current(runtime().db.engine) else "schema is old: run flask --app app db upgrade"
    except SQLAlchemyError as error:
        return f"unreachable: {type(error).__name__}"


def _full() -> str:
    """What to say of a full disk, ours or the database's; "" if there is room."""
    free = disk.free_bytes(runtime().config.data_dir)
    intake = runtime().intake
    failed = intake.disk_full_at is not None and intake.now() - intake.disk_full_at < bounds.DISK_FULL_SHOWN_S
    if free >= bounds.FREE_TO_BE_READY_BYTES and not failed:
        return ""
    because(Reason.DISK_FULL)
    if free < bounds.FREE_TO_BE_READY_BYTES:
        return f"the disk is full: {free // bounds.MB} MB are free in DATA_DIR"
    return "the disk is full: a call could not be stored"


def _queue() -> str:
    try:
        runtime().redis.ping()
    except (RedisError, QueueServerError) as error:
        return f"unreachable: {type(error).__name__}"
    return "ok"


@blueprint.get("/metrics")
def metrics() -> Response:
    if not _may_see():
        return empty(403)
    runtime().counters.flush(runtime().redis)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        Figures(runtime().db, runtime().redis, runtime().clock(), runtime().config.data_dir, runtime().spool)
    )
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_see() -> bool:
    token = runtime().config.metrics_token
    if not token:
        return (
            request.remote_addr in LOOPBACK
            and _host() in LOOPBACK_NAMES
            and not any(map(_forwards, request.headers.keys()))
        )
    return same(request.headers.get("Authorization", ""), f"Bearer {token}")


def _forwards(header: str) -> bool:
    return header.lower().startswith((*FORWARDING, "x-forwarded"))


def _host() -> str:
    """The name the caller asked for, without the port."""
    host = request.headers.get("Host", "")
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0].lower()
