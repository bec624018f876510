"""Addresses of customers' systems, and what they are told."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("key", sa.String(32), nullable=False, unique=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("origins", sa.JSON, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_until", _MOMENT),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("off_reason", sa.String(10), nullable=False),
        sa.Column("off_at", _MOMENT),
        sa.Column("failing_since", _MOMENT),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.String(40), nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("missed_at", _MOMENT),
        sa.Column("created_by", _KEY, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        # A thread that still delivers to a deleted endpoint must never find another one under its id.
        sqlite_autoincrement=True,
    )
    op.create_index("ix_endpoint_portal", "endpoint", ["portal_id", "id"])
    _partial("ix_endpoint_due", "endpoint", ["shard", "due_at"], "due_at IS NOT NULL")
    _partial("ix_endpoint_removed", "endpoint", ["id"], "state = 'removed'")
    op.create_table(
        "callback",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("endpoint_id", _KEY, sa.ForeignKey("endpoint.id"), nullable=False),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("lane", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("tried_at", _MOMENT),
        sa.Column("took_ms", sa.Integer),
        sa.Column("code", sa.SmallInteger),
        sa.Column("error", sa.String(40), nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("ended_at", _MOMENT),
        # SQLite would give the id of a deleted row to another event, and a late result would end that one.
        sqlite_autoincrement=True,
    )
    _partial("ix_callback_new", "callback", ["shard", "id"], "state = 'new'")
    _partial("ix_callback_waiting", "callback", ["endpoint_id", "id", "due_at"], "state = 'waiting'")
    _partial("ix_callback_next", "callback", ["endpoint_id", "due_at"], "state = 'waiting'")
    _partial("ix_callback_lane", "callback", ["endpoint_id", "lane", "id", "due_at"], "state = 'waiting'")
    op.create_index("ix_callback_endpoint", "callback", ["endpoint_id", "id"])
    _partial("ix_callback_ended", "callback", ["state", "ended_at"], "ended_at IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_table("callback")
    op.drop_table("endpoint")
