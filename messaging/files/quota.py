"""How much room the files of one portal may take: they lie on one disk with everybody's, and often with the database."""

import structlog
from sqlalchemy import bindparam, func, select

from activities.errors import FILES_FULL, Refused
from messaging.files.problems import megabytes
from messaging.limits import bounds
from messaging.runtime import Runtime
from messaging.store.kept_files import File

log = structlog.get_logger(__name__)

_SIZES = select(File.size).where(File.portal_id == bindparam("portal_id")).limit(bounds.FILES_OF_PORTAL).subquery()
_TAKEN = select(func.count(), func.coalesce(func.sum(_SIZES.c.size), 0)).select_from(_SIZES)


def check(runtime: Runtime, portal_id: int, label: str) -> None:
    """Raises Refused limit_reached when the portal's files fill their room. Call it before fetching one more.

    label: what to call the file. Those that are fetched at the same time may end above the limit together.
    """
    with runtime.db.read() as session:
        count, taken = session.execute(_TAKEN, {"portal_id": portal_id}).one()
    limit = runtime.config.files_quota_mb * bounds.MB
    if taken < limit and count < bounds.FILES_OF_PORTAL:
        return
    log.warning("files of a portal fill their room", portal=portal_id, count=count, size=taken)
    raise Refused("limit_reached", FILES_FULL.format(value=label, limit=megabytes(limit)))
