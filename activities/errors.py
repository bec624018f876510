"""Why a run was refused, in words for whoever set it up: what happened, why, what to do.

The same words are read by programs, campaigns and operators, so a text names the robot only where nobody else can get it.

One catalogue for all codes of the contract (section 4). `Refused` ends a run as `failed`; nothing is sent.
"""

from bx24.i18n import Text
from gupshup.errors import InvalidMessage

CATALOGUE: dict[str, Text] = {
    "no_phone": Text(
        "No phone was found: neither the item nor its contact or company has one. Fill in a phone in the card, "
        "or in the robot's field “Phone”.",
        "Телефон не найден: его нет ни в карточке, ни у контакта, ни у компании. Укажите телефон в карточке "
        "или в поле «Телефон» в роботе.",
    ),
    "invalid_phone": Text(
        "“{value}” is not a valid phone number. Write it with the country code, for example +7 916 123-45-67.",
        "Телефона «{value}» не бывает. Запишите номер с кодом страны, например +7 916 123-45-67.",
    ),
    "line_not_found": Text(
        "There is no line “{value}”. Choose another line, or leave the field empty.",
        "Линии «{value}» нет. Выберите другую линию или оставьте поле пустым.",
    ),
    "line_not_connected": Text(
        "No WhatsApp line is connected. Connect a line, then try again.",
        "Линия WhatsApp не подключена. Подключите линию и повторите.",
    ),
    "window_closed": Text(
        "The 24-hour window is closed: the client has not written for more than a day. "
        "Send a template, or wait until the client writes.",
        "Окно 24 часа закрыто: клиент не писал больше суток. Отправьте шаблон или дождитесь сообщения клиента.",
    ),
    "quiet_hours": Text(
        "Nothing was sent: it is {time} where the client is, and quiet hours last from {from_} to {to}. Choose "
        "to send when they end (field “In quiet hours”), or change the hours in the app, on the page “Sending rules”.",
        "Не отправлено: у клиента сейчас {time}, а тихие часы длятся с {from_} до {to}. Выберите отправку после тихих "
        "часов (поле «В тихие часы») или измените часы в приложении, на странице «Правила отправки».",
    ),
    "message_not_found": Text(
        "There is no message with the ID “{value}” on this portal. In the field “{field}”, insert “Message ID” from the result "
        "of an earlier WhatsApp robot of this workflow.",
        "Сообщения с ID «{value}» на этом портале нет. Вставьте в поле «{field}» «ID сообщения» из результата "
        "робота WhatsApp, который стоит в процессе раньше.",
    ),
    "dropped": Text(
        "Nothing was sent: the message was being held, and a person dropped it by hand. To send it after all, send it "
        "again.",
        "Не отправлено: сообщение ждало своего часа, и его отменили вручную. Если оно всё-таки нужно, отправьте его заново.",
    ),
    "value_missing": Text(
        "The field “{field}” is empty. Fill it in. If it takes its value from the card, check that the card has one.",
        "Поле «{field}» пустое. Заполните его. Если значение берётся из карточки, проверьте, что оно там есть.",
    ),
    "value_invalid": Text(
        "The field “{field}” has a wrong value: “{value}”. {remedy}",
        "В поле «{field}» неверное значение: «{value}». {remedy}",
    ),
    "text_too_long": Text(
        "The field “{field}” has {actual} characters, but at most {limit} are allowed. Shorten the text.",
        "В поле «{field}» {actual} символов, можно не больше {limit}. Сократите текст.",
    ),
    "template_not_found": Text(
        "There is no template “{value}” on this line. Check its name and language in the Gupshup console, "
        "and that the line has its App ID.",
        "Шаблона «{value}» на этой линии нет. Проверьте название и язык в консоли Gupshup и указан ли у линии App ID.",
    ),
    "template_not_approved": Text(
        "The template “{value}” cannot be sent: {status}. Wait for WhatsApp's approval or choose another template.",
        "Шаблон «{value}» нельзя отправить: {status}. Дождитесь одобрения WhatsApp или выберите другой шаблон.",
    ),
    "template_ambiguous": Text(
        "The template “{value}” exists in several languages: {languages}. Fill in the field “Template language”.",
        "Шаблон «{value}» есть на нескольких языках: {languages}. Заполните поле «Язык шаблона».",
    ),
    "template_params": Text("{problem}", "{problem}"),
    "file_unreachable": Text(
        "The file “{value}” could not be fetched: {reason}.",
        "Не удалось получить файл «{value}»: {reason}.",
    ),
    "file_too_large": Text(
        "The file “{value}” is too large: {size}. WhatsApp takes {media} of up to {limit}. {remedy}",
        "Файл «{value}» слишком большой: {size}. WhatsApp принимает {media} размером до {limit}. {remedy}",
    ),
    "file_type": Text(
        "The file “{value}” cannot be sent as {media}: {reason}.",
        "Файл «{value}» нельзя отправить как {media}: {reason}.",
    ),
    "contact_not_found": Text(
        "The contact “{value}” cannot be sent: {reason}.",
        "Контакт «{value}» нельзя отправить: {reason}.",
    ),
    "buttons_invalid": Text("{problem}", "{problem}"),
    "list_invalid": Text("{problem}", "{problem}"),
    "portal_inactive": Text(
        "The app is switched off on this portal. Open it in Bitrix24 or install it again.",
        "Приложение на этом портале отключено. Откройте его в Битрикс24 или установите снова.",
    ),
    "limit_reached": Text(
        "Nothing was sent: this portal handed over more messages at once than the server takes ({limit} a minute). "
        "Send fewer at a time; whoever runs the server can raise the limit (CALLS_PER_MINUTE).",
        "Ничего не отправлено: портал передал сразу больше сообщений, чем принимает сервер ({limit} в минуту). "
        "Отправляйте меньше за раз; предел может поднять тот, кто отвечает за сервер (CALLS_PER_MINUTE).",
    ),
    "opted_out": Text(
        "Nothing was sent: the client opted out on {since} ({why}). Messages go again when the client writes “{word}”, or "
        "when an administrator lifts the opt-out on the app's page “Opt-outs”.",
        "Ничего не отправлено: клиент отказался от сообщений {since} ({why}). Писать снова можно, когда клиент пришлёт "
        "«{word}» или администратор снимет отказ на странице приложения «Отказы».",
    ),
    "marketing_cap": Text(
        "Nothing was sent: the client has got {count} marketing templates in a row and has not written since. Wait until the "
        "client writes, or send a utility template. The limit is set on the app's page “Opt-outs”.",
        "Ничего не отправлено: клиент получил рекламных шаблонов подряд: {count}, и ничего не ответил. Дождитесь его "
        "сообщения или отправьте сервисный шаблон. Предел задаётся на странице приложения «Отказы».",
    ),
    "internal": Text(
        "Nothing was sent because of an error on our side. Try again. If it happens again, "
        "tell support this number: {trace}.",
        "Ничего не отправлено: ошибка на нашей стороне. Повторите. Если повторится, назовите поддержке номер {trace}.",
    ),
}

TIMEOUT = Text(
    "Time ran out: “{until}” did not happen within {minutes} min.",
    "Время вышло: за {minutes} мин не наступило «{until}».",
)
TIMEOUT_UNSENT = Text(
    "Time ran out before the message could be handed to WhatsApp. It will not be sent.",
    "Время вышло раньше, чем сообщение удалось передать в WhatsApp. Оно не будет отправлено.",
)
UNKNOWN = Text(
    "It is not known whether the message left: the connection broke while it was being handed over. "
    "It is not sent again automatically. Ask the client before you send it again.",
    "Неизвестно, ушло ли сообщение: связь оборвалась во время передачи. Само оно не отправится ещё раз. "
    "Уточните у клиента, прежде чем отправлять снова.",
)
RESTORED = Text(
    "Nobody can tell whether the message left: the app's database was restored from a backup made before the last sends. "
    "It is not sent again by itself. Look into the chat with the client before you send again.",
    "Неизвестно, ушло ли сообщение: базу данных приложения восстановили из копии, в которой нет последних отправок. "
    "Само оно не повторяется. Загляните в чат с клиентом, прежде чем отправлять ещё раз.",
)
LINE_STOPPED = Text(
    "Nothing was sent: the line “{line}” is stopped. {why}",
    "Не отправлено: линия «{line}» остановлена. {why}",
)
MARKETING_STOPPED = Text(
    "Nothing was sent: on {since} the client stopped the marketing of this number in WhatsApp. Only the client can allow it "
    "again, in WhatsApp. Utility templates still go.",
    "Ничего не отправлено: {since} клиент отключил в WhatsApp рекламу с этого номера. Вернуть её может только он сам, "
    "в WhatsApp. Сервисные шаблоны по-прежнему отправляются.",
)
MARKETING_REST = Text(
    "Nothing was sent: on {since} WhatsApp did not let marketing through to this client (131049). For {hours} hours after that "
    "the app sends none. Wait, or send a utility template.",
    "Ничего не отправлено: {since} WhatsApp не пропустил рекламу этому клиенту (131049), после этого приложение не шлёт её "
    "{hours} ч. Подождите или отправьте сервисный шаблон.",
)
FIELD_TOO_LONG = Text(
    "The field “{field}” is longer than {limit} characters, so nothing was sent. Shorten it. If it takes its value from "
    "the card, check what stands there.",
    "Поле «{field}» длиннее {limit} символов, поэтому ничего не отправлено. Сократите его. Если значение берётся "
    "из карточки, проверьте, что там записано.",
)
FILES_FULL = Text(
    "The file “{value}” was not fetched: the files of this portal fill their space on our server ({limit}). A sent file is "
    "deleted a day after its message's wait, a client's file after 30 days. Send fewer or smaller files, or ask whoever runs "
    "the server to raise the limit (FILES_QUOTA_MB).",
    "Файл «{value}» не загружен: файлы этого портала заняли всё своё место на нашем сервере ({limit}). Отправленный файл "
    "удаляется через день после конца ожидания, файл клиента — через 30 дней. Отправляйте меньше файлов или файлы поменьше "
    "либо попросите того, кто отвечает за сервер, поднять предел (FILES_QUOTA_MB).",
)
TIER_FULL = Text(
    "WhatsApp lets this line write first to {limit} clients in 24 hours, and it has written to as many. "
    "Send again tomorrow, or write to clients who have written to you today: they do not count.",
    "WhatsApp разрешает этой линии за 24 часа написать первой {limit} клиентам, и столько уже написано. "
    "Отправьте завтра. Тем, кто сегодня писал вам сам, отправлять можно: они в этот предел не входят.",
)
CARD_CLOSED = Text(
    "Bitrix24 did not let the app read the card, so the phone is unknown ({code}). Give the app the CRM permission, "
    "or have an administrator with access to this card open the app.",
    "Битрикс24 не дал приложению прочитать карточку, поэтому телефон неизвестен ({code}). Дайте приложению право «CRM» "
    "или пусть его откроет администратор, которому эта карточка доступна.",
)


class Refused(Exception):
    """A run that cannot be carried out. `code`: of the contract, section 4; `text`: for the workflow log.

    at: the property at fault, "" where none is; position: its entry, from 1. The settings page shows the text there.
    line_id, conversation_id, phone: how far planning had come, if so far.
    """

    line_id: int | None = None
    conversation_id: int | None = None
    phone: str = ""

    def __init__(self, code: str, text: Text, at: str = "", position: int | None = None) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.at = at
        self.position = position


def refused(code: str, *, at: str = "", position: int | None = None, **values: object) -> Refused:
    """The refusal of the catalogue, its places filled in. at, position: as in Refused."""
    text = CATALOGUE[code].format(**{name: _short(value) for name, value in values.items()})
    return Refused(code, text, at, position)


def _short(value: object) -> object:
    """A value as it is quoted back: people know it by its beginning."""
    return value if not isinstance(value, str) or len(value) <= 200 else value[:199] + "…"


def from_invalid(error: InvalidMessage) -> Refused:
    """A message that breaks a limit of WhatsApp; the vendor's door already says which, in both languages."""
    return Refused(error.code, Text(error.en, error.ru), error.field, error.position)
