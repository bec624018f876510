"""Campaigns, their recipients, and the rows of files that are none."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _text(name: str, length: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", _KEY, primary_key=True),
        _text("key", 32),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        *(_text("name", 200), _text("state", 10), _text("paused_reason", 20)),
        sa.Column("line_ids", sa.JSON, nullable=False),
        *(_text("template", 512), _text("language", 16), _text("digest", 64), _text("category", 20)),
        *(sa.Column("mapping", sa.Text), sa.Column("audience", sa.Text)),
        _text("hours", 11),
        sa.Column("per_minute", sa.Integer),
        *(sa.Column("start_at", _MOMENT), sa.Column("read_at", _MOMENT), sa.Column("checked_at", _MOMENT)),
        sa.Column("cursor", sa.JSON),
        sa.Column("checked_id", _KEY, nullable=False),
        sa.Column("reads", sa.Integer, nullable=False),
        sa.Column("wants_check", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("problem", sa.JSON),
        *(sa.Column("due_at", _MOMENT), sa.Column("fed_at", _MOMENT)),
        sa.Column("tries", sa.SmallInteger, nullable=False),
        sa.Column("allowed_failures", sa.Integer, nullable=False),
        sa.Column("created_by", _KEY, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        *(sa.Column("started_at", _MOMENT), sa.Column("ended_at", _MOMENT)),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_campaign_portal", "campaign", ["portal_id", "id"])
    _partial("ix_campaign_due", "campaign", ["shard", "due_at"], "due_at IS NOT NULL")
    op.create_table(
        "recipient",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("campaign_id", _KEY, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("phone", sa.Text, nullable=False),
        sa.Column("phone_key", sa.String(32)),
        _text("country", 2),
        sa.Column("line_id", _KEY),
        _text("item", 64),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("values", sa.Text),
        *(_text("state", 8), _text("reason", 20)),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("message_id", _KEY),
        sa.Column("replied_at", _MOMENT),
        sa.UniqueConstraint("campaign_id", "phone_key"),
        sqlite_autoincrement=True,
    )
    _partial("ix_recipient_pending", "recipient", ["campaign_id", "line_id", "due_at", "id"], "state = 'pending'")
    op.create_index("ix_recipient_state", "recipient", ["campaign_id", "state", "reason", "id"])
    op.create_index("ix_recipient_campaign", "recipient", ["campaign_id", "id"])
    _partial("ix_recipient_replied", "recipient", ["campaign_id", "replied_at"], "replied_at IS NOT NULL")
    op.create_table(
        "refused_row",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("campaign_id", _KEY, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        _text("reason", 40),
    )
    op.create_index("ix_refused_row_campaign", "refused_row", ["campaign_id", "id"])
    op.add_column("message", sa.Column("campaign_id", _KEY))
    _partial("ix_message_campaign", "message", ["campaign_id", "status", "error_code"], "campaign_id IS NOT NULL")
    _partial("ix_message_campaign_client", "message", ["conversation_id", "id"], "campaign_id IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_message_campaign_client", "message")
    op.drop_index("ix_message_campaign", "message")
    op.drop_column("message", "campaign_id")
    for table in ("refused_row", "recipient", "campaign"):
        op.drop_table(table)
