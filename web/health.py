"""For orchestrators and Prometheus."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from messaging.insight import readiness
from messaging.insight.prometheus import Figures
from messaging.store.crypto import same
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
    age_s = waiting.age_s(runtime().clock())
    return {"spool": {"entries": waiting.entries, "bytes": waiting.size, "oldest_seconds": round(age_s, 1)}}


def _database() -> str:
    said = readiness.database(runtime())
    if said.startswith(readiness.FULL):
        because(Reason.DISK_FULL)
    return said


def _queue() -> str:
    return readiness.queue(runtime())


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
