"""For orchestrators and Prometheus."""

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from messaging.insight.prometheus import Figures
from messaging.store import schema
from messaging.store.crypto import same
from messaging.system.embedded_redis import QueueServerError
from web.context import empty, runtime

blueprint = Blueprint("health", __name__)
LOOPBACK = ("127.0.0.1", "::1")


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """200 if database and queue can be reached and the database has the schema of this code; else 503."""
    checks = {"database": _database(), "queue": _queue()}
    good = all(check == "ok" for check in checks.values())
    return jsonify(status="ok" if good else "unready", **checks), 200 if good else 503


def _database() -> str:
    try:
        with runtime().db.read() as session:
            session.execute(text("SELECT 1"))
        return "ok" if schema.is_current(runtime().db.engine) else "schema is old: run flask --app app db upgrade"
    except SQLAlchemyError as error:
        return f"unreachable: {type(error).__name__}"


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
    registry.register(Figures(runtime().db, runtime().redis, runtime().clock()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_see() -> bool:
    token = runtime().config.metrics_token
    if not token:
        # Behind a reverse proxy every request comes from loopback; a forwarded request has this header.
        return request.remote_addr in LOOPBACK and not request.headers.get("X-Forwarded-For")
    return same(request.headers.get("Authorization", ""), f"Bearer {token}")
