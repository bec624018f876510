"""The table of the settings, from their declarations in messaging/system/config.py."""

from collections.abc import Mapping

from bx24.i18n import Text
from docs.tables.words import code, heads, table, translated
from messaging.system.config import SETTINGS

#: Variable → its help in Russian; the English one stands beside the declaration.
RUSSIAN: Mapping[str, str] = {
    "PUBLIC_URL": "адрес https, по которому до приложения достают Битрикс24 и Gupshup (обязательно)",
    "BX24_CLIENT_ID": "код приложения Битрикс24, client_id (обязательно)",
    "BX24_CLIENT_SECRET": "ключ приложения Битрикс24, client_secret (обязательно)",
    "BX24_AUTH_SERVERS": "серверы авторизации, которым можно передавать ключ, через запятую",
    "GUPSHUP_API_URL": "обычный API Gupshup",
    "GUPSHUP_PARTNER_URL": "партнёрский API Gupshup",
    "GUPSHUP_PARTNER_TOKEN": "токен партнёрского аккаунта Gupshup или его почта:client secret; показывает баланс, качество и "
    "лимиты линий. Пусто — они неизвестны",
    "DATABASE_URL": "база данных, любой адрес SQLAlchemy; пусто — файл SQLite в DATA_DIR",
    "REDIS_URL": "`embedded` — собственный Redis в DATA_DIR; для промышленной работы redis://…",
    "DATA_DIR": "папка для всего, что приложение пишет само",
    "SECRET_KEY": "ключ Fernet для токенов и страниц; несколько через запятую, новый первым, — для смены ключа. "
    "Со встроенным Redis создаётся сам, иначе обязателен",
    "ALLOW_HTTP": "1 разрешает http:// и адреса этой машины: только для эмуляторов и тестов",
    "LOG_FORMAT": "вид журнала; для промышленной работы json",
    "LOG_LEVEL": "debug, info, warning или error",
    "WORKER_PROCESSES": "сколько процессов запускает один `python worker.py`",
    "WORKER_THREADS": "сколько сообщений у процесса в работе одновременно",
    "UNKNOWN_AFTER_S": "через сколько секунд о неясной отправке сообщается как о `unknown`",
    "CALLS_PER_MINUTE": "сколько вызовов роботов одного портала принимает каждый веб-процесс за минуту; лишние завершаются с "
    "limit_reached",
    "FILES_QUOTA_MB": "сколько мегабайт могут занимать файлы одного портала, отправленные и полученные вместе",
    "TRUSTED_PROXIES": "сколько обратных прокси стоит перед приложением (каждый дописывает адрес в X-Forwarded-For); "
    "0 — адреса посетителей не различаются",
    "KEEP_EVENTS_DAYS": "через сколько дней удаляются обработанные уведомления Gupshup",
    "KEEP_TEXTS_DAYS": "через сколько дней после конца запуска стираются его тексты и ответы клиентов",
    "KEEP_DAYS": "через сколько дней после конца запуска он удаляется вместе с сообщением; не меньше KEEP_TEXTS_DAYS",
    "SPOOL_MB": "сколько мегабайт вызовов и уведомлений хранится в DATA_DIR, пока недоступна база; 0 — нисколько, они "
    "отклоняются",
    "FILES_URL": "s3://bucket/prefix, где хранятся файлы, если у веба и воркеров нет общего диска; пусто — папка в DATA_DIR",
    "FILES_ENDPOINT": "адрес сервиса S3 для FILES_URL; пусто — Amazon",
    "FILES_REGION": "регион хранилища",
    "FILES_ACCESS_KEY": "ключ хранилища из FILES_URL",
    "FILES_SECRET_KEY": "секрет этого ключа",
    "BIND": "адрес и порт, на котором слушает `make serve`; перед ним стоит обратный прокси с TLS",
    "METRICS_TOKEN": "токен, который спрашивает /metrics",
}


def settings(lang: str) -> str:
    """Every variable with its default and its help."""
    english = {one.variable: one.help for one in SETTINGS.values()}
    helps = translated(english, RUSSIAN, lang)
    rows = [
        (code(one.variable), code(one.default) if one.default else "", helps[one.variable]) for one in SETTINGS.values()
    ]
    return table(
        heads(
            lang,
            Text("Variable", "Переменная"),
            Text("Default", "По умолчанию"),
            Text("What it sets", "Что задаёт"),
        ),
        rows,
    )
