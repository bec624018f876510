"""Every code a send can fail with: its class and what to tell people, in one table.

Three code spaces meet here: Gupshup's own (1001-1013, 4001-4005), the old on-premise ones (400s, 1000s, 2000s) and
Meta's Cloud API (0-368, 13xxxx). Sources: Gupshup partner docs "Error codes"; Meta docs "Cloud API error codes".
Texts say what happened: why. What to do. {reason} is replaced by the provider's words.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from gupshup.reading import as_text


class Kind(StrEnum):
    RETRY = "retry"  # "not now": the message did not go out
    DELAYED = "delayed"  # not before hours or a day have passed
    PERMANENT = "permanent"  # never, for this recipient or this content
    CONFIG = "config"  # nothing of this scope will go out before somebody repairs it
    WINDOW = "window"  # the 24-hour window is closed: only a template may go
    UNCLEAR = "unclear"  # may be out: never send it again by itself


class Scope(StrEnum):
    """What the refusal is about, that is, what else would be refused too."""

    MESSAGE = "message"
    TEMPLATE = "template"  # refresh the cached templates
    ACCOUNT = "account"  # every message of the line


@dataclass(frozen=True)
class Refusal:
    code: str
    kind: Kind
    reason: str
    en: str
    ru: str
    scope: Scope = Scope.MESSAGE


@dataclass(frozen=True)
class _Row:
    kind: Kind
    scope: Scope
    en: str
    ru: str


def _rows(words: str, kind: Kind, scope: Scope, en: str, ru: str) -> dict[str, _Row]:
    """One row for each code."""
    return dict.fromkeys(codes_of(words), _Row(kind, scope, en, ru))


def codes_of(words: str) -> list[str]:
    """The codes a line of a table names; "1005-1008" is a range with both ends."""
    codes: list[str] = []
    for word in words.split():
        first, dash, last = word.partition("-")
        codes += [str(number) for number in range(int(first), int(last) + 1)] if dash else [word]
    return codes


_REASON_LENGTH = 300
_CODE_LENGTH = 64

_R, _D, _P, _C, _W, _U = Kind.RETRY, Kind.DELAYED, Kind.PERMANENT, Kind.CONFIG, Kind.WINDOW, Kind.UNCLEAR
_MESSAGE, _TEMPLATE, _ACCOUNT = Scope.MESSAGE, Scope.TEMPLATE, Scope.ACCOUNT

# codes, class, scope, English, Russian
_TABLE = (
    # Gupshup
    _rows("500", _R, _MESSAGE,
        "Not delivered: Gupshup had an internal error. Run it again; if it repeats, write to Gupshup support.",
        "Не доставлено: внутренний сбой Gupshup. Запустите ещё раз; если повторится, напишите в поддержку Gupshup."),
    _rows("503", _R, _MESSAGE,
        "Not delivered: Gupshup could not reach WhatsApp. Run it again in a few minutes.",
        "Не доставлено: Gupshup не смог связаться с WhatsApp. Повторите через несколько минут."),
    _rows("1001", _C, _ACCOUNT,
        "Not delivered: Gupshup does not connect this number with your app ({reason}). Check the line's app name. In "
        "a sandbox, the recipient first has to write PROXY and the app name.",
        "Не доставлено: Gupshup не связал номер с вашим приложением ({reason}). Проверьте имя приложения у линии. В "
        "песочнице получатель сначала должен написать PROXY и имя приложения."),
    _rows("1002", _P, _MESSAGE,
        "Not delivered: this number is not on WhatsApp. Check it or use another channel.",
        "Не доставлено: у номера нет WhatsApp. Проверьте номер или выберите другой канал."),
    _rows("1003", _C, _ACCOUNT,
        "Not delivered: the Gupshup wallet is empty. Top it up and run it again.",
        "Не доставлено: на балансе Gupshup нет денег. Пополните его и запустите ещё раз."),
    _rows("1004", _C, _ACCOUNT,
        "Not delivered: templates are switched off in this Gupshup app, and the 24-hour window is closed. Switch "
        "templates on in the Gupshup console.",
        "Не доставлено: в приложении Gupshup выключены шаблоны, а окно 24 часа закрыто. Включите шаблоны в консоли "
        "Gupshup."),
    _rows("470 1005-1008 131047", _W, _MESSAGE,
        "Not delivered: the 24-hour window is closed. Send a template.",
        "Не доставлено: окно 24 часа закрыто. Отправьте шаблон."),
    _rows("1009", _P, _MESSAGE,
        "Not delivered: a value that Gupshup requires is missing ({reason}). Check that no value is empty.",
        "Не доставлено: не хватает обязательного значения ({reason}). Проверьте, что все значения заполнены."),
    _rows("1010", _P, _MESSAGE,
        "Not delivered: WhatsApp could not open the file's link. Give a public https link; a sandbox app takes only "
        "Gupshup's own samples.",
        "Не доставлено: WhatsApp не смог открыть ссылку на файл. Укажите общедоступную ссылку https; песочница "
        "принимает только образцы Gupshup."),
    _rows("1011", _P, _MESSAGE,
        "Not delivered: the file is too large. An image may have 5 MB, video and audio 16 MB, a document 100 MB.",
        "Не доставлено: файл слишком большой. Предел для изображения 5 МБ, для видео и аудио 16 МБ, для документа 100 "
        "МБ."),
    _rows("1012", _P, _MESSAGE,
        "Not delivered: the client does not want messages from this number. Do not write before the client does.",
        "Не доставлено: клиент отказался от сообщений с этого номера. Не пишите, пока он не напишет сам."),
    _rows("1013", _P, _MESSAGE,
        "Not delivered: WhatsApp does not know this number. Check it or use another channel.",
        "Не доставлено: WhatsApp не знает этот номер. Проверьте его или выберите другой канал."),
    _rows("4001", _C, _ACCOUNT,
        "Not delivered: Gupshup stopped this app for sending too fast. Wait some minutes and lower the line's pace.",
        "Не доставлено: Gupshup остановил приложение за слишком частую отправку. Подождите несколько минут и снизьте "
        "темп линии."),
    _rows("4002", _U, _MESSAGE,
        "Unknown: WhatsApp gave Gupshup an answer it did not understand, so the message may have arrived. Ask the "
        "client before sending it again.",
        "Неизвестно: Gupshup не понял ответ WhatsApp, поэтому сообщение могло дойти. Уточните у клиента, прежде чем "
        "отправлять ещё раз."),
    _rows("4003", _C, _TEMPLATE,
        "Not delivered: Gupshup has no such template with these values; it was changed or deleted. Refresh the "
        "templates and choose it again.",
        "Не доставлено: в Gupshup нет такого шаблона с такими значениями, его изменили или удалили. Обновите шаблоны "
        "и выберите его заново."),
    _rows("4004", _C, _MESSAGE,
        "Not delivered: this kind of message needs a number on the Cloud API. Move the number in the Gupshup console.",
        "Не доставлено: для такого сообщения номер должен работать через Cloud API. Переведите его в консоли Gupshup."),
    _rows("4005", _D, _TEMPLATE,
        "Not delivered: WhatsApp paused this template because of complaints. Wait, or choose another template.",
        "Не доставлено: WhatsApp приостановил шаблон из-за жалоб. Подождите или выберите другой шаблон."),
    # old on-premise codes
    _rows("407 408", _P, _MESSAGE,
        "Not delivered: the client gave no consent, or the message waited too long. Ask the client to write first.",
        "Не доставлено: клиент не давал согласия или сообщение ждало слишком долго. Попросите клиента написать "
        "первым."),
    _rows("471 131048", _C, _ACCOUNT,
        "Not delivered: WhatsApp limited this number because of complaints about spam. Stop advertising from it and "
        "check its quality in the Gupshup console.",
        "Не доставлено: WhatsApp ограничил номер из-за жалоб на спам. Остановите рекламу с него и проверьте качество "
        "номера в консоли Gupshup."),
    _rows("472 130472", _D, _MESSAGE,
        "Not delivered: this client gets no marketing for now, because Meta runs an experiment. Use another channel, or "
        "send a utility template.",
        "Не доставлено: Meta на время эксперимента не показывает этому клиенту рекламу. Выберите другой канал или "
        "отправьте сервисный шаблон."),
    _rows("480 1021", _P, _MESSAGE,
        "Not delivered: WhatsApp refused it after checking the number or its limits ({reason}). Check the number.",
        "Не доставлено: сообщение не прошло проверку номера или лимитов WhatsApp ({reason}). Проверьте номер."),
    _rows("492 131050", _P, _MESSAGE,
        "Not delivered: the client stopped your marketing. Send this client no more marketing templates.",
        "Не доставлено: клиент отключил рекламу от вас. Больше не отправляйте ему рекламные шаблоны."),
    _rows("1026", _P, _MESSAGE,
        "Not delivered: the client's WhatsApp cannot take this message or blocks templates. Send plain text when the "
        "client writes.",
        "Не доставлено: WhatsApp клиента не принимает такие сообщения или блокирует шаблоны. Ответьте обычным "
        "текстом, когда клиент напишет."),
    _rows("2000-2017", _C, _TEMPLATE,
        "Not delivered: the values do not fit the template ({reason}). Refresh the templates and fill in its "
        "variables again.",
        "Не доставлено: значения не подходят к шаблону ({reason}). Обновите шаблоны и заполните переменные заново."),
    # Cloud API
    _rows("0 3 10 190 200-299", _C, _ACCOUNT,
        "Not delivered: Gupshup has no access to your WhatsApp account ({reason}). Check the app in the Gupshup "
        "console.",
        "Не доставлено: у Gupshup нет доступа к вашему аккаунту WhatsApp ({reason}). Проверьте приложение в консоли "
        "Gupshup."),
    _rows("4 80007 130429", _R, _MESSAGE,
        "Not delivered: too many messages at once for WhatsApp. Run it again in a minute; lower the line's pace if it "
        "repeats.",
        "Не доставлено: для WhatsApp слишком много сообщений сразу. Повторите через минуту; если повторится, снизьте "
        "темп линии."),
    _rows("100 131008 131009", _P, _MESSAGE,
        "Not delivered: WhatsApp did not accept a value ({reason}). Correct it.",
        "Не доставлено: WhatsApp не принял одно из значений ({reason}). Исправьте его."),
    _rows("368 131031", _C, _ACCOUNT,
        "Not delivered: Meta blocked your WhatsApp account. Open Account Quality in Meta Business Suite and ask for a "
        "review.",
        "Не доставлено: Meta заблокировала ваш аккаунт WhatsApp. Откройте «Качество аккаунта» в Meta Business Suite и "
        "запросите проверку."),
    _rows("130497", _P, _MESSAGE,
        "Not delivered: WhatsApp does not let your business write to this country. Use another channel.",
        "Не доставлено: WhatsApp не разрешает вашей компании писать в эту страну. Выберите другой канал."),
    _rows("131000 135000", _R, _MESSAGE,
        "Not delivered: WhatsApp had an error of its own ({reason}). Run it again once; if it repeats, write to "
        "Gupshup support.",
        "Не доставлено: сбой на стороне WhatsApp ({reason}). Запустите ещё один раз; если повторится, напишите в "
        "поддержку Gupshup."),
    _rows("131005", _C, _ACCOUNT,
        "Not delivered: your WhatsApp account lacks a permission. Check the app in the Gupshup console.",
        "Не доставлено: вашему аккаунту WhatsApp не хватает разрешения. Проверьте приложение в консоли Gupshup."),
    _rows("1 2 131016 133004", _R, _MESSAGE,
        "Not delivered: WhatsApp is not available at the moment. Run it again in a few minutes.",
        "Не доставлено: WhatsApp сейчас недоступен. Повторите через несколько минут."),
    _rows("131021", _P, _MESSAGE,
        "Not delivered: the recipient is the line's own number. Check the client's phone.",
        "Не доставлено: получатель и есть номер линии. Проверьте телефон клиента."),
    _rows("131026", _P, _MESSAGE,
        "Not delivered: the number has no WhatsApp, or an old version, or its owner has not accepted the new terms. "
        "Check the number or use another channel.",
        "Не доставлено: у номера нет WhatsApp, версия старая или не приняты новые условия. Проверьте номер или "
        "выберите другой канал."),
    _rows("131030", _C, _MESSAGE,
        "Not delivered: a test number writes only to the phones on its list. Add this phone in the Meta console.",
        "Не доставлено: тестовый номер пишет только на телефоны из своего списка. Добавьте этот телефон в консоли "
        "Meta."),
    _rows("131037", _C, _ACCOUNT,
        "Not delivered: the display name of your number is not approved. Correct it in the Gupshup console.",
        "Не доставлено: отображаемое имя вашего номера не одобрено. Исправьте его в консоли Gupshup."),
    _rows("131042", _C, _ACCOUNT,
        "Not delivered: WhatsApp cannot charge your account. Set Gupshup as its payment method in Meta Business "
        "Suite.",
        "Не доставлено: WhatsApp не может списать оплату. Укажите Gupshup способом оплаты в Meta Business Suite."),
    _rows("131045 133010 133016", _C, _ACCOUNT,
        "Not delivered: your number is not registered with WhatsApp. Register it again in the Gupshup console.",
        "Не доставлено: ваш номер не зарегистрирован в WhatsApp. Зарегистрируйте его заново в консоли Gupshup."),
    _rows("131049", _D, _MESSAGE,
        "Not delivered: the client has received a lot of advertising lately, so WhatsApp held yours back. Wait at least "
        "24 hours before you try again.",
        "Не доставлено: клиент получил много рекламы, и WhatsApp не пропустил вашу. Повторите не раньше чем через "
        "сутки."),
    _rows("131051", _P, _MESSAGE,
        "Not delivered: WhatsApp does not support this kind of message. Send text or a file.",
        "Не доставлено: WhatsApp не поддерживает такой вид сообщения. Отправьте текст или файл."),
    _rows("131052 131053", _P, _MESSAGE,
        "Not delivered: WhatsApp could not take the file ({reason}). Check that the link opens without signing in and "
        "the type fits.",
        "Не доставлено: WhatsApp не смог взять файл ({reason}). Проверьте, что ссылка открывается без входа и тип "
        "файла подходит."),
    _rows("131056", _R, _MESSAGE,
        "Not delivered: too many messages to this client in a short time. Wait a minute and run it again.",
        "Не доставлено: слишком много сообщений этому клиенту подряд. Подождите минуту и запустите ещё раз."),
    _rows("131057", _R, _MESSAGE,
        "Not delivered: WhatsApp is servicing your account. Run it again in some minutes.",
        "Не доставлено: WhatsApp обслуживает ваш аккаунт. Повторите через несколько минут."),
    _rows("131062", _P, _MESSAGE,
        "Not delivered: WhatsApp needs the client's phone for this message. Enter the phone in the client's card.",
        "Не доставлено: для такого сообщения WhatsApp нужен телефон клиента. Укажите телефон в карточке клиента."),
    _rows("131063", _C, _TEMPLATE,
        "Not delivered: marketing templates are off for this number. Accept the Marketing Messages terms in Meta "
        "Business Suite.",
        "Не доставлено: рекламные шаблоны для номера отключены. Примите условия Marketing Messages в Meta Business "
        "Suite."),
    _rows("131064", _D, _TEMPLATE,
        "Not delivered: WhatsApp limits this template until its category is settled. Wait a day or use another "
        "template.",
        "Не доставлено: WhatsApp ограничил шаблон, пока не определена его категория. Подождите сутки или возьмите "
        "другой шаблон."),
    _rows("132000", _C, _TEMPLATE,
        "Not delivered: the template needs another number of values. Refresh the templates and fill in its variables "
        "again.",
        "Не доставлено: шаблону нужно другое число значений. Обновите шаблоны и заполните переменные заново."),
    _rows("132001", _C, _TEMPLATE,
        "Not delivered: the template does not exist in this language or is not approved. Refresh the templates and "
        "choose another.",
        "Не доставлено: шаблона на этом языке нет, или он не одобрен. Обновите шаблоны и выберите другой."),
    _rows("132005", _P, _MESSAGE,
        "Not delivered: the template is too long with these values. Shorten the values.",
        "Не доставлено: с этими значениями шаблон стал слишком длинным. Сократите значения."),
    _rows("132007", _P, _TEMPLATE,
        "Not delivered: the template breaks WhatsApp's content rules. Choose another template.",
        "Не доставлено: шаблон нарушает правила WhatsApp. Выберите другой шаблон."),
    _rows("132008 132012", _P, _TEMPLATE,
        "Not delivered: a value does not fit the template's variable ({reason}). Correct the values.",
        "Не доставлено: значение не подходит к переменной шаблона ({reason}). Исправьте значения."),
    _rows("132015", _C, _TEMPLATE,
        "Not delivered: WhatsApp paused this template because of complaints. Wait, or choose another template.",
        "Не доставлено: WhatsApp приостановил шаблон из-за жалоб. Подождите или выберите другой шаблон."),
    _rows("132016", _C, _TEMPLATE,
        "Not delivered: WhatsApp disabled this template for good. Choose another template.",
        "Не доставлено: WhatsApp отключил этот шаблон насовсем. Выберите другой."),
    _rows("132018", _P, _MESSAGE,
        "Not delivered: a value has line breaks, tabs or too many spaces. Write the values in one line.",
        "Не доставлено: в значении есть переносы строк, табуляция или лишние пробелы. Запишите значения одной "
        "строкой."),
    _rows("132068", _C, _TEMPLATE,
        "Not delivered: WhatsApp blocked the form of this template. Correct it in Meta Business Suite.",
        "Не доставлено: WhatsApp заблокировал форму этого шаблона. Исправьте её в Meta Business Suite."),
    _rows("132069", _R, _TEMPLATE,
        "Not delivered: WhatsApp slows down the form of this template. Run it again later.",
        "Не доставлено: WhatsApp временно ограничил форму этого шаблона. Запустите ещё раз позже."),
    _rows("137000", _P, _MESSAGE,
        "Not delivered: the client's identity on WhatsApp has changed. Make sure that the number is still the "
        "client's.",
        "Не доставлено: данные клиента в WhatsApp изменились. Убедитесь, что номер по-прежнему его."),
    _rows("139000-139002", _C, _TEMPLATE,
        "Not delivered: the form of this template is not published. Publish it in Meta Business Suite.",
        "Не доставлено: форма этого шаблона не опубликована. Опубликуйте её в Meta Business Suite."),
    # answers to the request itself
    _rows("gupshup_400 gupshup_4xx", _P, _MESSAGE,
        "Not sent: Gupshup refused the request ({reason}). Check the client's phone and the values.",
        "Не отправлено: Gupshup отклонил запрос ({reason}). Проверьте телефон клиента и значения."),
    _rows("gupshup_401 gupshup_403", _C, _ACCOUNT,
        "Not sent: Gupshup does not accept the API key of the line. Copy the current key from the Gupshup console.",
        "Не отправлено: Gupshup не принял ключ API этой линии. Скопируйте действующий ключ из консоли Gupshup."),
    _rows("gupshup_404", _C, _ACCOUNT,
        "Not sent: Gupshup does not know this app. Check the line's App ID.",
        "Не отправлено: Gupshup не знает такого приложения. Проверьте App ID линии."),
    _rows("gupshup_413", _P, _MESSAGE,
        "Not sent: the message is too large for Gupshup. Shorten it.",
        "Не отправлено: сообщение слишком большое для Gupshup. Сократите его."),
    _rows("gupshup_429", _R, _MESSAGE,
        "Not sent: Gupshup gets too many requests. It is tried again; lower the line's pace if it repeats.",
        "Не отправлено: у Gupshup слишком много запросов. Отправка повторится; если ошибка останется, снизьте темп "
        "линии."),
    _rows("gupshup_3xx", _C, _ACCOUNT,
        "Not sent: Gupshup's address has moved. Check the address of the API in the settings of the server.",
        "Не отправлено: адрес Gupshup изменился. Проверьте адрес API в настройках сервера."),
    _rows("gupshup_5xx gupshup_unclear", _U, _MESSAGE,
        "Unknown: the connection to Gupshup broke after the request, so the message may have been sent. Ask the "
        "client before sending it again.",
        "Неизвестно: связь с Gupshup оборвалась после запроса, поэтому сообщение могло уйти. Уточните у клиента, "
        "прежде чем отправлять ещё раз."),
    _rows("gupshup_unreachable", _R, _MESSAGE,
        "Not sent: no connection to Gupshup. We will try again automatically; check the server's network if it lasts.",
        "Не отправлено: нет связи с Gupshup. Отправка повторится сама; если это надолго, проверьте сеть сервера."),
    _rows("gupshup_app_id", _C, _ACCOUNT,
        "Not possible: the line has no App ID. Copy it from the app's settings in the Gupshup console.",
        "Не получилось: у линии не указан App ID. Скопируйте его из настроек приложения в консоли Gupshup."),
)  # fmt: skip

# A 400 is about the message, unless Gupshup's words name the line's settings (Gupshup docs: reference/msg).
_BAD_SETTINGS = ("invalid app details", "request bot not found", "xss characters", "portal user not found")
_SETTINGS = _Row(
    _C,
    _ACCOUNT,
    "Not sent: Gupshup does not know the line's app or number ({reason}). Check its app name and phone.",
    "Не отправлено: Gupshup не знает приложение или номер линии ({reason}). Проверьте имя приложения и телефон.",
)
_BAD_DESTINATION = "invalid destination"
_DESTINATION = _Row(
    _P,
    _MESSAGE,
    "Not sent: Gupshup does not accept the client's phone. Write it with the country code.",
    "Не отправлено: Gupshup не принял телефон клиента. Укажите его с кодом страны.",
)
_UNKNOWN = _Row(
    _P,
    _MESSAGE,
    "Not delivered: WhatsApp refused it ({reason}, code {code}). If it repeats, show this code to Gupshup support.",
    "Не доставлено: WhatsApp отказал ({reason}, код {code}). Если повторится, покажите этот код поддержке Gupshup.",
)


_ROWS = {code: row for rows in _TABLE for code, row in rows.items()}
#: Gupshup's own codes: with them a message did not get as far as WhatsApp.
OWN_CODES = frozenset(codes_of("1001-1013 4001-4005"))
KNOWN_CODES = frozenset(_ROWS)


def meanings() -> list[tuple[str, ...]]:
    """The known codes in the table's order; those that mean the same are together."""
    together: dict[_Row, list[str]] = {}
    for code, row in _ROWS.items():
        together.setdefault(row, []).append(code)
    return [tuple(codes) for codes in together.values()]


def names_bad_settings(reason: str) -> bool:
    """Whether the provider's words blame the line's settings, not the message."""
    return any(words in reason.lower() for words in _BAD_SETTINGS)


def refusal(code: object, reason: str = "") -> Refusal:
    """What a code means. Unknown ones are permanent and show the provider's words; a blank one is "unknown"."""
    code = as_text(code).strip()[:_CODE_LENGTH] or "unknown"
    reason = " ".join(reason.split())[:_REASON_LENGTH]
    row = _row(code, reason)
    return Refusal(
        code,
        row.kind,
        reason,
        _fill(row.en, code, reason or "no explanation"),
        _fill(row.ru, code, reason or "без пояснения"),
        row.scope,
    )


def _row(code: str, reason: str) -> _Row:
    if code == "gupshup_400" and names_bad_settings(reason):
        return _SETTINGS
    if code == "gupshup_400" and _BAD_DESTINATION in reason.lower():
        return _DESTINATION
    family = re.sub(r"^(gupshup_[345])[0-9][0-9]$", r"\1xx", code)
    return _ROWS.get(code) or _ROWS.get(family) or _UNKNOWN


def _fill(text: str, code: str, reason: str) -> str:
    # The reason last: whatever it holds, nothing in it is taken for a placeholder.
    return text.replace("{code}", code).replace("{reason}", reason.rstrip(".!"))
