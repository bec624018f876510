"""When a planned message may leave: at once, when the client has written, or when quiet hours are over."""

from datetime import datetime
from typing import Any

from activities.base import Plan
from activities.errors import refused
from messaging.policy import quiet_hours
from messaging.policy.quiet_hours import Quiet
from messaging.stages.planning.desk import RunDesk
from messaging.store.states import Hold, MessageStatus


def when(plan: Plan, desk: RunDesk, phone: str, deadline_at: datetime) -> dict[str, Any]:
    """The columns of a message that say when it may leave. phone: digits; deadline_at: it is not held beyond that.

    judge_at: from then on what was found here need not be true any more, because the window will have closed or quiet hours
    will have begun: a message that has not left by then is planned again.
    Raises Refused window_closed or quiet_hours, and what the desk raises.
    """
    assert plan.message is not None
    is_session = plan.message.is_session
    window = desk.window_until() if is_session else None
    is_closed = is_session and window is None
    if is_closed and not plan.waits_for_window:
        raise refused("window_closed")
    quiet = Quiet() if plan.quiet == "send" else _quiet(plan, desk, phone, refuses=not is_closed)
    if is_closed:
        # It is judged anew when the client writes: by then it may be night where the client is.
        return _held(Hold.WINDOW, deadline_at, desk.now() if quiet.ends_at else quiet.begins_at)
    judge_at = min((moment for moment in (window, quiet.begins_at) if moment), default=None)
    if quiet.ends_at:
        return _held(Hold.QUIET, min(quiet.ends_at, deadline_at), judge_at)
    return {"status": MessageStatus.QUEUED, "hold": "", "held_until": None, "judge_at": judge_at}


def _quiet(plan: Plan, desk: RunDesk, phone: str, refuses: bool) -> Quiet:
    """Whether quiet hours hold for the client now. Raises Refused if they do and the message must not go then."""
    zone = desk.zone(phone)
    hours = desk.policy.quiet_hours
    quiet = quiet_hours.judge(desk.now(), zone, hours)
    if quiet.ends_at and plan.quiet == "drop" and refuses:
        local = desk.now().astimezone(zone)
        raise refused("quiet_hours", time=f"{local:%H:%M}", from_=f"{hours.begin:%H:%M}", to=f"{hours.end:%H:%M}")
    return quiet


def _held(hold: Hold, until: datetime, judge_at: datetime | None) -> dict[str, Any]:
    return {"status": MessageStatus.HELD, "hold": hold, "held_until": until, "judge_at": judge_at}
