"""`line.status.get`, `portal.status.get`."""

from typing import Any

from messaging.lines import selection
from messaging.store.models import Line, Portal
from messaging.store.states import PortalStatus
from web.api.switching.call import Call, method
from web.context import runtime


@method("line.status.get", "lines:read", "line_number*")
def line_status(call: Call) -> dict[str, Any]:
    """Whether a line works. Ours are never for a trial and are not paid for by themselves."""
    return _shown(call.line())


@method("portal.status.get", "lines:read")
def portal_status(call: Call) -> dict[str, Any]:
    """Whether the app works on the portal, and its lines."""
    with runtime().db.read() as session:
        portal = session.get_one(Portal, call.caller.portal_id)
        lines = selection.connected(session, portal.id)
    active = portal.status == PortalStatus.ACTIVE
    return {"active": active, "demo": False, "paid_until": None, "lines": [_shown(line) for line in lines]}


def _shown(line: Line) -> dict[str, Any]:
    return {
        "phone": line.phone,
        "name": line.name or line.app_name,
        "connected": True,
        "active": line.stopped_at is None and line.paused_at is None,
        "demo": False,
        "paid_until": None,
    }
