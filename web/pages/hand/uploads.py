"""How many files are received or fetched for people at one time: each holds a thread of the web."""

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from web.refusals import Reason, because

_limit = ConcurrencyLimit(bounds.UPLOADS_AT_ONCE, patience_s=0)


@contextmanager
def uploading() -> Iterator[None]:
    """A place for one file. Raises ServiceUnavailable if all are taken."""
    with _limit.acquire() as has_place:
        if not has_place:
            because(Reason.BUSY)
            raise ServiceUnavailable
        yield
