"""What Gupshup and WhatsApp say about a template, in words that tell what to do.

Sources: Gupshup docs "Create template", "Delete template" (reference gupshup-2.md 2.1 and 2.2); Meta docs "Template status".
Whether the self-serve calls use the same words as the partners' is not confirmed, so what is not known is shown as it came.
"""

from dataclasses import dataclass
from enum import StrEnum

from gupshup import consequences
from gupshup.errors import GupshupError, Misconfigured, Throttled, Unavailable, Unclear


class Reaction(StrEnum):
    """RETRY: the same again, later. FIX: what is written must change. TELL: a person has to do something elsewhere."""

    RETRY = "retry"
    FIX = "fix"
    TELL = "tell"


@dataclass(frozen=True)
class Explained:
    """code: a word of ours. field: of the form, "" for none. said: the provider's words where ours do not say it all."""

    code: str
    reaction: Reaction
    en: str
    ru: str
    field: str = ""
    said: str = ""


ALREADY_EXISTS = "already exists with same namespace"
DOES_NOT_EXIST = "template does not exist"
_BEING_DELETED = "being deleted"

#: What the message holds, in small letters; the first that fits is it.
_TABLE: tuple[tuple[str, Explained], ...] = (
    (ALREADY_EXISTS, Explained(
        "name_taken", Reaction.FIX,
        "Gupshup has another template with this name and language. Choose another name, for example with _v2 at its end.",
        "В Gupshup уже есть другой шаблон с таким названием на этом языке. Выберите другое, например добавьте в конце _v2.",
        "name")),
    (_BEING_DELETED, Explained(
        "name_blocked", Reaction.FIX,
        "A template with this name was deleted; WhatsApp blocks the name for 30 days. Choose another name.",
        "Шаблон с таким названием удалили; WhatsApp блокирует его на 30 дней. Выберите другое название.",
        "name")),
    ("not supported on gupshup platform", Explained(
        "not_supported", Reaction.TELL,
        "Gupshup does not take this template and does not say why. Our check found nothing wrong, so templates may not be "
        "switched on for your app, or the category may not be allowed. Ask Gupshup support.",
        "Gupshup не принял шаблон и не объяснил почему. Наша проверка ошибок не нашла, поэтому для приложения могут быть "
        "выключены шаблоны или недоступна категория. Обратитесь в поддержку Gupshup.")),
    ("invalid element name", Explained(
        "name", Reaction.FIX,
        "Gupshup does not accept the name. Use small Latin letters, digits and the underscore.",
        "Gupshup не принял название. Используйте строчные латинские буквы, цифры и подчёркивание.",
        "name")),
    ("invalid category", Explained(
        "category", Reaction.FIX,
        "Gupshup does not accept the category. Choose another one.",
        "Gupshup не принял категорию. Выберите другую.",
        "category")),
    ("cannot process request now", Explained(
        "media", Reaction.FIX,
        "Gupshup could not use the file of the header. Choose the file again and submit the template once more.",
        "Gupshup не смог взять файл заголовка. Выберите файл заново и отправьте шаблон ещё раз.",
        "media")),
    ("once every 24 hours", Explained(
        "edited_today", Reaction.TELL,
        "An approved template can be changed once in 24 hours. Try again tomorrow, or make a copy with another name.",
        "Одобренный шаблон можно менять раз в 24 часа. Попробуйте завтра или сделайте копию с другим названием.")),
    ("template not found", Explained(
        "gone", Reaction.TELL,
        "Gupshup has no such template any more. Copy the text into a new template.",
        "В Gupshup такого шаблона больше нет. Перенесите текст в новый шаблон.")),
    ("delete operation is not allowed for sandbox", Explained(
        "sandbox", Reaction.TELL,
        "A sandbox app cannot delete templates. Do it after the app has gone live.",
        "В песочнице нельзя удалять шаблоны. Это станет можно, когда приложение заработает на своём номере.")),
    ("please check if app has been approved", Explained(
        "not_live", Reaction.TELL,
        "The app is not live yet. Finish connecting the number in the Gupshup console.",
        "Приложение ещё не запущено. Завершите подключение номера в консоли Gupshup.")),
    ("unable to delete the template", Explained(
        "delete_later", Reaction.RETRY,
        "Gupshup cannot delete the template now. Try again in some minutes.",
        "Gupshup сейчас не может удалить шаблон. Повторите через несколько минут.")),
    ("template cannot be deleted", Explained(
        "not_deletable", Reaction.TELL,
        "Gupshup does not delete this template. Delete it in WhatsApp Manager.",
        "Gupshup не удаляет этот шаблон. Удалите его в WhatsApp Manager.")),
    ("file size exceeds", Explained(
        "too_large", Reaction.FIX,
        "The file is too large for Gupshup. Choose a smaller one.",
        "Файл слишком большой для Gupshup. Выберите файл меньше.",
        "media")),
    ("unable to upload", Explained(
        "upload", Reaction.RETRY,
        "Gupshup could not take the file. Try again in a minute.",
        "Gupshup не смог принять файл. Повторите через минуту.",
        "media")),
)  # fmt: skip

_META = Explained(
    "meta", Reaction.FIX, "WhatsApp refused the template. Its words:", "WhatsApp не принял шаблон. Его слова:"
)
_OTHER = Explained(
    "other", Reaction.TELL, "Gupshup refused the template. Its words:", "Gupshup не принял шаблон. Его слова:"
)
_NO_ANSWER = Explained(
    "no_answer",
    Reaction.RETRY,
    "Gupshup does not answer. Nothing is lost: try again in a minute. If the template was taken meanwhile, it will be found.",
    "Gupshup не отвечает. Ничего не потеряно: повторите через минуту. Если шаблон за это время приняли, он найдётся.",
)
_TOO_OFTEN = Explained(
    "too_often",
    Reaction.RETRY,
    "Gupshup gets too many requests of this line. Try again in a minute.",
    "Слишком много запросов к Gupshup от этой линии. Повторите через минуту.",
)
#: Gupshup's docs do not say whether apps with a key of their own may edit.
CANNOT_EDIT = Explained(
    "cannot_edit",
    Reaction.TELL,
    "Gupshup does not let this app change templates. Make a copy with another name and choose it in the robots.",
    "Gupshup не даёт этому приложению менять шаблоны. Сделайте копию с другим названием и выберите её в роботах.",
)


def explain(error: GupshupError, *, is_edit: bool = False) -> Explained:
    """What an error of a call about templates means. is_edit: it was the call that changes one."""
    said = error.reason.lower()
    for words, explained in _TABLE:
        if words in said:
            return explained
    if isinstance(error, Throttled):
        return _TOO_OFTEN
    if isinstance(error, Unavailable | Unclear):
        return _NO_ANSWER
    if is_edit and error.code in ("gupshup_404", "gupshup_405"):
        return CANNOT_EDIT
    if isinstance(error, Misconfigured) or error.code == "gupshup_404":
        return Explained("line", Reaction.TELL, *consequences.why(error.refusal))
    meant = _META if "(#" in said else _OTHER
    return Explained(meant.code, meant.reaction, meant.en, meant.ru, said=error.reason)


#: Why WhatsApp rejected a template (Meta docs, message_template_status_update) → English, Russian.
REASONS: dict[str, tuple[str, str]] = {
    "INVALID_FORMAT": (
        "Variables, marks or a sample are not as WhatsApp wants them. Check the braces, the numbering and the samples.",
        "Переменные или разметка оформлены неверно либо пример не подходит. Проверьте скобки, нумерацию и примеры.",
    ),
    "TAG_CONTENT_MISMATCH": (
        "Language or category does not fit the text. Choose the language of the text, and Marketing if it advertises.",
        "Язык или категория не подходят к тексту. Укажите язык, на котором он написан, а для рекламы выберите «Маркетинг».",
    ),
    "INCORRECT_CATEGORY": (
        "The category does not fit the text. Choose Marketing if it offers or advertises something.",
        "Категория не подходит к тексту. Если он что-то предлагает или рекламирует, выберите «Маркетинг».",
    ),
    "ABUSIVE_CONTENT": (
        "WhatsApp found threats, insults or a request for data in it. Write calmly; do not ask for card or passport numbers.",
        "WhatsApp увидел угрозы, оскорбления или запрос данных. Напишите спокойнее, не просите номера карт и документов.",
    ),
    "SCAM": (
        "WhatsApp takes it for fraud. Name your company, give a link to its site, and ask for no personal data.",
        "WhatsApp посчитал текст мошенническим. Назовите компанию, дайте ссылку на её сайт и не запрашивайте личные данные.",
    ),
    "PROMOTIONAL": (
        "It advertises, but its category is not Marketing. Submit it as Marketing.",
        "Это реклама, а категория другая. Отправьте шаблон как «Маркетинг».",
    ),
    "CATEGORY_NOT_AVAILABLE": (
        "This category is not available for your account. Choose another one.",
        "Эта категория недоступна вашему аккаунту. Выберите другую.",
    ),
}


def why_rejected(reason: str) -> tuple[str, str]:
    """A reason of rejection in English and Russian; one that is not known is shown as it came, "" if there is none."""
    return REASONS.get(reason.strip().upper().replace(" ", "_")) or (reason, reason)
