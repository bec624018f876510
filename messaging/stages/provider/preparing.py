"""Preparing what the portal has handed over, on a thread: find the client, then choose text, macro or template.

Preparing only reads and asks, so after a crash it is simply done again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from activities import macro, phones, send_text
from activities.errors import Refused, from_invalid, refused
from activities.send_template import Call, Wording, compose
from bx24.errors import Bx24Error
from bx24.i18n import Text
from bx24.message_service import code_of
from gupshup import errors, messages
from gupshup.errors import GupshupError, InvalidMessage
from gupshup.messages import Choices, Message
from messaging.conversations import lookup
from messaging.conversations.queueing import AS_WRITTEN, columns_of
from messaging.conversations.window import window_until
from messaging.files.problems import Unfetched, unreachable
from messaging.lines import circuit_breaker
from messaging.policy import quiet_hours, tier, zones
from messaging.policy.settings import Policy
from messaging.portals import portals
from messaging.runtime import Runtime
from messaging.stages.provider import texts
from messaging.stages.provider.desk import ProviderDesk
from messaging.store.models import Line, Portal
from messaging.store.provider import LineSender, Quiet, sender_of
from messaging.store.states import LineStatus
from messaging.templates.by_hand import Recipient

#: Characters of a refused text that its failed message shows.
SHOWN = 4096
_WORDING = Wording(params=texts.TEXT, remedy=texts.EMPTY)


@dataclass(frozen=True)
class Preparing:
    """One message of the portal on its way to become one of ours. content: None if the portal was over its quota."""

    id: int
    portal_id: int
    line_id: int
    content: dict[str, Any] | None = field(repr=False)
    created_at: datetime

    @property
    def text(self) -> str:
        return str((self.content or {}).get("text") or "")


@dataclass(frozen=True)
class Ready:
    """A message that may leave. phone: digits; columns: of the message, as far as they come from its content."""

    phone: str
    columns: dict[str, Any]


#: What has waited longer than this is not sent: its portal was not active. (Quiet hours hold a message for a night at most.)
STALE = timedelta(days=1)


@dataclass(frozen=True)
class NotSent:
    """Nothing will be sent. phone: of the client, "" if it is not known. columns: what was to be sent, None if not known."""

    why: Refused
    phone: str = ""
    columns: dict[str, Any] | None = None


@dataclass(frozen=True)
class Later:
    """To be prepared again then.

    why: what did not answer, None: it is only too early. phone: of the client.
    """

    at: datetime
    phone: str
    why: Refused | None = None


Result = Ready | NotSent | Later


def prepare(runtime: Runtime, task: Preparing) -> Result:
    """What becomes of a message. No error of a vendor is raised: one that may pass becomes Later, any other NotSent."""
    if task.content is None:
        return NotSent(refused("limit_reached", limit=runtime.config.calls_per_minute))
    with runtime.db.read() as session:
        line, portal = session.get(Line, task.line_id), session.get_one(Portal, task.portal_id)
        sender = sender_of(session, task.line_id)
        if line is None or line.portal_id != task.portal_id:
            return NotSent(refused("line_not_found", value=code_of(task.line_id)))
        try:
            phone = phones.valid(phones.split(str(task.content["phone"])), portals.phone_region(portal))[0]
        except Refused as why:
            return NotSent(why)
        known = lookup.conversation_of(session, runtime, line.id, phone)
        to = Recipient(portal.id, line, phone, window_until(known, line, runtime.clock()))
    try:
        if runtime.clock() - task.created_at > STALE:
            raise refused("portal_inactive")
        if line.status != LineStatus.CONNECTED:
            raise refused("line_not_connected")
        if line.stopped_at is not None:
            raise circuit_breaker.refusal_of(line)
        if (ends_at := _quiet_until(runtime, portal, sender, phone)) is not None:
            return Later(ends_at, phone)
        return Ready(phone, _composed(runtime, task, to, sender))
    except Unfetched as why:
        return Later(runtime.clock(), phone, why) if why.passing else not_sent(task, why, phone)
    except Refused as why:
        return not_sent(task, why, phone)
    except (errors.Rejected, errors.Misconfigured) as error:
        return not_sent(task, _in_words(error), phone)
    except GupshupError as error:
        return Later(runtime.clock() + timedelta(seconds=error.retry_after or 0.0), phone, _in_words(error))
    except Bx24Error:
        return Later(runtime.clock(), phone, unreachable("?", "connection", passing=True))


def _in_words(error: GupshupError) -> Refused:
    found = error.refusal
    return Refused(found.code, Text(found.en, found.ru))


def _quiet_until(runtime: Runtime, portal: Portal, sender: LineSender | None, phone: str) -> datetime | None:
    """Until when a message waits for the end of quiet hours; None: it need not. Raises Refused if it shall not be sent."""
    if sender is None or sender.quiet == Quiet.SEND:
        return None
    policy, now = Policy.of(portal), runtime.clock()
    zone = zones.of_client(policy, [], phone, portals.phone_region(portal), now)
    quiet = quiet_hours.judge(now, zone, policy.quiet_hours)
    if quiet.ends_at is None or sender.quiet == Quiet.HOLD:
        return quiet.ends_at
    hours, local = policy.quiet_hours, now.astimezone(zone)
    words = texts.QUIET_HOURS.format(time=f"{local:%H:%M}", from_=f"{hours.begin:%H:%M}", to=f"{hours.end:%H:%M}")
    raise Refused("quiet_hours", words)


def _composed(runtime: Runtime, task: Preparing, to: Recipient, sender: LineSender | None) -> dict[str, Any]:
    """The columns of the message. Raises Refused, GupshupError, Bx24Error."""
    desk = ProviderDesk(runtime, to, str((task.content or {}).get("module")))
    try:
        message, choices = _message(task.text, to, desk, sender)
    except InvalidMessage as error:
        raise from_invalid(error) from None
    if not message.is_session and to.until is None:
        with runtime.db.read() as session:
            if (full := tier.refusal(session, runtime, to.line, to.phone)) is not None:
                raise full
    used = desk.used
    return {
        **_columns(message, choices),
        "template": used.name if used is not None else "",
        "category": used.category[:20] if used is not None else "",
        "country": phones.country_of(to.phone),
    }


def _message(text: str, to: Recipient, desk: ProviderDesk, sender: LineSender | None) -> tuple[Message, Choices]:
    """A macro is its template; a text is a text, and while the window is closed the value of the line's template."""
    if (found := macro.parse(text)) is not None:
        return compose(send_text.call_of(found), desk)
    if to.until is not None or not text.strip():
        plain = messages.Text(text)
        return plain, plain.choices
    if sender is None or not sender.template_id:
        raise Refused("window_closed", texts.WINDOW_CLOSED)
    try:
        return compose(Call(sender.template_id, "", [text], "", (), wording=_WORDING), desk)
    except InvalidMessage as error:
        why = from_invalid(error)
    except Refused as refusal:
        why = refusal
    raise Refused(why.code, texts.FALLBACK.format(why=why.text))


def _columns(message: Message, choices: Choices) -> dict[str, Any]:
    return {
        **columns_of(message, choices),
        "action": "send_text" if isinstance(message, messages.Text) else "send_template",
    }


def not_sent(task: Preparing, why: Refused, phone: str) -> NotSent:
    """Nothing will be sent to this client. A failed message shows the text as it was written; without a text there is none."""
    if not task.text.strip():
        return NotSent(why)
    columns = {**_columns(messages.Text(task.text[:SHOWN]), ()), "country": phones.country_of(phone)}
    if not _is_plain(task.text):
        columns["payload"] = {**columns["payload"], AS_WRITTEN: True}
    return NotSent(why, phone, columns)


def _is_plain(text: str) -> bool:
    """Whether the text itself could be sent, if only it might."""
    try:
        return macro.parse(text) is None and len(text) <= SHOWN
    except Refused:
        return False
