"""What reports add up, by day or month and key; who wrote a message, and what its client did about it."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_WORDS = {"origin": 10, "action": 40, "template": 512, "category": 20, "country": 2, "currency": 3}
_IDS = ("line_id", "campaign_id", "author_id")
_COUNTS = (
    *("held", "queued", "sending", "unknown", "accepted", "sent", "delivered", "read", "failed", "dropped"),
    *("replied", "opted_out", "priced", "billed"),
)


def upgrade() -> None:
    for column in (sa.Column("author_id", _KEY), sa.Column("replied_at", _MOMENT), sa.Column("opted_out_at", _MOMENT)):
        op.add_column("message", column)
    op.create_table(
        "report_key",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        *(sa.Column(name, _KEY, nullable=False) for name in _IDS),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in _WORDS.items()),
        sa.UniqueConstraint("portal_id", "digest"),
        # A count that is under way must never find another key under its id.
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_key_last", "report_key", ["last_day"])
    for table, at in (("report_day", "day"), ("report_month", "month")):
        op.create_table(
            table,
            sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), primary_key=True, autoincrement=False),
            sa.Column(at, sa.Date, primary_key=True),
            sa.Column("key_id", _KEY, primary_key=True, autoincrement=False),
            *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
            sa.Column("cost", sa.BigInteger, nullable=False),
            sqlite_with_rowid=False,
        )
    op.create_index("ix_report_day_day", "report_day", ["day", "portal_id"])
    op.create_index("ix_report_month_month", "report_month", ["month"])
    recount = op.create_table(
        "recount",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("is_past", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("has_begun", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    _count_the_past(recount)


def _count_the_past(recount: sa.Table) -> None:
    """Have the worker count every day since the oldest message."""
    message = sa.table("message", sa.column("id"), sa.column("created_at", _MOMENT))
    oldest = op.get_bind().scalar(sa.select(message.c.created_at).order_by(message.c.id).limit(1))
    if oldest is None:
        return
    today = datetime.now(UTC).date()
    first = min(today, oldest.date()) - timedelta(days=1)
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    op.bulk_insert(recount, [{"day": day, "is_past": True, "has_begun": False} for day in days])


def downgrade() -> None:
    for table in ("recount", "report_month", "report_day", "report_key"):
        op.drop_table(table)
    for column in ("opted_out_at", "replied_at", "author_id"):
        op.drop_column("message", column)
