"""What is written to portals: tasks. A message may be held. What an administrator has set about sending."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_OPEN = "state = 'due' OR state = 'doing' OR state = 'unclear'"


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "portal_task",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("lane", sa.String(40), nullable=False),
        sa.Column("message_id", _KEY),
        sa.Column("reply_id", _KEY),
        sa.Column("conversation_id", _KEY),
        sa.Column("payload", sa.Text),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("claimed_at", _MOMENT),
        sa.Column("done_at", _MOMENT),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("again", sa.Integer, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.String(300), nullable=False),
        sa.UniqueConstraint("portal_id", "key"),
    )
    _partial("ix_portal_task_due", "portal_task", ["shard", "due_at"], "state = 'due' OR state = 'unclear'")
    _partial("ix_portal_task_doing", "portal_task", ["shard", "claimed_at"], "state = 'doing'")
    _partial("ix_portal_task_lane", "portal_task", ["portal_id", "lane", "id"], _OPEN)
    _partial("ix_portal_task_failed", "portal_task", ["portal_id", "kind", "id"], "state = 'failed'")
    _partial("ix_portal_task_over", "portal_task", ["done_at"], "done_at IS NOT NULL")
    op.add_column("portal", sa.Column("policy", sa.JSON))
    op.add_column("message", sa.Column("hold", sa.String(10), nullable=False, server_default=sa.text("''")))
    op.add_column("message", sa.Column("held_until", _MOMENT))
    _partial("ix_message_held", "message", ["shard", "held_until"], "status = 'held'")
    _partial("ix_message_held_client", "message", ["conversation_id"], "status = 'held'")


def downgrade() -> None:
    op.drop_index("ix_message_held_client", "message")
    op.drop_index("ix_message_held", "message")
    op.drop_column("message", "held_until")
    op.drop_column("message", "hold")
    op.drop_column("portal", "policy")
    op.drop_table("portal_task")
