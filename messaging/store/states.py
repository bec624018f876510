"""The words that stand in the tables: states of runs, messages, webhooks, lines and portals, and where a message comes from."""

from enum import StrEnum


class MessageStatus(StrEnum):
    """How far a message has come; how it may move: messaging.runs.statuses."""

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    DROPPED = "dropped"


class Hold(StrEnum):
    """Why a message is held. window: until the client writes; quiet: until the quiet hours end."""

    WINDOW = "window"
    QUIET = "quiet"


class RunState(StrEnum):
    """stored: nothing was done yet; waiting: planned, its message or a reply is awaited; ended: its answer is written."""

    STORED = "stored"
    WAITING = "waiting"
    ENDED = "ended"


class OutcomeKind(StrEnum):
    """How a run ended: the result `status` of contract section 4."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    REPLIED = "replied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    TIMEOUT = "timeout"
    OK = "ok"


class Origin(StrEnum):
    """Where a message comes from (contract section 14)."""

    ROBOT = "robot"
    ACTIVITY = "activity"
    CAMPAIGN = "campaign"
    OPERATOR = "operator"
    MANUAL = "manual"
    API = "api"
    PROVIDER = "provider"


class EventState(StrEnum):
    """stored: not applied yet; done: applied; odd: kept, but not understood, or about no message of ours."""

    STORED = "stored"
    DONE = "done"
    UNHANDLED = "odd"


class LineStatus(StrEnum):
    """Whether a line belongs to its portal. That it is stopped or paused is said by `stopped_at` and `paused_at`."""

    CONNECTED = "connected"
    REMOVED = "removed"


class PortalStatus(StrEnum):
    """inactive: uninstalled, unpaid or deleted; reauth: its token is dead, a new one is awaited."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    REAUTH = "reauth"
