"""Troubles a portal can be told to make. `POST /emulator/faults` takes exactly these names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

SLOW_FRAME_S = 3.0


@dataclass
class Faults:
    """Numbers count down: the next n requests are hit. Booleans and lists stay until changed."""

    limiter: bool = True
    """The leaky bucket of 2 requests a second, 50 at once."""
    deleted: bool = False
    """PORTAL_DELETED on every REST call."""
    old_frames: bool = False
    """Frames and their POST lack SERVER_ENDPOINT, APPLICATION_TOKEN, APPLICATION_SCOPE, as on older portals."""
    locked: list[str] = field(default_factory=list)
    """Workflow ids ("*" = all) in which another branch is running: answers get `true` and are lost."""
    dismissed: list[int] = field(default_factory=list)
    """Users who left: `authorization_error` for their tokens."""
    time_limit: dict[str, float] = field(default_factory=dict)
    """Method -> unix time until which it answers OPERATION_TIME_LIMIT."""
    html_502: int = 0
    connection_error: int = 0
    """The portal cannot reach the auth server: 401 CONNECTION_ERROR."""
    query_limit: int = 0
    internal_error: int = 0
    drop_before: int = 0
    """The connection closes before the portal did anything."""
    drop_after: int = 0
    """The portal did it; the answer never arrives."""
    event_send_lost: int = 0
    """`bizproc.event.send` answers true and nothing happens."""
    oauth_502: int = 0
    payment_required: bool = False
    """The auth server refuses to refresh: the app is not paid for."""
    refuse_resize: bool = False
    """The host page never answers `resizeWindow`, as in sliders."""
    slow_frames: bool = False
    """The app's page is asked for only after SLOW_FRAME_S."""
    session_ended: bool = False
    """`refreshAuth` fails: the host says so in its own page and never answers the frame."""
    many_fields: bool = False
    """The deal has 300 custom fields more."""
    retry_until_200: bool = False
    """Robot calls are repeated with the SAME event_token until 200. Bitrix24 never does; crash tests need it."""
    delay_s: float = 0.05
    """From the queue to the first byte of an outgoing call."""

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

    def take(self, name: str) -> bool:
        """Whether this request is hit; counts down."""
        left = int(getattr(self, name))
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    def locks(self, workflow_id: str) -> bool:
        return "*" in self.locked or workflow_id in self.locked

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
