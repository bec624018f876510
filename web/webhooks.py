"""POST /gupshup/<secret>: statuses and replies.

Every payload is answered 2xx with an EMPTY body once it is kept: Gupshup might relay a text to the client, and delays
all events of an app whose endpoint is slow or fails (Gupshup docs: subscriptions and notifications).
"""

from flask import Blueprint, Response, request

from gupshup.webhooks import READ_BYTES
from messaging.intake import webhooks
from messaging.limits import bounds
from messaging.queue.group_commit import Unavailable
from web.context import empty, place_for, refuse, refuse_unstored, runtime

blueprint = Blueprint("webhooks", __name__)
PIECE = 64 * bounds.KB


@blueprint.get("/gupshup/<secret>")
def probe(secret: str) -> Response:
    """Gupshup asks this when the address is set up."""
    return empty()


@blueprint.post("/gupshup/<secret>")
def receive(secret: str) -> Response:
    """Of an unknown secret nothing is read; of a long body no more than what tells that it is long, until it has a place."""
    to = webhooks.addressee(runtime(), secret)
    if to is None:
        return refuse(404, "unknown webhook secret")
    request.max_content_length = bounds.WEBHOOK_BYTES
    head = _read(READ_BYTES + 1)
    with place_for(len(head)):
        return _kept(to, head + _read(bounds.WEBHOOK_BYTES + 1 - len(head)))


def _read(most: int) -> bytes:
    """The next bytes of the body, at most so many. Raises RequestEntityTooLarge when it turns out to be too long."""
    body = bytearray()
    while len(body) < most and (piece := request.stream.read(min(PIECE, most - len(body)))):
        body += piece
    return bytes(body)


def _kept(to: webhooks.Addressee, body: bytes) -> Response:
    try:
        is_kept = webhooks.take(runtime(), to, body)
    except Unavailable as error:
        return refuse_unstored(error)
    return empty() if is_kept else refuse(404, "unknown webhook secret")
