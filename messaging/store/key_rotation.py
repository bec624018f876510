"""Rotation of SECRET_KEY: every encrypted value is written again under the newest key, in small transactions."""

from typing import Any

from sqlalchemy import Column, Table, select, type_coerce, update
from sqlalchemy.types import Text

from messaging.store.api import IdempotencyKey
from messaging.store.callbacks import Callback, Endpoint
from messaging.store.campaigns import Campaign
from messaging.store.crypto import Cipher
from messaging.store.database import Database
from messaging.store.kept_files import File
from messaging.store.models import Base
from messaging.store.open_channels import OperatorMessage
from messaging.store.opt_outs import OptOut
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage
from messaging.store.setting import Setting
from messaging.store.types import EncryptedJson, EncryptedText

CHUNK = 500
#: Tables with encrypted columns that stand in modules of their own: the metadata knows them once these are imported.
OTHERS: tuple[type[Base], ...] = (
    Callback,
    Campaign,
    Endpoint,
    File,
    IdempotencyKey,
    OperatorMessage,
    OptOut,
    PortalTask,
    ProviderMessage,
    Setting,
)


def rotate(db: Database, cipher: Cipher) -> int:
    """Rewrite all encrypted values. Safe to repeat, and to interrupt: both keys are known meanwhile. Returns how many."""
    return sum(
        _rotate_column(db, cipher, table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, EncryptedText | EncryptedJson)
    )


def _rotate_column(db: Database, cipher: Cipher, table: Table, column: Column[Any]) -> int:
    (key,) = table.primary_key.columns
    last: Any = None
    count = 0
    while True:
        with db.write() as session:
            encrypted = type_coerce(column, Text)
            query = select(key).where(encrypted.is_not(None), encrypted != "").order_by(key).limit(CHUNK)
            rows = session.scalars(query if last is None else query.where(key > last)).all()
            for row_key in rows:
                # One at a time: a webhook may be megabytes long.
                token = session.scalar(select(encrypted).where(key == row_key))
                if not token:
                    continue
                value = type_coerce(cipher.rotate(token), Text)
                kept = encrypted == token  # somebody may have written a newer value meanwhile
                session.execute(update(table).where(key == row_key, kept).values({column: value}))
        if not rows:
            return count
        count, last = count + len(rows), rows[-1]
