"""Why a run failed, in words for people: what happened, why, and what to do."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.base import UNTIL
from activities.errors import CARD_CLOSED, CATALOGUE, FILES_FULL, LINE_STOPPED, TIMEOUT, TIMEOUT_UNSENT, UNKNOWN
from bx24 import i18n
from bx24.i18n import Text
from gupshup import consequences
from gupshup.refusals import refusal
from messaging.insight.search_rows import status_of
from messaging.store.models import Line, Message, Portal, Run
from messaging.store.states import MessageStatus, OutcomeKind

#: Code → what to do, where the catalogue's text is nothing but a problem that was put into it, or one of two.
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
    "limit_reached": Text(
        "The portal started too many robots at once, or its files fill their room. Start fewer robots at a time, or send "
        "fewer files.",
        "Портал запустил слишком много роботов сразу, или его файлы заняли всё место. Запускайте меньше роботов за раз, "
        "отправляйте меньше файлов.",
    ),
}
#: Every name that stands in a text of the catalogue.
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


def reason_of(run: Run, message: Message | None, line: Line | None, language: str) -> Text | None:
    """What happened, why and what to do; None if the run went well. language: the portal's, "ru" or "en"."""
    if message is not None and message.status == MessageStatus.FAILED:
        found = refusal(message.error_code, message.error_reason)
        return Text(found.en, found.ru)
    if run.outcome == OutcomeKind.FAILED:
        error_text = str((run.answer or {}).get("error_text") or "")
        return explained(run.error_code, error_text, language, line.name or line.app_name if line else "")
    if status_of(run.outcome, message.status if message else None) == OutcomeKind.UNKNOWN:
        return UNKNOWN
    return _timeout(run, message) if run.outcome == OutcomeKind.TIMEOUT else None


def _timeout(run: Run, message: Message | None) -> Text:
    if run.action.startswith("send_") and (message is None or message.status == MessageStatus.DROPPED):
        return TIMEOUT_UNSENT
    minutes = round((run.deadline_at - run.stored_at).total_seconds() / 60)
    return TIMEOUT.format(until=UNTIL[run.until if message else OutcomeKind.REPLIED], minutes=minutes)


def explained(code: str, error_text: str, language: str, line: str = "", reason: str = "") -> Text:
    """The text of an error code in both languages.

    error_text: what the workflow was answered, in the portal's `language`, "" if that is not known. The values in it (a name,
    a size) are put into the text of the other language too. line: the name of the line; reason: the provider's words.
    """
    if code not in CATALOGUE:
        return _refused_by_gupshup(code, line, reason)
    for text in (CATALOGUE[code], CARD_CLOSED, FILES_FULL):
        values = _values_in(error_text, text.to(language))
        if values is not None:
            return text.format(**values) if values else text
    generic = _PROBLEM.get(code) or CATALOGUE[code].format(**dict.fromkeys(_PLACES, "…"))
    if not error_text:
        return generic
    return Text(generic.en, error_text) if language == "ru" else Text(error_text, generic.ru)


def _refused_by_gupshup(code: str, line: str, reason: str) -> Text:
    """A code of Gupshup's; without its words but with a line, the refusal that stopped this line."""
    found = refusal(code, reason)
    if line and not reason:
        return LINE_STOPPED.format(line=line, why=Text(*consequences.why(found)))
    return Text(found.en, found.ru)


def _values_in(error_text: str, pattern: str) -> dict[str, str] | None:
    """The values that were put into a text, by name; None if this is not that text, or nothing but a value."""
    if pattern == "{problem}" or not error_text:
        return None
    # Each text between two values is searched once, behind the text before it: `.*?` would try all places of each.
    before, *parts = re.split(r"\{(\w+)\}", pattern)
    if not error_text.startswith(before):
        return None
    values, place = {}, len(before)
    names, texts = parts[::2], parts[1::2]
    for number, (name, behind) in enumerate(zip(names, texts, strict=True), 1):
        is_last = number == len(names)
        end = len(error_text) - len(behind) if is_last else error_text.find(behind, place)
        if end < place or not error_text.startswith(behind, end):
            return None
        values[name], place = error_text[place:end], end + len(behind)
    return values if values or error_text == pattern else None


def short(text: Text) -> Text:
    """The first sentence, for a row of a list."""
    return Text(*(first_sentence(side) for side in (text.en, text.ru)))


def remedy(text: Text) -> Text:
    """What stands behind the first sentence: mostly what to do."""
    return Text(*(_sentences(side)[1] for side in (text.en, text.ru)))


def first_sentence(text: str) -> str:
    """The first sentence without its full stop, and without a short headline such as “Not sent: ”."""
    return _sentences(text)[0].rstrip(".")


def _sentences(text: str) -> tuple[str, str]:
    """The first sentence without a short headline, and the others."""
    head, colon, rest = text.partition(": ")
    if colon and len(head) <= 16 and "«" not in head:
        text = rest[:1].upper() + rest[1:]
    first, *others = re.split(r"(?<=[.!?])\s", text, maxsplit=1)
    return first, "".join(others)


def language_of(session: Session, run: Run) -> str:
    """The language in which the run's portal is answered, "ru" or "en"."""
    return i18n.language(session.scalar(select(Portal.language).where(Portal.id == run.portal_id)))
