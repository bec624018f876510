"""A client has a user id: WhatsApp tells it beside the phone, or in its place."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TOLD = sa.text("user_key IS NOT NULL")


def upgrade() -> None:
    op.add_column("conversation", sa.Column("user_key", sa.String(length=32), nullable=True))
    op.create_index(
        "ix_conversation_user", "conversation", ["line_id", "user_key"], sqlite_where=_TOLD, postgresql_where=_TOLD
    )


def downgrade() -> None:
    op.drop_index("ix_conversation_user", table_name="conversation")
    op.drop_column("conversation", "user_key")
