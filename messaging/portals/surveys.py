"""Pages that ask a portal several questions, such as the fields, stages and people of its CRM.

Such pages share few threads, and all questions of one page must end in time: a slow portal does not hold up the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bx24.client import Client
from bx24.errors import Throttled, Unavailable
from messaging.limits.bounds import PAGE_TOTAL_S, SURVEY_S
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.portals import portals, tokens
from messaging.runtime import Runtime
from messaging.store.models import Portal

#: No page is slow before its time for questions is up.
_threads = ConcurrencyLimit(2, slow_s=SURVEY_S)


@contextmanager
def surveying(runtime: Runtime, portal: Portal, access_token: str = "", person: str = "") -> Iterator[Client]:
    """The REST of the portal with the token of somebody who looks at the page, or with the app's.

    One page of a portal asks at a time, and begins no question after SURVEY_S. person: whose token it is. Raises OverQuota, and
    Unavailable if too many wait; the client raises Bx24Error, Unverified if the token has expired, Throttled after the time.
    """
    if person:
        runtime.frame_quota.check_person(person)
    with _threads.acquire(portal.member_id) as is_free:
        if not is_free:
            raise Unavailable("busy", "too many wait for their portal")
        end = runtime.clock() + timedelta(seconds=SURVEY_S)
        if access_token:
            yield portals.client_with(runtime, portal.client_endpoint, access_token, lambda: _in_time(runtime, end))
        else:
            yield tokens.portal_client(runtime, portal.id, PAGE_TOTAL_S, end)


def _in_time(runtime: Runtime, end: datetime) -> None:
    if runtime.clock() > end:
        raise Throttled("TOO_LATE", "the page's time for its portal is up")
