"""The templates of a line, for programs: our copy, asked for anew while they wait if it is old."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from gupshup.templates import TemplateInfo
from messaging.limits.concurrency import PAGE_TIMEOUT, ConcurrencyLimit
from messaging.runtime import Runtime
from messaging.store.models import Line
from messaging.templates.catalogue import Templates, every, is_fresh

#: Threads of a process in which a program waits for Gupshup; one of a portal.
_threads = ConcurrencyLimit(slow_s=PAGE_TIMEOUT[1])


class TemplatesAway(Exception):
    """Gupshup does not give the list of templates just now, and we have none."""


@contextmanager
def slot(portal_id: int) -> Iterator[bool]:
    """A place among those that may wait for Gupshup; False without one."""
    with _threads.acquire(str(portal_id)) as is_free:
        yield is_free


def listed(runtime: Runtime, line: Line) -> list[TemplateInfo]:
    """All templates of the line. Raises TemplatesAway."""
    with slot(line.portal_id) if not is_fresh(runtime, line) else nullcontext(False) as may_ask:
        if may_ask:
            Templates(runtime, line).listed()  # brings our copy up to date, if Gupshup answers
    with runtime.db.read() as session:
        known = [info for _line_id, info in every(session, [line.id])]
    if not known and line.templates_synced_at is None:
        raise TemplatesAway
    return known
