"""How many files are received or fetched for people at one time: each holds a thread of the web."""

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from web.refusals import Reason, because

_limit = ConcurrencyLimit(bounds.UPLOADS_AT_ONCE, patience_s=0, slow_s=60)


@contextmanager
def uploading(portal_id: int | None = None) -> Iterator[None]:
    """A place for one file; a portal, where it is known by then, has one of them. Raises ServiceUnavailable if it is taken."""
    with _limit.acquire(str(portal_id or "")) as has_place:
        if not has_place:
            because(Reason.BUSY)
            raise ServiceUnavailable
        yield
