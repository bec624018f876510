"""What the vendors' documentation leaves open: every point, how it is settled, and what the traffic has answered so far.

The answers are words of ours (bx24.open_points, gupshup.open_points, messaging.intake.traffic), listed in
docs/operators/doctor.md.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bx24.i18n import Text
from messaging.store.observations import Observation

TRAFFIC, BY_HAND, UNUSED = (
    Text("seen in the traffic", "видно по обмену"),
    Text("to be looked at by hand", "нужно посмотреть вручную"),
    Text("not used by this version", "в этой версии не используется"),
)


@dataclass(frozen=True)
class Point:
    """id: reference and number. question: what is open. how: how it is settled."""

    id: str
    question: Text
    how: Text


def _point(id: str, en: str, ru: str, how: Text = UNUSED) -> Point:
    return Point(id, Text(en, ru), how)


POINTS: tuple[Point, ...] = (
    _point(
        "bitrix24.1",
        "How late robot calls come, and in order?",
        "С каким опозданием и в том ли порядке приходят вызовы роботов?",
        TRAFFIC,
    ),
    _point(
        "bitrix24.2",
        "How are files and dates written in fields?",
        "В каком виде в полях приходят файлы и даты?",
        TRAFFIC,
    ),
    _point(
        "bitrix24.3",
        "Does a frame bring SERVER_ENDPOINT and APPLICATION_TOKEN?",
        "Есть ли в запросе страницы SERVER_ENDPOINT и APPLICATION_TOKEN?",
        TRAFFIC,
    ),
    _point(
        "bitrix24.4",
        "Is a replaced refresh token refused at once?",
        "Сразу ли отклоняется заменённый refresh-токен?",
        TRAFFIC,
    ),
    _point(
        "bitrix24.5",
        "Shape of files in ONIMCONNECTORMESSAGEADD?",
        "В каком виде приходят файлы в ONIMCONNECTORMESSAGEADD?",
    ),
    _point(
        "bitrix24.6",
        "How large are the fields handed to a robot's settings?",
        "Сколько весят поля, которые получает страница настроек робота?",
        TRAFFIC,
    ),
    _point(
        "bitrix24.7",
        "Is an answer lost while its workflow is locked?",
        "Теряется ли ответ, если процесс в этот момент заблокирован?",
        TRAFFIC,
    ),
    _point(
        "bitrix24-2.1", "user_id 0 in a closed or absent dialog?", "user_id 0 в закрытом или отсутствующем диалоге?"
    ),
    _point(
        "bitrix24-2.2",
        "How does an unconfirmed operator's message look later?",
        "Как выглядит неподтверждённое сообщение оператора спустя время?",
    ),
    _point(
        "bitrix24-2.3",
        "Are download links relative, and how long do they live?",
        "Относительные ли ссылки на файлы и сколько они живут?",
    ),
    _point(
        "bitrix24-2.4",
        "Order of a burst of operators' messages?",
        "В каком порядке приходит серия сообщений оператора?",
    ),
    _point("bitrix24-2.5", "Do events of other connectors arrive?", "Приходят ли события чужих коннекторов?"),
    _point("bitrix24-2.6", "Two apps with one connector id?", "Два приложения с одним id коннектора?"),
    _point(
        "bitrix24-2.7",
        "SKIP_CONNECTOR and TEMPLATE_ID of im.message.add?",
        "SKIP_CONNECTOR и TEMPLATE_ID в im.message.add?",
    ),
    _point("bitrix24-2.8", "Keys of onCrmTimelineItemAction?", "Ключи в onCrmTimelineItemAction?"),
    _point(
        "bitrix24-2.9",
        "How many robot calls come within a second?",
        "Сколько вызовов роботов приходит за секунду?",
        TRAFFIC,
    ),
    _point("bitrix24-2.10", "Do placed triggers survive a new install?", "Остаются ли триггеры после переустановки?"),
    _point("bitrix24-2.11", "Names with digits or emoji?", "Имена с цифрами и эмодзи?"),
    _point(
        "gupshup.1",
        "Does the subscription call take an app's key?",
        "Принимает ли вызов подписки ключ приложения?",
        TRAFFIC,
    ),
    _point(
        "gupshup.2",
        "How does a tap on a button or a row come?",
        "В каком виде приходит нажатие кнопки или строки списка?",
        TRAFFIC,
    ),
    _point(
        "gupshup.3",
        "Do the postbacks of a template's buttons come back?",
        "Возвращаются ли postback-тексты кнопок шаблона?",
        TRAFFIC,
    ),
    _point(
        "gupshup.4",
        "Order of header, body and link parameters?",
        "В каком порядке идут параметры заголовка, текста и ссылок?",
        BY_HAND,
    ),
    _point("gupshup.5", "Which ids does context.msgId take?", "Какие id принимает context.msgId?"),
    _point("gupshup.6", "Nesting of a subscription's meta headers?", "Вложенность заголовков meta в подписке?"),
    _point("gupshup.7", "Path of the wallet's balance?", "Где узнать баланс?"),
    _point("gupshup.8", "Messages with links, flows, products?", "Сообщения со ссылками, формами, товарами?"),
    _point("gupshup.9", "biz_opaque_callback_data?", "biz_opaque_callback_data?"),
    _point("gupshup.10", "Are webhooks repeated?", "Повторяются ли вебхуки?", TRAFFIC),
    _point("gupshup.11", "Does a reaction renew the window?", "Продлевает ли реакция окно?", BY_HAND),
    _point(
        "gupshup-2.1", "A path of balance or usage for an app's key?", "Есть ли баланс или расход по ключу приложения?"
    ),
    _point("gupshup-2.2", "Editing and deleting templates?", "Изменение и удаление шаблонов?"),
    _point("gupshup-2.3", "Errors of creating templates?", "Ошибки создания шаблонов?"),
    _point("gupshup-2.4", "Named parameters at send time?", "Именованные параметры при отправке?"),
    _point("gupshup-2.5", "Header of waba/info?", "Заголовок запроса waba/info?"),
    _point("gupshup-2.6", "Russian templates in Meta's library?", "Русские шаблоны в библиотеке Meta?"),
    _point(
        "gupshup-2.7",
        "Do billing events come, and for which categories?",
        "Приходят ли события о списаниях и по каким категориям?",
        TRAFFIC,
    ),
    _point("gupshup-2.8", "How long do uploaded media live?", "Сколько живут загруженные файлы?"),
)


@dataclass(frozen=True)
class Answered:
    """An answer, how often it was met, and when first and last."""

    answer: str
    count: int
    first: datetime
    last: datetime


def answered(rows: Iterable[Observation]) -> list[tuple[Point, list[Answered]]]:
    """Every point with its answers, the most frequent first; those of several portals are added up."""
    met: defaultdict[str, dict[str, Answered]] = defaultdict(dict)
    for row in rows:
        known = met[row.name].get(row.what)
        met[row.name][row.what] = Answered(
            row.what,
            row.count + (known.count if known else 0),
            min(row.first_seen, known.first) if known else row.first_seen,
            max(row.last_seen, known.last) if known else row.last_seen,
        )
    return [(point, sorted(met[point.id].values(), key=lambda one: -one.count)) for point in POINTS]
