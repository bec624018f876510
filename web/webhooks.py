"""POST /gupshup/<secret>: statuses and replies.

Answered 2xx with an EMPTY body once stored, whatever the payload: a text might be relayed to the client, and a slow
or failing endpoint delays all events of the app (Gupshup docs: subscriptions and notifications).
"""

from flask import Blueprint, Response, request

from messaging import inbound, lines
from messaging.models import shard_of
from web.context import empty, refuse, runtime

blueprint = Blueprint("webhooks", __name__)
MAX_BODY = 64 * 1024 * 1024


@blueprint.get("/gupshup/<secret>")
def probe(secret: str) -> Response:
    """Asked when the address is set up."""
    return empty()


@blueprint.post("/gupshup/<secret>")
def receive(secret: str) -> Response:
    request.max_content_length = MAX_BODY  # whatever the payload: a refusal would be repeated, and delay the others
    with runtime().db.read() as session:
        line = lines.by_secret(session, secret)
    if line is None:
        return refuse(404, "unknown webhook secret")
    if inbound.store(runtime(), line, request.get_data(cache=False)):
        runtime().bells.ring([shard_of(line.portal_id)])
    return empty()
