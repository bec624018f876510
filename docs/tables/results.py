"""Tables of what a robot gives to the workflow. Codes and names come from the actions, what a value looks like stands here."""

from collections.abc import Mapping

from activities import ACTIONS
from activities.base import REPLY_RESULTS, SEND_RESULTS, STATUS_RESULTS, Results
from activities.check_window import CheckWindow
from activities.close_chats import CloseChats
from activities.opt_out import OptOut
from bx24.i18n import Text
from docs.tables.words import code, heads, table

_COLUMNS = (Text("Result", "Результат"), Text("Name in Bitrix24", "Название в Битрикс24"), Text("Value", "Значение"))
_CONSENT: Results = {name: title for name, title in OptOut.results.items() if name not in STATUS_RESULTS}
_CHATS: Results = {name: title for name, title in CloseChats.results.items() if name not in STATUS_RESULTS}
_WINDOW: Results = {name: title for name, title in CheckWindow.results.items() if name not in STATUS_RESULTS}
#: Code of a result → its value in words. A result without an entry stops `make tables`.
VALUES: Mapping[str, Text] = {
    "status": Text(
        "`accepted` `sent` `delivered` `read` `replied` `failed` `timeout` `unknown`; of window check, "
        "opt-out and closing of chats `ok`",
        "`accepted` — принято, `sent` — отправлено, `delivered` — доставлено, `read` — прочитано, `replied` — клиент "
        "ответил, `failed` — ошибка, `timeout` — время вышло, `unknown` — неизвестно; у проверки окна, отказа "
        "и закрытия чатов `ok`",
    ),
    "error_code": Text(
        "one of the [error codes](errors.md); empty if all went well",
        "один из [кодов ошибок](errors.md); пусто, если ошибки нет",
    ),
    "error_text": Text(
        "a sentence in the portal's language: what happened, why, what to do. `timeout` and `unknown` have only this",
        "фраза на языке портала: что случилось, почему и что делать. У `timeout` и `unknown` есть только она",
    ),
    "message_id": Text("Gupshup's id of the message", "номер сообщения у Gupshup"),
    "sent_to": Text("the phone that was used, digits only", "телефон, на который ушло сообщение, только цифры"),
    "sent_at": Text(
        "ISO 8601 with time zone; empty until it happens", "ISO 8601 с часовым поясом; пусто, пока этого не было"
    ),
    "delivered_at": Text("the same", "так же"),
    "read_at": Text("the same", "так же"),
    "reply_type": Text(
        "`text` `button` `list` `image` `video` `audio` `file` `sticker` `location` `contact` `reaction` `form` `unknown`",
        "`text` — текст, `button` — кнопка, `list` — строка списка, `image`, `video`, `audio`, `file` — файл, `sticker`, "
        "`location` — геолокация, `contact`, `reaction`, `form` — форма, `unknown`",
    ),
    "reply_text": Text(
        "the text, the title of the button or row, a file's caption, an emoji, name and phones of a contact, "
        "`latitude,longitude`; of a form, a line `field: value` for each answer",
        "текст, название кнопки или строки, подпись к файлу, эмодзи, имя и телефоны контакта, `широта,долгота`; у формы — "
        "строка `поле: значение` на каждый ответ",
    ),
    "reply_id": Text(
        "the id that the robot gave to the button or row, otherwise its position; of a template's button, its position; of a "
        "message that waba24 did not send, the id as received",
        "код кнопки или строки, заданный в роботе, иначе её номер; у кнопки шаблона — номер; у сообщения, которое отправило "
        "не waba24, — код, как он пришёл",
    ),
    "reply_file": Text(
        "our link to the client's file, valid for 30 days; anyone who has it can open it. Empty if the file could not be "
        "fetched",
        "наша ссылка на файл клиента, действует 30 дней; открыть её может любой, у кого она есть. Пусто, если файл скачать "
        "не удалось",
    ),
    "reply_from": Text("the client's phone as WhatsApp writes it", "телефон клиента так, как его пишет WhatsApp"),
    "window_open": Text("`Y` or `N`", "`Y` — открыто, `N` — закрыто"),
    "window_until": Text(
        "until when the client may be written to freely, ISO 8601 with time zone; empty if the window is closed",
        "до какого времени клиенту можно писать свободно, ISO 8601 с часовым поясом; пусто, если окно закрыто",
    ),
    "opted_out": Text(
        "`Y` or `N`: whether the client's messages, or the marketing of this line, are stopped now",
        "`Y` или `N`: остановлены ли теперь сообщения клиенту или реклама с этой линии",
    ),
    "closed": Text("a whole number: dialogs that were open", "целое число: сколько диалогов было открыто"),
    "minutes_left": Text("a whole number; 0 if the window is closed", "целое число; 0, если окно закрыто"),
}


def described() -> set[str]:
    """Codes of all results of all actions."""
    return {name for action in ACTIONS.values() for name in action.results}


def _table(results: Results, lang: str) -> str:
    rows = []
    for name, entry in results.items():
        title = entry if isinstance(entry, Text) else entry[0]
        rows.append((code(name), title.to(lang), VALUES[name].to(lang)))
    return table(heads(lang, *_COLUMNS), rows)


def of_all(lang: str) -> str:
    return _table(STATUS_RESULTS, lang)


def of_sends(lang: str) -> str:
    return _table(SEND_RESULTS, lang)


def of_replies(lang: str) -> str:
    return _table(REPLY_RESULTS, lang)


def of_check_window(lang: str) -> str:
    return _table(_WINDOW, lang)


def of_opt_out(lang: str) -> str:
    return _table(_CONSENT, lang)


def of_close_chats(lang: str) -> str:
    return _table(_CHATS, lang)
