"""What every view needs: the runtime, the parsed form, what was typed, an empty answer."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta, timezone
from typing import Any

import structlog
from flask import Response, current_app, g, request
from werkzeug.exceptions import ServiceUnavailable

from bx24.payloads import PayloadError, parse_form
from messaging.intake import traffic
from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.lines import selection
from messaging.queue.group_commit import DiskFull, Unavailable
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from messaging.system.counters import POINT
from web.refusals import Reason, because

#: The header with the reader's time zone, in minutes ahead of UTC (static/session.js).
ZONE = "X-Waba24-Minutes"
#: Endpoint → what came there; all others open frames.
_DOORS = {"runs.run": traffic.CALL, "provider.message": traffic.CALL, "bx24.events": traffic.EVENT}
_long_bodies = ConcurrencyLimit(bounds.LONG_BODIES_AT_ONCE, patience_s=0)
log = structlog.get_logger(__name__)


def runtime() -> Runtime:
    """The runtime of this app."""
    opened: Runtime = current_app.extensions["waba24"]
    return opened


def connected_lines(portal: Portal) -> list[Line]:
    """The connected lines of a portal, in the order in which they were added."""
    with runtime().db.read() as session:
        return selection.connected(session, portal.id)


def caller_address() -> str:
    """The caller's address as the trusted proxies tell it; "" if all callers have the proxy's."""
    return (request.remote_addr or "") if runtime().config.trusted_proxies else ""


def form(most: int) -> dict[str, Any]:
    """The body as Bitrix24 encodes it. Raises PayloadError, and as `body`."""
    return form_and_body(most)[0]


def form_and_body(most: int) -> tuple[dict[str, Any], bytes]:
    """`form`, and the body as it came."""
    with _place_for_body(most):
        received = request.get_data(cache=False)
        parsed = g.form = parse_form(received)
        return parsed, received


def body(most: int) -> bytes:
    """The body as it came, at most `most` bytes. Raises RequestEntityTooLarge, ServiceUnavailable (as `place_for`)."""
    with _place_for_body(most):
        return request.get_data(cache=False)


def _place_for_body(most: int) -> AbstractContextManager[None]:
    request.max_content_length = most
    return place_for(request.content_length)


def sent_file(name: str, most: int, beside: int) -> tuple[str, bytes]:
    """The file that a form brings in the field `name`: its name there ("" without one) and up to `most` + 1 bytes of it.

    beside: bytes that the other fields may take. Raises RequestEntityTooLarge, ServiceUnavailable (as `place_for`).
    """
    with _place_for_body(most + beside):
        sent = request.files.get(name)
        return (sent.filename or "", sent.stream.read(most + 1)) if sent is not None else ("", b"")


@contextmanager
def place_for(size: int | None) -> Iterator[None]:
    """Hold a place while a long body is received and decoded; short ones need none. size: bytes, None: not known.

    Else a dozen long bodies would keep all threads of the process from everybody else. Raises ServiceUnavailable.
    """
    if size is not None and size <= bounds.LONG_BODY_BYTES:
        yield
        return
    with _long_bodies.acquire() as has_place:
        if not has_place:
            log.warning("refused", path=request.path, status=503, reason="too many long bodies at once")
            because(Reason.BUSY)
            raise ServiceUnavailable
        yield


def clean(text: str) -> str:
    """The text without NUL characters and lone surrogates, which no database stores and no page shows."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def typed(name: str) -> str:
    """A field of our form as it was typed; "" if the form has no such field."""
    return clean(request.form.get(name, ""))


def reader_zone() -> timezone:
    """The reader's time zone, as the browser names it; UTC if it does not."""
    minutes = request.headers.get(ZONE, "")
    known = re.fullmatch(r"-?[0-9]{1,3}", minutes) is not None and abs(int(minutes)) < 24 * 60
    return timezone(timedelta(minutes=int(minutes) if known else 0))


def json_map() -> dict[str, Any]:
    """The JSON object that our script posted, its texts not yet cleaned (see `clean`); {} for any other body."""
    try:
        given = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def empty(status: int = 200) -> Response:
    """An answer without a body."""
    return Response(status=status)


def refuse(status: int, error: PayloadError | str, reason: Reason | None = None) -> Response:
    """An empty refusal; what was wrong goes to the log. reason: for /metrics, None: what the status means by itself."""
    log.warning("refused", path=request.path, status=status, reason=str(error))
    if reason is not None:
        because(reason)
    if isinstance(error, PayloadError) or status == 403:
        keep_shape(f"{status} {error}" if isinstance(error, PayloadError) else str(status))
    return Response(status=status)


def keep_shape(why: str) -> None:
    """Keep the shape of the form that this request brought and that is refused. why: words of ours."""
    if (given := g.get("form")) is not None:
        runtime().shape_reports.keep(_DOORS.get(request.endpoint or "", traffic.FRAME), why, given)


def observe(answers: Iterable[tuple[str, str]]) -> None:
    """Count what a frame says about open points of Bitrix24's documentation: pairs (point, word of an answer)."""
    for point, answer in answers:
        runtime().counters.seen(POINT, point, answer)


def refuse_unstored(error: Unavailable) -> Response:
    """503 for what could not be stored."""
    reason = Reason.DISK_FULL if isinstance(error, DiskFull) else Reason.UNAVAILABLE
    return refuse(503, f"neither stored nor spooled: {error}", reason)
