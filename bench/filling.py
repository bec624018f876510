"""A portal's database filled with messages as months of work would leave them: calls, messages, webhooks, replies, figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Column, Engine, MetaData, Table, Text, insert, text

from gupshup.templates import TemplateInfo
from messaging.insight import daily
from messaging.runtime import Runtime
from messaging.store.crypto import digest
from messaging.store.models import Base, Line, Portal, shard_of
from messaging.store.reports import SETTLED
from messaging.store.states import Origin
from messaging.store.types import EncryptedJson, EncryptedText
from messaging.system.counters import Counters

CLIENTS, TEMPLATES = 4_000, 50
MEMBER, ORIGIN = "b" * 32, "https://acme.example"
#: Of a hundred messages so many have come so far; the others' runs were refused before they had one.
FATES = (
    *(("read", 40), ("replied", 10), ("delivered", 25), ("sent", 8), ("accepted", 4), ("failed", 6)),
    *(("unknown", 1), ("refused", 6)),
)  # fmt: skip
WAITING = 50


def fill(runtime: Runtime, count: int, span: timedelta) -> int:
    """One portal with two lines and so many runs, the last one now. Returns some run's id."""
    now = runtime.clock()
    portal_id, line_ids = _portal(runtime, now)
    encrypted = _Encrypted(runtime)
    shop = _Shop(portal_id, line_ids, count, now, span)
    with runtime.db.write() as session:
        connection = session.connection()
        for table, rows in (
            ("conversation", shop.conversations(runtime)),
            ("run", shop.runs()),
            ("message", shop.messages()),
            ("inbound_event", shop.events()),
            ("reply", shop.replies()),
        ):
            plain = _plain(table)
            made = [encrypted.into(plain, row) for row in rows]
            connection.execute(insert(plain), made)
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {made[-1]['id']})"))
    _figures(runtime, portal_id, line_ids, now)
    vacuum(runtime.db.engine)
    return count // 2


def vacuum(engine: Engine) -> None:
    """As autovacuum and retention leave the tables; without it PostgreSQL would look into every row."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE"))


def _portal(runtime: Runtime, now: datetime) -> tuple[int, list[int]]:
    with runtime.db.write() as session:
        portal = Portal(
            member_id=MEMBER, client_endpoint=f"{ORIGIN}/rest/", language="ru", registered_at=now, installed_at=now
        )
        session.add(portal)
        session.flush()
        common: dict[str, Any] = {"portal_id": portal.id, "api_key": "k" * 32, "secret": "s" * 32, "connected_at": now}
        lines = [
            Line(
                **common,
                name=name,
                app_name=f"Shop{n}",
                app_id=f"app-{n}",
                phone=f"7495000000{n}",
                secret_digest=str(n),
            )
            for n, name in enumerate(("Магазин", "Доставка"))
        ]
        session.add_all(lines)
        session.flush()
        portal.default_line_id = lines[0].id
        for line in lines:
            line.templates_synced_at = now
            session.execute(insert(Base.metadata.tables["template"]), [_template(line.id, n) for n in range(TEMPLATES)])
        return portal.id, [line.id for line in lines]


def _template(line_id: int, n: int) -> dict[str, Any]:
    body = "Здравствуйте, {{1}}! Заказ {{2}} готов."
    found = TemplateInfo(
        f"template-{n}", f"order_{n}", "ru", "APPROVED", "UTILITY", "TEXT", body=body, body_vars=("1", "2")
    )
    common = {"name": found.name, "language": found.language, "status": found.status}
    return {"line_id": line_id, "template_id": found.id, "data": found.to_dict(), **common}


def _plain(name: str) -> Table:
    """The table without the types that encrypt, so that what is encrypted already can be stored as it is."""
    table = Base.metadata.tables[name]
    columns = [
        Column(
            one.name,
            Text if isinstance(one.type, EncryptedText | EncryptedJson) else one.type,
            default=getattr(one.default, "arg", None),
        )
        for one in table.columns
    ]
    return Table(name, MetaData(), *columns)


class _Encrypted:
    """Each value is encrypted once: encrypting takes longer than all the rest, and nobody sees the difference."""

    def __init__(self, runtime: Runtime) -> None:
        self._cipher = runtime.cipher
        self._known: dict[str, str] = {}

    def into(self, plain: Table, row: dict[str, Any]) -> dict[str, Any]:
        types = {column.name: column.type for column in Base.metadata.tables[plain.name].columns}
        for name, value in row.items():
            if value is not None and isinstance(types[name], EncryptedText | EncryptedJson):
                words = json.dumps(value, ensure_ascii=False) if isinstance(types[name], EncryptedJson) else value
                row[name] = self._known.get(words) or self._known.setdefault(words, self._cipher.encrypt(words))
        return row


@dataclass
class _Shop:
    """The rows of one portal, each numbered from 1."""

    portal_id: int
    line_ids: list[int]
    count: int
    now: datetime
    span: timedelta

    def __post_init__(self) -> None:
        self._fates = [fate for fate, share in FATES for _ in range(share)]

    def _at(self, n: int) -> datetime:
        return self.now - self.span * (self.count - n) / self.count

    def _fate(self, n: int) -> str:
        return "queued" if n > self.count - WAITING else self._fates[n * 37 % 100]

    def _line(self, n: int) -> int:
        return self.line_ids[n % 3 == 0]

    def _talk(self, n: int) -> int:
        return n * 7 % CLIENTS + 1

    def conversations(self, runtime: Runtime) -> Iterator[dict[str, Any]]:
        for n in range(1, CLIENTS + 1):
            phone = f"7912{1_000_000 + n}"
            yield {
                "id": n,
                "line_id": self._line(n),
                "phone": phone,
                "phone_key": runtime.phone_key(phone),
                "last_inbound_at": self.now,
                "last_activity_at": self.now,
            }

    def runs(self) -> Iterator[dict[str, Any]]:
        for n in range(1, self.count + 1):
            at, fate = self._at(n), self._fate(n)
            waits = fate == "queued"
            outcome = {"queued": "", "refused": "failed"}.get(fate, fate)
            yield {
                "id": n,
                "trace": f"{n:012x}",
                "portal_id": self.portal_id,
                "shard": shard_of(self.portal_id),
                "side": "robots",
                "action": ("send_template", "send_text", "send_buttons", "send_file")[n % 7 % 4],
                "event_token": "" if waits else "token",
                "token_digest": digest(str(n)),
                "document": ["crm", "CCrmDocumentDeal", "DEAL", f"DEAL_{n % 5000}"],
                "item": f"DEAL_{n % 5000}",
                "properties": {"phone": "", "template": "template-1", "wait_minutes": "60"},
                "auth": {"member_id": MEMBER},
                "waits": True,
                "stored_at": at,
                "deadline_at": at + timedelta(hours=1),
                "state": "waiting" if waits else "ended",
                "plan_at": at,
                "plan_tries": 0,
                "until": "read",
                "line_id": self._line(n),
                "conversation_id": self._talk(n) if fate != "refused" else None,
                "outcome": outcome,
                "error_code": {"refused": "template_not_found", "failed": "131049"}.get(fate, ""),
                "answer": {"status": outcome, "error_text": "Шаблон не найден"},
                "note": "",
                "log_line": "Отправлено",
                "ended_at": None if waits else at + timedelta(minutes=1),
                "answer_tries": 0,
                "answers_sent": 2,
                "answered_at": None if waits else at + timedelta(minutes=1),
            }

    def messages(self) -> Iterator[dict[str, Any]]:
        form = {"template": json.dumps({"id": "template-1", "params": ["Ольга", "A-17"]}, ensure_ascii=False)}
        order = ("accepted", "sent", "delivered", "read")
        for n in range(1, self.count + 1):
            at, fate = self._at(n), self._fate(n)
            if fate == "refused":
                continue
            status = {"replied": "read"}.get(fate, fate)
            reached = order.index(status) + 1 if status in order else 1 if status == "failed" else 0
            times = {f"{name}_at": at + timedelta(seconds=nth) for nth, name in enumerate(order[:reached], 1)}
            yield {
                "id": n,
                "origin": Origin.ROBOT,
                "origin_id": n,
                "run_id": n,
                "portal_id": self.portal_id,
                "shard": shard_of(self.portal_id),
                "position": n,
                "line_id": self._line(n),
                "conversation_id": self._talk(n),
                "kind": "template",
                "is_session": False,
                "payload": {"form": form},
                "status": status,
                "created_at": at,
                "send_at": at,
                "attempts": 1,
                "fence": 1,
                "claimed_at": None if status == "queued" else at,
                **{f"{name}_at": times.get(f"{name}_at") for name in order},
                "failed_at": at + timedelta(seconds=9) if status == "failed" else None,
                "gupshup_id": f"gs-{n}" if reached else None,
                "whatsapp_id": f"wamid-{n}" if reached else None,
                "error_code": "131049" if status == "failed" else "",
                "error_reason": "ecosystem" if status == "failed" else "",
            }

    def events(self) -> Iterator[dict[str, Any]]:
        for n in range(1, self.count + 1):
            yield {
                "id": n,
                "line_id": self._line(n),
                "shard": shard_of(self.portal_id),
                "key": digest(f"event {n}"),
                "body": "{}",
                "label": "message-event.delivered",
                "ref": f"gs-{n}",
                "received_at": self._at(n),
                "due_at": self._at(n),
                "state": "done",
            }

    def replies(self) -> Iterator[dict[str, Any]]:
        for n in range(1, self.count + 1):
            yield {
                "id": n,
                "line_id": self._line(n),
                "conversation_id": self._talk(n),
                "provider_id": f"reply-{n}",
                "type": "text",
                "content": {"text": "Да"},
                "at": self._at(n),
                "received_at": self._at(n),
                "shard": shard_of(self.portal_id),
                "fetch_tries": 0,
                "run_id": n if self._fate(n) == "replied" else None,
            }


def _figures(runtime: Runtime, portal_id: int, line_ids: list[int], now: datetime) -> None:
    """What the worker has counted by day and by hour, and what Redis keeps by hour."""
    for back in range(SETTLED.days + 1):
        for _ in daily.count(runtime, (now - timedelta(days=back)).date()):
            pass
    for back in range(24):
        counters = Counters(partial(_earlier, now, back))
        for line_id in line_ids:
            for seconds in (0.05, 0.2, 0.4, 1.5, 8, 40):
                counters.seconds_to_provider(line_id, seconds, portal_id)
        for kind in ("enqueued", "sent", "delivered", "read", "failed"):
            counters.add("webhooks", f"message-event.{kind}", by=2_000, portal=portal_id)
        for action in ("send_template", "send_text", "send_buttons", "send_file"):
            counters.add("runs_received", "robots", action, by=500, portal=portal_id)
        for line_id in line_ids:
            for outcome in ("read", "replied", "delivered", "accepted", "failed", "timeout", "unknown"):
                counters.add("runs_ended", line_id, outcome, by=150, portal=portal_id)
            for code in ("131049", "template_not_found", "window_closed", "131026"):
                counters.add("refusals", line_id, code, by=30, portal=portal_id)
        for name, labels in {"webhooks_unknown": (), "answers": ("ok",), "rest_calls": ("batch",)}.items():
            counters.add(name, *labels, by=2_000, portal=portal_id)
        counters.flush(runtime.redis)


def _earlier(now: datetime, hours: int) -> datetime:
    return now - timedelta(hours=hours)
