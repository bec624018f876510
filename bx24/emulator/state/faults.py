"""What goes wrong on command. The fields are the names that `POST /emulator/faults` takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

SLOW_FRAME_S = 3.0
LATE_S = 2.0
FREE_PLAN = "project"


@dataclass
class Faults:
    """A number n spoils the next n requests or events. Booleans, lists, maps and `delay_s` stay until they are changed."""

    limiter: bool = True
    """The limit of 2 requests a second, 50 at once."""
    deleted: bool = False
    """PORTAL_DELETED on every REST call."""
    old_frames: bool = False
    """Frames and their POST lack SERVER_ENDPOINT, APPLICATION_TOKEN, APPLICATION_SCOPE, as on older portals."""
    locked: list[str] = field(default_factory=list)
    """Ids of workflows ("*" = all) in which another branch is running: an answer gets `true` and is lost."""
    dismissed: list[int] = field(default_factory=list)
    """Users who left: `authorization_error` for their tokens."""
    time_limit: dict[str, float] = field(default_factory=dict)
    """Method -> unix time until which it answers OPERATION_TIME_LIMIT."""
    slow: dict[str, float] = field(default_factory=dict)
    """Method -> seconds that its answers come late. What was asked for is done before."""
    spoiled: dict[str, list[str]] = field(default_factory=dict)
    """Method -> what spoils its next requests, one after another: names of the numbers below, "" for nothing."""
    dialog_s: float = 0.0
    """Seconds that a message of a client keeps its dialog busy; other calls for it wait."""
    html_502: int = 0
    """REST answers with the error page of a gateway."""
    connection_error: int = 0
    """The portal cannot reach the auth server: 401 CONNECTION_ERROR."""
    query_limit: int = 0
    """QUERY_LIMIT_EXCEEDED."""
    internal_error: int = 0
    """INTERNAL_SERVER_ERROR."""
    drop_before: int = 0
    """The connection is closed before the portal has done anything."""
    drop_after: int = 0
    """The portal does what was asked; then the connection is closed without an answer."""
    late_events: int = 0
    """Events that reach the app LATE_S after others, which were raised later."""
    repeated_events: int = 0
    """Events that reach the app twice, as with two bindings whose addresses differ only in spelling."""
    event_send_lost: int = 0
    """`bizproc.event.send` answers true and nothing happens."""
    oauth_502: int = 0
    """The auth server answers with the error page of a gateway."""
    payment_required: bool = False
    """The auth server refuses to refresh: the app is not paid for."""
    refuse_resize: bool = False
    """The host page never answers `resizeWindow`, as in sliders."""
    slow_frames: bool = False
    """A page of the app is requested only after SLOW_FRAME_S."""
    session_ended: bool = False
    """`refreshAuth` fails: the host page says so and never answers the frame."""
    many_fields: bool = False
    """A deal has 300 additional fields."""
    undelivered: bool = False
    """The queue cannot reach the app: events and robot calls are lost."""
    plan: str = "std"
    """The plan that `app.info` names; "project", the free one, knows no workflows: their methods do not exist."""
    payment_expired: bool = False
    """`app.info` says that the app is not paid for any more."""
    clock_ahead_s: float = 0.0
    """The portal's clock is so many seconds ahead of ours, in its `Date` and in `server.time`."""
    retry_until_200: bool = False
    """Robot calls are repeated with the SAME event_token until 200. Bitrix24 never does; crash tests need it."""
    delay_s: float = 0.05
    """Seconds from an event or the start of a robot to the call of the app."""

    def update(self, changes: dict[str, Any]) -> None:
        """Raises KeyError for an unknown name, ValueError or TypeError for a value of the wrong kind."""
        known = {item.name for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise KeyError(name)
            current = getattr(self, name)
            if not isinstance(value, type(current)) and not (isinstance(current, float) and isinstance(value, int)):
                raise TypeError(f"{name}: {type(current).__name__} expected")
            setattr(self, name, value)

    def next_of(self, method: str) -> str:
        """What spoils this request of a method by `spoiled`; takes it off the list."""
        waiting = self.spoiled.get(method, [])
        return waiting.pop(0) if waiting else ""

    def take(self, name: str) -> bool:
        """Whether this request is spoiled; counts down."""
        left = int(getattr(self, name))
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    def locks(self, workflow_id: str) -> bool:
        return "*" in self.locked or workflow_id in self.locked

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
