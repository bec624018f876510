"""The installation itself: address, certificate, database, Redis, disk, workers, queues."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.worker import BaseWorker
from sqlalchemy.exc import SQLAlchemyError

from gupshup.reading import as_dict, parse_json
from gupshup.transport import Broken, exchange
from messaging.doctor import certificate
from messaging.doctor.certificate import Certificate, NotTrusted
from messaging.doctor.finding import Finding, State
from messaging.insight import queue_depth, readiness
from messaging.limits import bounds
from messaging.limits.concurrency import PAGE_TIMEOUT
from messaging.queue.wakeups import QUEUE
from messaging.runtime import Runtime
from messaging.system import disk
from messaging.system.embedded_redis import QueueServerError
from messaging.system.public_http import is_public

EXPIRES_SOON = timedelta(days=14)
#: In what a request says that broke because of the certificate. It asks another store than `certificate.read`: certifi's.
_DISTRUST = ssl.SSLCertVerificationError.__name__
#: Seconds that the oldest entry of a queue has waited.
SLOW_S, STUCK_S = 60, 600
#: Seconds since a worker's last heartbeat, after which it counts as dead; an idle one beats every WORKER_TTL_S.
WORKER_DEAD_S = 300


def _addresses(host: str, port: int) -> list[str]:
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)})


@dataclass(frozen=True)
class Outside:
    """How the world beyond this process is asked. addresses: (host, port) → IP addresses; both may raise OSError."""

    addresses: Callable[[str, int], list[str]] = _addresses
    certificate: Callable[[str, int], Certificate] = certificate.read


def check(runtime: Runtime, outside: Outside) -> list[Finding]:
    """All checks of the installation."""
    return [
        _address(runtime, outside),
        _certificate(runtime, outside),
        _database(runtime),
        *_redis(runtime),
        _disk(runtime),
        _queues(runtime),
    ]


# --- from outside ---------------------------------------------------------------------------------------------------------


def _address(runtime: Runtime, outside: Outside) -> Finding:
    url = urlsplit(runtime.config.public_url)
    named = {"address": runtime.config.public_url}
    if not url.hostname:
        return Finding("address", State.FAILED, "missing")
    if not runtime.config.allow_http and (problem := _unreachable_by_name(url, outside)):
        return Finding("address", State.FAILED, problem, named=named)
    try:
        answer = exchange(runtime.gs_session, "GET", f"{runtime.config.public_url}/healthz", {}, timeout=PAGE_TIMEOUT)
    except Broken as broken:
        code = "not_trusted" if _DISTRUST in str(broken) else "no_answer"
        return Finding("address", State.FAILED, code, named={**named, "said": str(broken)})
    if answer.status != 200 or as_dict(parse_json(answer.content)).get("status") != "ok":
        return Finding("address", State.FAILED, "other_site", {"status": answer.status}, named)
    return Finding("address", named=named)


def _unreachable_by_name(url: SplitResult, outside: Outside) -> str:
    """Why the vendors could not reach this address, whatever stands behind it; "" if they could."""
    host = url.hostname or ""
    if "." not in host:
        return "no_dot"
    try:
        found = outside.addresses(host, url.port or 443)
    except OSError as error:
        return _no_address(error)
    return "" if any(map(is_public, found)) else "private"


def _no_address(error: OSError) -> str:
    """Whether DNS has no such name, or did not answer this machine: then nothing is known about the name."""
    return "dns_away" if error.errno in (socket.EAI_AGAIN, socket.EAI_FAIL) else "no_such_name"


def _certificate(runtime: Runtime, outside: Outside) -> Finding:
    url = urlsplit(runtime.config.public_url)
    if url.scheme != "https" or not url.hostname:
        return Finding("certificate", State.UNCHECKED, "no_https")
    try:
        shown = outside.certificate(url.hostname, url.port or 443)
    except NotTrusted as error:
        return Finding("certificate", State.FAILED, "not_trusted", named={"said": str(error)})
    except socket.gaierror:
        return Finding("certificate", State.UNCHECKED, "no_address")
    except OSError as error:
        return Finding("certificate", State.UNCHECKED, "no_answer", named={"said": type(error).__name__})
    left = shown.expires_at - runtime.clock()
    facts = {"days": left.days}
    if left <= timedelta():
        return Finding("certificate", State.FAILED, "expired", facts)
    if left < EXPIRES_SOON:
        return Finding("certificate", State.WARNING, "expires_soon", facts)
    return Finding("certificate", facts=facts)


# --- inside ---------------------------------------------------------------------------------------------------------------


def _database(runtime: Runtime) -> Finding:
    said, kind = readiness.database(runtime), runtime.db.engine.dialect.name
    if said == readiness.OK:
        return Finding("database", facts={"kind": kind})
    code = {readiness.FULL: "full", readiness.OLD: "old"}.get(said.partition(":")[0], "unreachable")
    return Finding("database", State.FAILED, code, {"kind": kind}, {"said": said.partition(": ")[2]})


def _redis(runtime: Runtime) -> list[Finding]:
    said = readiness.queue(runtime)
    if said != readiness.OK:
        down = Finding("redis", State.FAILED, "unreachable", named={"said": said.partition(": ")[2]})
        return [down, Finding("worker", State.UNCHECKED, "redis")]
    try:
        return [_memory(runtime), _worker(runtime)]
    except (RedisError, QueueServerError) as error:
        return [Finding("redis", State.FAILED, "unreachable", named={"said": type(error).__name__})]


def _memory(runtime: Runtime) -> Finding:
    told = as_dict(runtime.redis.info("memory"))
    policy = str(told.get("maxmemory_policy") or "noeviction")
    if policy != "noeviction":
        return Finding("redis", State.WARNING, "evicts", {"policy": policy[:40]})
    return Finding("redis", facts={"embedded": runtime.config.is_embedded})


def _worker(runtime: Runtime) -> Finding:
    alive = [
        worker for worker in Worker.all(queue=Queue(QUEUE, connection=runtime.redis)) if _is_alive(runtime, worker)
    ]
    return Finding("worker", facts={"count": len(alive)}) if alive else Finding("worker", State.FAILED, "none")


def _is_alive(runtime: Runtime, worker: BaseWorker) -> bool:
    beat = worker.last_heartbeat
    if beat is None:
        return False
    beat = beat if beat.tzinfo else beat.replace(tzinfo=UTC)
    # By the machine's clock, as RQ writes it.
    return (datetime.now(UTC) - beat).total_seconds() < WORKER_DEAD_S


def _disk(runtime: Runtime) -> Finding:
    free = disk.free_bytes(runtime.config.data_dir)
    facts = {"free_mb": free // bounds.MB}
    if free < bounds.FREE_TO_BE_READY_BYTES:
        return Finding("disk", State.FAILED, "full", facts)
    if free < bounds.FREE_FOR_FILES_BYTES:
        return Finding("disk", State.WARNING, "low", facts)
    return Finding("disk", facts=facts)


def _queues(runtime: Runtime) -> Finding:
    try:
        with runtime.db.read() as session:
            found = queue_depth.queues(session, runtime.clock())
    except SQLAlchemyError:
        return Finding("queues", State.UNCHECKED, "database")
    oldest = max(found, key=lambda queue: queue.oldest_s)
    facts = {"waiting": sum(queue.depth for queue in found), "seconds": round(oldest.oldest_s), "queue": oldest.name}
    if oldest.oldest_s < SLOW_S:
        return Finding("queues", facts=facts)
    return Finding("queues", State.FAILED if oldest.oldest_s >= STUCK_S else State.WARNING, "slow", facts)
