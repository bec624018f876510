"""What states and reasons of campaigns are called."""

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from messaging.campaigns.phone_cells import REASONS
from messaging.campaigns.repeats import Missed
from messaging.campaigns.sheets.problems import ROWS
from messaging.insight.reasons import explained
from messaging.store.campaigns import Paused

#: State of a campaign → word, icon and colour of its badge.
STATES: dict[str, tuple[LazyString, str, str]] = {
    "draft": (_l("Draft"), "help", ""),
    "scheduled": (_l("Scheduled"), "clock", "info"),
    "preparing": (_l("Preparing"), "hourglass", "info"),
    "running": (_l("Running"), "play", "info"),
    "paused": (_l("On pause"), "pause", "warn"),
    "finished": (_l("Finished"), "check", "ok"),
    "cancelled": (_l("Cancelled"), "cross", ""),
}
#: State of a recipient as the contract counts it → word, icon, colour.
RECIPIENTS: dict[str, tuple[LazyString, str, str]] = {
    "pending": (_l("Waiting"), "clock", ""),
    "skipped": (_l("Skipped"), "minus", "warn"),
    "queued": (_l("In the queue"), "clock", ""),
    "sending": (_l("Being sent"), "up", ""),
    "unknown": (_l("Unknown"), "question", "warn"),
    "accepted": (_l("Accepted"), "clock", ""),
    "sent": (_l("Sent"), "tick", ""),
    "delivered": (_l("Delivered"), "double-tick", ""),
    "read": (_l("Read"), "double-tick", "info"),
    "failed": (_l("Not delivered"), "cross", "bad"),
    "replied": (_l("Replied"), "reply", "ok"),
}
#: What else recipients are filtered by → words.
SILENT: dict[str, LazyString] = {Missed.UNREAD: _l("Not read"), Missed.UNANSWERED: _l("Not answered")}


@dataclass(frozen=True)
class Again:
    """A new campaign of those whom another one has missed. made: said of it; whom: its audience, with the other one's name."""

    made: LazyString
    whom: LazyString


AGAIN: dict[str, Again] = {
    Missed.FAILED: Again(
        _l("This is a new campaign of %(count)s clients who have not got the old one."),
        _l("Those who have not got the campaign “%(name)s”."),
    ),
    Missed.UNREAD: Again(
        _l("This is a new campaign of %(count)s clients who have not read the old one."),
        _l("Those who have not read the campaign “%(name)s”."),
    ),
    Missed.UNANSWERED: Again(
        _l("This is a new campaign of %(count)s clients who have not answered the old one."),
        _l("Those who have not answered the campaign “%(name)s”."),
    ),
    Missed.CANCELLED: Again(
        _l("This is a new campaign of %(count)s clients to whom the cancelled one was not sent."),
        _l("Those to whom the cancelled campaign “%(name)s” was not sent."),
    ),
}
#: Why recipients are skipped.
SKIPPED: dict[str, LazyString] = {
    "invalid_phone": _l("no valid phone"),
    "duplicate": _l("duplicates"),
    "opted_out": _l("opted out"),
    "marketing_cap": _l("got advertising recently"),
    "missing_value": _l("a variable is empty"),
    "cancelled": _l("the campaign was cancelled"),
    "not_found": _l("the item no longer exists"),
}


@dataclass(frozen=True)
class Pause:
    """Why a campaign is paused, what to do, and where: a section of the app and what its link is called."""

    title: LazyString
    remedy: LazyString
    section: str = ""
    link: LazyString | str = ""


PAUSES: dict[str, Pause] = {
    Paused.BY_HAND: Pause(_l("Paused by hand"), _l("Nothing is sent until somebody resumes the campaign.")),
    Paused.LINE_STOPPED: Pause(
        _l("No line of the campaign works"),
        _l("They are stopped or on pause. As soon as one works again, the campaign goes on by itself."),
        "lines",
        _l("Open Lines"),
    ),
    Paused.LINE_REMOVED: Pause(
        _l("The campaign's lines were removed"),
        _l("Cancel the campaign. Then make a new one of those who have not got it, and choose another line for it."),
        "lines",
        _l("Open Lines"),
    ),
    Paused.LIMIT: Pause(
        _l("Today's limit of new clients is used up"),
        _l(
            "WhatsApp lets a line write first to so many clients in 24 hours. The campaign goes on by itself when it may."
        ),
        "lines",
        _l("Open Lines"),
    ),
    Paused.TEMPLATE: Pause(
        _l("WhatsApp has changed or stopped the template"),
        _l("Look at its text, category and state. If all is right, resume: from then on the new version is sent."),
        "templates",
        _l("Open Templates"),
    ),
    Paused.FAILURES: Pause(
        _l("Too many messages are not delivered"),
        _l("See the reasons below first. Resume when you have done what they advise."),
    ),
    Paused.BALANCE: Pause(
        _l("The balance at Gupshup is too low"),
        _l(
            "It does not cover the next messages with a reserve of 20 %. Top up the wallet in Gupshup's console, then resume."
        ),
        "lines",
        _l("Open Lines"),
    ),
    Paused.BUDGET: Pause(
        _l("The day's budget is used up"),
        _l(
            "The campaign goes on by itself on the portal's next day, or at once when its budget below, "
            "or that of its line, is raised."
        ),
        "lines",
        _l("Open Lines"),
    ),
    Paused.STALE: Pause(
        _l("The campaign has stood still for hours"),
        _l("The server was off. Check whether the campaign is still of interest, then resume."),
    ),
    Paused.RESTORED: Pause(
        _l("The server was restored from a backup"),
        _l(
            "What was sent after that backup is not known here: some of these clients may have got the message already. "
            "Look into a few of their chats, then resume or cancel."
        ),
    ),
    Paused.UNINSTALLED: Pause(
        _l("The app was removed from Bitrix24"),
        _l("It is installed again. Check whether the campaign is still of interest, then resume."),
    ),
}


def failure(code: str, language: str) -> str:
    """What an error code means, and what to do."""
    return explained(code, "", language).to(language)


def row_reason(reason: str, value: str, language: str) -> str:
    """Why a row of a file is no recipient."""
    text = REASONS.get(reason) or ROWS.get(reason)
    return text.format(value=value, column="").to(language) if text is not None else reason
