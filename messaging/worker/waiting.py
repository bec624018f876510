"""How long a drain waits before its next round. A round costs a transaction, so tasks that end together share one.

All moments are seconds on one clock that only rises.
"""

#: While nothing happens the loop looks at the database again after this time.
POLL_S = 0.5
#: From this many sends in flight on, finished sends are collected for GATHER_S and recorded in one transaction.
GATHER_FROM = 8
GATHER_S = 0.02
#: With half the threads busy, everything is collected, wake-ups too: rounds begin this far apart.
LONG_GATHER_S = 0.025


def wait_s(has_more: bool, due_at: float | None, now: float) -> float:
    """Seconds to wait for a finished task or a wake-up.

    has_more: the last round left work behind; due_at: when the next rate limit or pause of a portal ends, None if none does.
    """
    if has_more:
        return 0.0
    return POLL_S if due_at is None else min(POLL_S, max(0.0, due_at - now))


def earliest(round_at: float, in_flight: int, threads: int) -> float:
    """When the next round may begin, if the last one began at `round_at`. 0: at once."""
    return round_at + LONG_GATHER_S if in_flight >= threads // 2 else 0.0


def latest(now: float, not_before: float, is_send: bool, in_flight: int) -> float:
    """When the next round begins at the latest, now that something has come in: a finished send may wait for others.

    not_before: what `earliest` says.
    """
    gathers = is_send and in_flight >= GATHER_FROM
    return max(not_before, now + GATHER_S if gathers else 0.0)
