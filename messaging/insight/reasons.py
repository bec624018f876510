"""Why a run failed, in words for people: what happened, why, and what to do."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.base import UNTIL
from activities.errors import (
    CARD_CLOSED,
    CATALOGUE,
    FILES_FULL,
    LINE_STOPPED,
    MARKETING_REST,
    MARKETING_STOPPED,
    TIMEOUT,
    TIMEOUT_UNSENT,
    UNKNOWN,
)
from bx24 import i18n
from bx24.i18n import Text
from gupshup import consequences
from gupshup.refusals import refusal
from messaging.insight.search_rows import status_of
from messaging.store.models import Line, Message, Portal, Run
from messaging.store.states import MessageStatus, OutcomeKind

#: Code → its text without the values that a run puts into it. Codes whose text has no values are missing.
_WITHOUT_VALUES = {
    "invalid_phone": Text(
        "The phone is not a valid number. Write it with the country code, for example +7 916 123-45-67.",
        "Такого телефона не бывает. Запишите номер с кодом страны, например +7 916 123-45-67.",
    ),
    "line_not_found": Text(
        "There is no such line. Choose another line, or leave the field empty.",
        "Такой линии нет. Выберите другую линию или оставьте поле пустым.",
    ),
    "value_missing": Text(
        "A field is empty. Fill it in. If it takes its value from the card, check that the card has one.",
        "Одно из полей пустое. Заполните его. Если значение берётся из карточки, проверьте, что оно там есть.",
    ),
    "value_invalid": Text(
        "A field has a wrong value. Correct it.",
        "В одном из полей неверное значение. Исправьте его.",
    ),
    "text_too_long": Text(
        "A text has more characters than WhatsApp takes. Shorten it, or the field of the card that is put into it.",
        "В тексте больше символов, чем принимает WhatsApp. Сократите его или поле карточки, которое в него подставляется.",
    ),
    "template_not_found": Text(
        "There is no such template on the line. Check its name and language in the Gupshup console, and that the line has "
        "its App ID.",
        "Такого шаблона на линии нет. Проверьте название и язык в консоли Gupshup и указан ли у линии App ID.",
    ),
    "template_not_approved": Text(
        "WhatsApp has not approved the template, or has paused it. Wait for its approval or choose another template.",
        "WhatsApp не одобрил шаблон или приостановил его. Дождитесь одобрения или выберите другой шаблон.",
    ),
    "template_ambiguous": Text(
        "The template exists in several languages. Fill in the field “Template language”.",
        "Шаблон есть на нескольких языках. Заполните поле «Язык шаблона».",
    ),
    "template_params": Text(
        "The values do not fit the template. Fill in all of its variables.",
        "Значения не подошли к шаблону. Заполните все его переменные.",
    ),
    "file_unreachable": Text(
        "The file could not be fetched. Check its link in a private window of the browser, or put the file on Drive.",
        "Не удалось получить файл. Проверьте ссылку в окне инкогнито или положите файл на Диск.",
    ),
    "file_too_large": Text(
        "The file is too large. WhatsApp takes images of up to 5 MB, video and audio of up to 16 MB, documents of up to "
        "100 MB.",
        "Файл слишком большой. WhatsApp принимает изображения до 5 МБ, видео и аудио до 16 МБ, документы до 100 МБ.",
    ),
    "file_type": Text(
        "WhatsApp does not take this type of file as what it was sent as. Choose another kind of file, or “document”.",
        "WhatsApp не принимает файл такого типа. Выберите другой вид файла или «документ».",
    ),
    "contact_not_found": Text(
        "The contact cannot be sent: it is not in CRM, or it has no phone. Check the field “Contact”.",
        "Контакт нельзя отправить: его нет в CRM или у него нет телефона. Проверьте поле «Контакт».",
    ),
    "buttons_invalid": Text(
        "The buttons cannot be sent like this. Correct their titles.",
        "Такие кнопки отправить нельзя. Исправьте их названия.",
    ),
    "list_invalid": Text(
        "The list cannot be sent like this. Correct its rows.",
        "Такой список отправить нельзя. Исправьте его строки.",
    ),
    "opted_out": Text(
        "The client has opted out of messages, or of the marketing of this number. The app's page “Opt-outs” says since when "
        "and why, and how messages go again.",
        "Клиент отказался от сообщений или от рекламы с этого номера. На странице приложения «Отказы» видно, когда и почему, "
        "и как писать ему снова.",
    ),
    "marketing_cap": Text(
        "The client has got enough marketing for now. Wait until the client writes, or send a utility template. The limits "
        "are set on the app's page “Opt-outs”.",
        "Рекламы клиенту пока достаточно. Дождитесь его сообщения или отправьте сервисный шаблон. Пределы задаются "
        "на странице приложения «Отказы».",
    ),
    "quiet_hours": Text(
        "Nothing was sent: these were quiet hours where the client is. Choose to send when they end (field “In quiet "
        "hours”), or change the hours in the app, on the page “Sending rules”.",
        "Не отправлено: у клиента были тихие часы. Выберите отправку после тихих часов (поле «В тихие часы») или "
        "измените часы в приложении, на странице «Правила отправки».",
    ),
    "message_not_found": Text(
        "There is no such message on this portal. In the robot's field “Message ID”, insert “Message ID” from the result of "
        "an earlier WhatsApp robot of this workflow.",
        "Такого сообщения на этом портале нет. Вставьте в поле «ID сообщения» «ID сообщения» из результата робота WhatsApp, "
        "который стоит в процессе раньше.",
    ),
    "limit_reached": Text(
        "A limit is reached: of messages handed over at once, of the space for files, or of clients that the line may write "
        "to first in 24 hours. The message's page says which. Send fewer messages or files at a time, or wait until tomorrow.",
        "Достигнут предел: сообщений, переданных сразу, места для файлов или клиентов, которым линия может написать первой за "
        "24 часа. Какой именно, написано на странице сообщения. Отправляйте меньше сообщений за раз, меньше "
        "файлов или подождите до завтра.",
    ),
    "internal": Text(
        "Nothing was sent because of an error on our side. Try again. If it happens again, write to support.",
        "Ничего не отправлено: ошибка на нашей стороне. Повторите. Если повторится, напишите в поддержку.",
    ),
}


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
    return TIMEOUT.format(until=UNTIL[awaited(run, message)], minutes=minutes)


def awaited(run: Run, message: Message | None) -> str:
    """What a run waits for, or has waited for: a key of UNTIL."""
    if message is not None or run.awaits_message_id is not None:
        return run.until
    return OutcomeKind.DELIVERED if run.action == "wait_delivery" else OutcomeKind.REPLIED


def explained(code: str, error_text: str, language: str, line: str = "", reason: str = "") -> Text:
    """The text of an error code in both languages.

    error_text: what the workflow was answered, in the portal's `language`, "" if that is not known. The values in it (a name,
    a size) are put into the text of the other language too. line: the name of the line; reason: the provider's words.
    """
    if code not in CATALOGUE:
        return _refused_by_gupshup(code, line, reason)
    for text in (CATALOGUE[code], CARD_CLOSED, FILES_FULL, MARKETING_STOPPED, MARKETING_REST):
        values = _values_in(error_text, text.to(language))
        if values is not None:
            return text.format(**values) if values else text
    generic = _WITHOUT_VALUES.get(code) or CATALOGUE[code]
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
