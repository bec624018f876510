"""Messages that no run asks for are listed and deleted too. Whether a message is shown in its item's timeline."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_LONE = "run_id IS NULL"


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "message", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_index("ix_portal_task_kind", "portal_task", ["portal_id", "kind", "id"])
    op.add_column("message", sa.Column("timeline", sa.Boolean, nullable=False, server_default=sa.true()))
    _partial("ix_message_lone", ["portal_id", "position", "id"], _LONE)
    _partial("ix_message_lone_item", ["portal_id", "item"], _LONE)
    _partial("ix_message_lone_texts", ["created_at"], f"{_LONE} AND payload IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_portal_task_kind", "portal_task")
    for name in ("ix_message_lone_texts", "ix_message_lone_item", "ix_message_lone"):
        op.drop_index(name, "message")
    op.drop_column("message", "timeline")
