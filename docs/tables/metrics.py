"""The table of what /metrics shows, asked of a small installation that is made for it."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from bx24.i18n import Text
from docs.tables.words import code, heads, table, translated
from messaging.runtime import Runtime, open_runtime
from messaging.store import schema
from messaging.store.models import Line, Portal
from messaging.system import config, embedded_redis
from messaging.system.counters import HASH, HELP

#: Metric → its help in Russian; the English one is what /metrics says.
RUSSIAN: Mapping[str, str] = {
    "waba24_runs_received_total": "принятые вызовы роботов и действий",
    "waba24_runs_ended_total": "завершённые запуски, по результату",
    "waba24_webhooks_total": "уведомления Gupshup, по видам",
    "waba24_webhooks_unknown_total": "уведомления, которые сохранены, но не распознаны",
    "waba24_answers_total": "ответы, переданные Битрикс24",
    "waba24_callbacks_total": "попытки доставить события на вебхуки клиентов, по результату",
    "waba24_operator_messages_total": "что операторы написали в чатах: по линиям и что с этим стало",
    "waba24_provider_messages_total": "сообщения, которые передал портал: по линиям и что с ними стало",
    "waba24_rest_calls_total": "вызовы REST Битрикс24",
    "waba24_portal_writes_total": "записи в портал, кроме ответов процессам: по видам и по тому, чем закончились",
    "waba24_refusals_total": "отклонённые сообщения, по кодам",
    "waba24_rows_without_room_total": "вызовы и уведомления, которые не записаны, потому что диск полон, по таблицам",
    "waba24_requests_refused_total": "отклонённые запросы: куда пришли и почему, см. «Пределы»",
    "waba24_portal_pauses_total": "паузы после медленного ответа портала: от 5 до 60 с его не спрашивают",
    "waba24_spooled_total": "вызовы и уведомления, отложенные, пока недоступна база",
    "waba24_spool_replayed_total": "отложенные вызовы и уведомления: что с ними стало",
    "waba24_spool_refused_total": "вызовы и уведомления, которым не нашлось места среди отложенных: потеряны",
    "waba24_spool_entries": "вызовы и уведомления, которые ждут, пока вернётся база",
    "waba24_spool_bytes": "сколько байт они занимают в DATA_DIR",
    "waba24_spool_oldest_seconds": "возраст самого старого из них",
    "waba24_spool_held_bytes": "сколько байт занимают вызовы, которые ждут, пока сервер авторизации подтвердит их портал",
    "waba24_spool_set_aside_bytes": "сколько байт отложенного не удалось прочитать или сохранить",
    "waba24_workers": "сколько процессов воркера живы, не меньше",
    "waba24_seconds_to_provider": "секунды от вызова робота до приёма в Gupshup",
    "waba24_disk_free_bytes": "свободное место на диске с DATA_DIR",
    "waba24_messages": "сообщения за сегодня (по UTC) по статусам, пересчёт каждые пять минут",
    "waba24_queue_depth": "сколько ждёт обработки",
    "waba24_queue_oldest_seconds": "возраст самого старого из ждущих",
    "waba24_lines_stopped": "1 для каждой остановленной линии, с кодом причины",
    "waba24_line_pace": "сколько сообщений в секунду линия может отправлять сейчас",
    "waba24_endpoints": "вебхуки клиентов: on — работают, failing — включены, но ничего не принимают, off — отключены",
    "waba24_callbacks_waiting": "события, которые ждут вебхуков клиентов",
    "waba24_lines_paused": "1 для каждой линии, которую поставили на паузу",
}
_KINDS = {
    "counter": Text("counter", "счётчик"),
    "gauge": Text("gauge", "значение"),
    "histogram": Text("histogram", "гистограмма"),
}


_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
#: Labels of what has no sample before a message was sent.
_LABELS: Mapping[str, Sequence[str]] = {"waba24_messages": ("line", "status")}


@cache
def collected() -> tuple[Metric, ...]:
    """The families of /metrics, as an installation shows them whose only line is stopped and paused."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = open_runtime(config.load({"DATA_DIR": folder}))
        try:
            schema.upgrade(runtime.db.engine)
            _add_line(runtime)
            answer = create_app(runtime).test_client().get("/metrics", base_url="http://localhost")
        finally:
            runtime.close()
            embedded_redis.stop(Path(folder))
    return tuple(text_string_to_metric_families(answer.get_data(as_text=True)))


def _add_line(runtime: Runtime) -> None:
    portal = Portal(member_id="one", client_endpoint="https://one.example/rest/", installed_at=_SINCE)
    line = Line(
        portal=portal,
        phone="79001112233",
        app_name="one",
        secret_digest="0",
        connected_at=_SINCE,
        stopped_at=_SINCE,
        stop_code="1003",
        paused_at=_SINCE,
    )
    with runtime.db.write() as session:
        session.add_all([portal, line])
    runtime.redis.hset(HASH, "to_provider|1|1", 1)


def shown_name(family: Metric) -> str:
    """As Prometheus stores it: the name of a counter ends in _total."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def _labels(family: Metric) -> Sequence[str]:
    counted = HELP.get(family.name.removeprefix("waba24_"))
    if counted is not None:
        return counted[1]
    if not family.samples:
        return _LABELS[family.name]
    return [label for label in family.samples[0].labels if label != "le"]


def metrics(lang: str) -> str:
    """Every family with its labels, its kind and its help."""
    families = collected()
    helps = translated({shown_name(one): one.documentation for one in families}, RUSSIAN, lang)
    rows = [(code(_with_labels(one)), _KINDS[one.type].to(lang), helps[shown_name(one)]) for one in families]
    columns = heads(lang, Text("Metric", "Показатель"), Text("Kind", "Вид"), Text("What it shows", "Что показывает"))
    return table(columns, rows)


def _with_labels(family: Metric) -> str:
    labels = ",".join(_labels(family))
    return f"{shown_name(family)}{{{labels}}}" if labels else shown_name(family)
