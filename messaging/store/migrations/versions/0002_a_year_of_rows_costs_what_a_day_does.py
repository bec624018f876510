"""A year of rows costs what a day does: narrow indexes for the queues, some for retention, a table of daily figures.

No column changes: on SQLite that would copy the largest tables, with nothing answered meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: name, table, columns, condition before ("" = none, None = no index), condition after.
INDEXES: tuple[tuple[str, str, list[str], str | None, str | None], ...] = (
    ("ix_run_workflow", "run", ["portal_id", "workflow_id"], "", None),
    ("ix_run_conversation", "run", ["conversation_id"], None, "conversation_id IS NOT NULL"),
    ("ix_run_texts", "run", ["ended_at"], None, "state = 'ended' AND event_token <> ''"),
    (
        "ix_message_lane",
        "message",
        ["conversation_id", "run_id"],
        "status IN ('queued', 'sending')",
        "status = 'queued' OR status = 'sending'",
    ),
    ("ix_message_flight", "message", ["shard", "status"], "status IN ('sending', 'unknown')", None),
    (
        "ix_message_flight",
        "message",
        ["shard", "status", "claimed_at"],
        None,
        "status = 'sending' OR status = 'unknown'",
    ),
    ("ix_message_gupshup", "message", ["gupshup_id"], "", "gupshup_id IS NOT NULL"),
    ("ix_message_whatsapp", "message", ["whatsapp_id"], "", "whatsapp_id IS NOT NULL"),
    ("ix_inbound_ref", "inbound_event", ["ref"], "", "state = 'stored'"),
    ("ix_reply_run", "reply", ["run_id"], "", "run_id IS NOT NULL"),
    ("ix_reply_texts", "reply", ["received_at"], None, "content <> ''"),
    ("ix_conversation_alias", "conversation", ["line_id", "alias_key"], "", "alias_key IS NOT NULL"),
)


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "tally",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("line_id", key, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["line.id"]),
        sa.PrimaryKeyConstraint("day", "line_id", "status"),
    )
    # A call or webhook that is repeated across the upgrade must be known again.
    op.execute("UPDATE run SET token_digest = substr(token_digest, 1, 32) WHERE length(token_digest) > 32")
    op.execute("UPDATE inbound_event SET key = substr(key, 1, 32) WHERE length(key) > 32")
    for name, table, columns, before, after in INDEXES:
        _replace(name, table, columns, before, after)


def downgrade() -> None:
    """The digests stay short: a call or webhook stored before is not known again."""
    for name, table, columns, before, after in reversed(INDEXES):
        _replace(name, table, columns, after, before)
    op.drop_table("tally")


def _replace(name: str, table: str, columns: list[str], before: str | None, after: str | None) -> None:
    if before is not None:
        op.drop_index(name, table_name=table)
    if after is not None:
        where = sa.text(after) if after else None
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
