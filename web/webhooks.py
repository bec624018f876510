"""POST /gupshup/<secret>: statuses and replies.

Every payload is answered 2xx with an EMPTY body once it is stored: Gupshup might relay a text to the client, and delays
all events of an app whose endpoint is slow or fails (Gupshup docs: subscriptions and notifications).
"""

from contextlib import nullcontext

from flask import Blueprint, Response, request

from gupshup.webhooks import READ_BYTES
from messaging.intake import webhooks
from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.lines import lines
from messaging.queue.group_commit import CachedLine, Unavailable
from messaging.queue.group_insert import StaleSnapshot
from web.context import empty, refuse, refuse_unstored, runtime
from web.refusals import Reason

blueprint = Blueprint("webhooks", __name__)
PIECE = 64 * bounds.KB
_long_bodies = ConcurrencyLimit(bounds.LONG_WEBHOOKS_AT_ONCE, patience_s=0)


@blueprint.get("/gupshup/<secret>")
def probe(secret: str) -> Response:
    """Gupshup asks this when the address is set up."""
    return empty()


@blueprint.post("/gupshup/<secret>")
def receive(secret: str) -> Response:
    """Of an unknown secret nothing is read; of a long body no more than what tells that it is long, until it has a place."""
    line = lines.by_secret(runtime(), secret)
    if line is None:
        return refuse(404, "unknown webhook secret")
    request.max_content_length = bounds.WEBHOOK_BYTES
    head = _read(READ_BYTES + 1)
    with _long_bodies.acquire() if len(head) > READ_BYTES else nullcontext(True) as has_place:
        if not has_place:
            return refuse(503, "too many long webhooks at once", Reason.BUSY)
        return _stored(secret, line, head + _read(bounds.WEBHOOK_BYTES + 1 - len(head)))


def _read(most: int) -> bytes:
    """The next bytes of the body, at most so many. Raises RequestEntityTooLarge when it turns out to be too long."""
    body = bytearray()
    while len(body) < most and (piece := request.stream.read(min(PIECE, most - len(body)))):
        body += piece
    return bytes(body)


def _stored(secret: str, line: CachedLine | None, body: bytes) -> Response:
    while line is not None:
        try:
            webhooks.store(runtime(), line, body)
        except StaleSnapshot:
            lines.forget(runtime(), line)  # the cached line is out of date
        except Unavailable as error:
            return refuse_unstored(error)
        else:
            return empty()
        line = lines.by_secret(runtime(), secret)
    return refuse(404, "unknown webhook secret")
