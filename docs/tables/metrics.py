"""The table of what /metrics shows, read from an installation without portals."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import cast

from cryptography.fernet import Fernet
from prometheus_client.core import CounterMetricFamily, Metric
from redis import Redis

from bx24.i18n import Text
from docs.tables.words import code, heads, table, translated
from messaging.insight.prometheus import Figures
from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine
from messaging.store.models import Base, Line, Portal, Tally
from messaging.system.counters import HASH, HELP

#: Metric → its help in Russian; the English one is what /metrics says.
RUSSIAN: Mapping[str, str] = {
    "waba24_runs_received_total": "принятые вызовы роботов и действий",
    "waba24_runs_ended_total": "завершённые запуски, по результату",
    "waba24_webhooks_total": "уведомления Gupshup, по видам",
    "waba24_webhooks_unknown_total": "уведомления, которые сохранены, но не распознаны",
    "waba24_answers_total": "ответы, переданные Битрикс24",
    "waba24_rest_calls_total": "вызовы REST Битрикс24",
    "waba24_refusals_total": "отклонённые сообщения, по кодам",
    "waba24_rows_without_room_total": "вызовы и уведомления, которые не записаны, потому что диск полон, по таблицам",
    "waba24_requests_refused_total": "отклонённые запросы: куда пришли и почему, см. «Пределы»",
    "waba24_seconds_to_provider": "секунды от вызова робота до приёма в Gupshup",
    "waba24_disk_free_bytes": "свободное место на диске с DATA_DIR",
    "waba24_messages": "сообщения за сегодня (по UTC) по статусам, пересчёт каждые пять минут",
    "waba24_queue_depth": "сколько ждёт обработки",
    "waba24_queue_oldest_seconds": "возраст самого старого из ждущих",
    "waba24_lines_stopped": "1 для каждой остановленной линии, с кодом причины",
    "waba24_line_pace": "сколько сообщений в секунду линия может отправлять сейчас",
    "waba24_lines_paused": "1 для каждой линии, которую поставили на паузу",
}
_KINDS = {
    "counter": Text("counter", "счётчик"),
    "gauge": Text("gauge", "значение"),
    "histogram": Text("histogram", "гистограмма"),
}


_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class _Counted:
    """What the figures ask of Redis: one message has reached its provider."""

    def hgetall(self, name: str) -> dict[bytes, bytes]:
        return {b"to_provider|1|1": b"1"} if name == HASH else {}


@cache
def collected() -> tuple[Metric, ...]:
    """The families of /metrics of one line that is stopped and paused and has sent a message: each gauge has a sample."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(open_engine(f"sqlite:///{folder}/one.db", Cipher((Fernet.generate_key().decode(),))))
        Base.metadata.create_all(database.engine)
        with database.write() as session:
            portal = Portal(member_id="one", client_endpoint="https://one.example/rest/", installed_at=_NOW)
            line = _line(portal)
            session.add_all([portal, line])
            session.flush()
            session.add(Tally(day=_NOW.date(), line_id=line.id, status="read", count=1))
        families = tuple(Figures(database, cast(Redis, _Counted()), _NOW, Path(folder)).collect())
        database.engine.dispose()
    return families


def _line(portal: Portal) -> Line:
    return Line(
        portal=portal,
        phone="79001112233",
        app_name="one",
        secret_digest="0",
        connected_at=_NOW,
        stopped_at=_NOW,
        stop_code="1003",
        paused_at=_NOW,
    )


def shown_name(family: Metric) -> str:
    """As Prometheus stores it: the name of a counter ends in _total."""
    return f"{family.name}_total" if isinstance(family, CounterMetricFamily) else family.name


def _labels(family: Metric) -> Sequence[str]:
    counted = HELP.get(family.name.removeprefix("waba24_"))
    if counted is not None:
        return counted[1]
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
