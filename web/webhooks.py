"""POST /gupshup/<secret>: statuses and replies.

Answered 2xx with an EMPTY body once stored, whatever the payload: a text might be relayed to the client, and a slow
or failing endpoint delays all events of the app (Gupshup docs: subscriptions and notifications).
"""

from flask import Blueprint, Response, request

from messaging.intake import webhooks
from messaging.lines import lines
from messaging.queue.group_commit import Stale, Unavailable
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
    body = request.get_data(cache=False)
    while (line := lines.by_secret(runtime(), secret)) is not None:
        try:
            webhooks.store(runtime(), line, body)
        except Stale:
            lines.forget(runtime(), line)  # wiped since it was remembered
        except Unavailable as error:
            return refuse(503, f"the database is away: {error}")
        else:
            return empty()
    return refuse(404, "unknown webhook secret")
