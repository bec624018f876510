"""The message provider: what a portal has handed over to be sent, and how each line sends it."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_STORED = "state = 'stored'"


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "line_sender",
        sa.Column("line_id", _KEY, sa.ForeignKey("line.id"), primary_key=True, autoincrement=False),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("template_id", sa.String(64), nullable=False),
        sa.Column("quiet", sa.String(8), nullable=False),
    )
    op.create_table(
        "provider_message",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("line_id", _KEY, nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("content", sa.Text),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.UniqueConstraint("portal_id", "message_id"),
    )
    _partial("ix_provider_message_due", "provider_message", ["shard", "due_at"], _STORED)
    _partial("ix_provider_message_lane", "provider_message", ["line_id", "client", "id"], _STORED)
    op.create_index("ix_provider_message_created", "provider_message", ["created_at"])


def downgrade() -> None:
    op.drop_table("provider_message")
    op.drop_table("line_sender")
