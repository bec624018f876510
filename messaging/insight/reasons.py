"""Why a run failed, in words for people: what happened, why, and what to do."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.base import UNTIL
from activities.errors import CARD_CLOSED, CATALOGUE, LINE_STOPPED, TIMEOUT, TIMEOUT_UNSENT, UNKNOWN
from bx24.i18n import Text
from gupshup import consequences
from gupshup.refusals import refusal
from messaging.insight.search_rows import status_of
from messaging.store.models import Line, Message, Portal, Run

_PROBLEM = {
    "template_params": Text(
        "The values do not fit the template. Open the robot and fill in its variables.",
        "Значения не подошли к шаблону. Откройте робота и заполните переменные.",
    ),
    "buttons_invalid": Text(
        "The buttons cannot be sent like this. Correct their titles in the robot.",
        "Такие кнопки отправить нельзя. Исправьте их названия в роботе.",
    ),
    "list_invalid": Text(
        "The list cannot be sent like this. Correct its rows in the robot.",
        "Такой список отправить нельзя. Исправьте его строки в роботе.",
    ),
}
_FILE_REMEDY = Text("Check the file in the robot.", "Проверьте файл в роботе.")


def reason_of(run: Run, message: Message | None, line: Line | None, spoken: str) -> Text | None:
    """What happened, why and what to do, for a run that did not go well. spoken: the portal's language."""
    if message is not None and message.status == "failed":
        found = refusal(message.error_code, message.error_reason)
        return Text(found.en, found.ru)
    if run.outcome == "failed":
        said = str((run.answer or {}).get("error_text") or "")
        return explained(run.error_code, said, spoken, line.name or line.app_name if line else "")
    if status_of(run.outcome, message.status if message else None) == "unknown":
        return UNKNOWN
    if run.outcome == "timeout":
        if run.action.startswith("send_") and (message is None or message.status == "dropped"):
            return TIMEOUT_UNSENT
        minutes = round((run.deadline_at - run.stored_at).total_seconds() / 60)
        return TIMEOUT.format(until=UNTIL[run.until if message else "replied"], minutes=minutes)
    return None


def explained(code: str, said: str, spoken: str, line: str = "", reason: str = "") -> Text:
    """The catalogue's words for a code.

    said: what the workflow was answered, in the portal's language: the values in it are put into the other language too.
    """
    if code not in CATALOGUE:
        found = refusal(code, reason)
        if not line or reason:
            return Text(found.en, found.ru)
        return LINE_STOPPED.format(line=line, why=Text(*consequences.why(found)))
    for text in (CATALOGUE[code], CARD_CLOSED):
        if values := _values_in(said, text.to(spoken)):
            return text if values is True else text.format(**values)
    generic = _PROBLEM.get(code) or CATALOGUE[code].format(**dict.fromkeys(_PLACES, "…"))
    if not said:
        return generic
    return Text(generic.en, said) if spoken == "ru" else Text(said, generic.ru)


_PLACES = (
    "value",
    "field",
    "remedy",
    "actual",
    "limit",
    "status",
    "languages",
    "problem",
    "reason",
    "size",
    "media",
    "trace",
)


def _values_in(said: str, pattern: str) -> dict[str, str] | bool:
    """The values that were put into a text: {name: value}, True if it has none, False if this is not that text."""
    if pattern == "{problem}" or not said:
        return False
    places = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*?)", re.escape(pattern))
    match = re.fullmatch(places, said, re.DOTALL)
    return (match.groupdict() or True) if match else False


def short(text: Text) -> Text:
    """Its first sentence, without the headline: for a row of a list."""
    return Text(*(first_sentence(side) for side in (text.en, text.ru)))


def first_sentence(text: str) -> str:
    head, colon, rest = text.partition(": ")
    if colon and len(head) <= 16 and "«" not in head:
        text = rest[:1].upper() + rest[1:]
    sentence = re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
    return sentence.rstrip(".")


def language_of(session: Session, run: Run) -> str:
    spoken = session.scalar(select(Portal.language).where(Portal.id == run.portal_id))
    return "ru" if Text("en", "ru").to(spoken) == "ru" else "en"
