"""POST /gupshup/<secret>: statuses and replies.

Every payload is answered 2xx with an EMPTY body once it is stored: Gupshup might relay a text to the client, and delays
all events of an app whose endpoint is slow or fails (Gupshup docs: subscriptions and notifications).
"""

from flask import Blueprint, Response, request

from messaging.intake import webhooks
from messaging.lines import lines
from messaging.queue.group_commit import Unavailable
from messaging.queue.group_insert import StaleSnapshot
from web.context import empty, refuse, runtime

blueprint = Blueprint("webhooks", __name__)
MAX_BODY = 64 * 1024 * 1024


@blueprint.get("/gupshup/<secret>")
def probe(secret: str) -> Response:
    """Gupshup asks this when the address is set up."""
    return empty()


@blueprint.post("/gupshup/<secret>")
def receive(secret: str) -> Response:
    request.max_content_length = MAX_BODY  # Gupshup would repeat what we refuse, and delay the others
    body = request.get_data(cache=False)
    while (line := lines.by_secret(runtime(), secret)) is not None:
        try:
            webhooks.store(runtime(), line, body)
        except StaleSnapshot:
            lines.forget(runtime(), line)  # the cached line is out of date
        except Unavailable as error:
            return refuse(503, f"the database is away: {error}")
        else:
            return empty()
    return refuse(404, "unknown webhook secret")
