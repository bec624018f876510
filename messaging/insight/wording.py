"""Names for people, in both languages: of states, of robots and activities, of durations."""

from datetime import timedelta

from activities import ACTIONS
from bx24.i18n import Text
from messaging.store.states import MessageStatus, OutcomeKind
from robots import ROBOTS

STATUS: dict[str, Text] = {
    MessageStatus.QUEUED: Text("queued", "в очереди"),
    OutcomeKind.ACCEPTED: Text("accepted", "принято"),
    OutcomeKind.SENT: Text("sent", "отправлено"),
    OutcomeKind.DELIVERED: Text("delivered", "доставлено"),
    OutcomeKind.READ: Text("read", "прочитано"),
    OutcomeKind.REPLIED: Text("replied", "ответил"),
    OutcomeKind.FAILED: Text("failed", "не доставлено"),
    OutcomeKind.UNKNOWN: Text("unknown", "неизвестно"),
    OutcomeKind.TIMEOUT: Text("timeout", "время вышло"),
    OutcomeKind.OK: Text("done", "выполнено"),
}
#: A failure of an action that sends nothing, so that nothing was to be delivered.
DID_NOT_RUN = Text("did not run", "не выполнено")


def status(name: str, action: str) -> Text:
    """The status of a run of this action; a name that no status has as it is."""
    if name == OutcomeKind.FAILED and not action.startswith("send_"):
        return DID_NOT_RUN
    return STATUS.get(name, Text(name, name))


def title(side: str, action: str) -> Text:
    """The name of a robot (side `robots`) or of an activity; the bare code of an action that no longer exists."""
    if side == "robots" and action in ROBOTS:
        return ROBOTS[action][1]
    return ACTIONS[action].title if action in ACTIONS else Text(action, action)


def duration(time: timedelta) -> Text:
    """A duration in its two largest units: 1 h 20 min. Below a minute: seconds."""
    seconds = max(0, round(time.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [(days, "d", "д"), (hours, "h", "ч"), (minutes, "min", "мин")] if seconds >= 60 else [(seconds, "s", "с")]
    largest = [part for part in parts if part[0]][:2]
    return Text(*(" ".join(f"{part[0]} {part[language]}" for part in largest) for language in (1, 2)))
