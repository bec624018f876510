"""How many clients a line may write to first in 24 hours, and when each conversation was opened by a template."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_WHERE = sa.text("opened_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("line", sa.Column("tier", sa.Integer))
    op.add_column("line", sa.Column("tier_by", sa.String(8), nullable=False, server_default=sa.text("''")))
    op.add_column("line", sa.Column("tier_at", sa.DateTime(timezone=True)))
    op.add_column("conversation", sa.Column("opened_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_conversation_opened", "conversation", ["line_id", "opened_at"], sqlite_where=_WHERE, postgresql_where=_WHERE
    )


def downgrade() -> None:
    op.drop_index("ix_conversation_opened", "conversation")
    op.drop_column("conversation", "opened_at")
    op.drop_column("line", "tier_at")
    op.drop_column("line", "tier_by")
    op.drop_column("line", "tier")
