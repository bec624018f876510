"""What a finding is called, what was seen, and what to do about it, in English and Russian.

The texts are looked up by the check's name and the code of the finding; "" stands for every check. Braces are facts or names.
"""

from collections import defaultdict
from dataclasses import dataclass

from bx24.i18n import Text
from messaging.doctor.finding import Finding, State
from messaging.doctor.texts_of_lines import LINES
from messaging.doctor.texts_of_portals import PORTALS
from messaging.doctor.texts_of_servers import SERVER

STATES: dict[State, Text] = {
    State.OK: Text("in order", "в порядке"),
    State.WARNING: Text("warning", "предупреждение"),
    State.FAILED: Text("failed", "ошибка"),
    State.UNCHECKED: Text("not checked", "не проверено"),
}
TITLES: dict[str, Text] = {
    "address": Text("Public address", "Публичный адрес"),
    "certificate": Text("Certificate", "Сертификат"),
    "database": Text("Database", "База данных"),
    "redis": Text("Redis", "Redis"),
    "worker": Text("Worker", "Воркер"),
    "disk": Text("Disk", "Диск"),
    "queues": Text("Queues", "Очереди"),
    "token": Text("Access to Bitrix24", "Доступ к Битрикс24"),
    "installed": Text("Installation", "Установка"),
    "plan": Text("Bitrix24 plan", "Тариф Битрикс24"),
    "administrator": Text("Administrator's rights", "Права администратора"),
    "scopes": Text("Permissions of the app", "Права приложения"),
    "robots": Text("Robots and activities", "Роботы и действия"),
    "events": Text("Events of Bitrix24", "События Битрикс24"),
    "placements": Text("Placements", "Места встраивания"),
    "senders": Text("Lines in “Send SMS/WhatsApp”", "Линии в «Отправить SMS/WhatsApp»"),
    "portal_clock": Text("Clock of Bitrix24", "Часы Битрикс24"),
    "echo": Text("Calls from Bitrix24", "Вызовы от Битрикс24"),
    "trial": Text("Trial run of a robot", "Пробный запуск робота"),
    "line": Text("The line works", "Линия работает"),
    "key": Text("Gupshup key", "Ключ Gupshup"),
    "number": Text("Number", "Номер"),
    "webhook": Text("Webhook at Gupshup", "Вебхук в Gupshup"),
    "templates": Text("Templates", "Шаблоны"),
    "balance": Text("Balance", "Баланс"),
    "round_trip": Text("A webhook through our address", "Вебхук через наш адрес"),
    "gupshup_clock": Text("Clock of Gupshup", "Часы Gupshup"),
}
WORDS: dict[tuple[str, str], tuple[Text, Text]] = {**SERVER, **PORTALS, **LINES}
NOTHING = Text("", "")


@dataclass(frozen=True)
class Words:
    """A finding in words. todo: "" if there is nothing to do."""

    title: Text
    state: Text
    seen: Text
    todo: Text


def words(finding: Finding) -> Words:
    """The words of a finding."""
    seen, todo = WORDS.get((finding.name, finding.code)) or WORDS.get(("", finding.code)) or (NOTHING, NOTHING)
    values: defaultdict[str, object] = defaultdict(str, {**finding.facts, **finding.named})
    return Words(TITLES[finding.name], STATES[finding.state], _filled(seen, values), _filled(todo, values))


def _filled(text: Text, values: defaultdict[str, object]) -> Text:
    in_russian = defaultdict(str, {name: _with_comma(value) for name, value in values.items()})
    return Text(text.en.format_map(values), text.ru.format_map(in_russian))


def _with_comma(value: object) -> object:
    """A number as Russian writes it: 0,5."""
    return str(value).replace(".", ",") if isinstance(value, float) else value
