"""What people look runs up by: a portal's runs in their order, the object they ran on, the messages that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FAILED = sa.text("status = 'failed'")


def upgrade() -> None:
    op.add_column("run", sa.Column("item", sa.String(length=64), server_default=sa.text("''"), nullable=False))
    fourth = "json_extract(document, '$[3]')" if op.get_bind().dialect.name == "sqlite" else "document ->> 3"
    op.execute(f"UPDATE run SET item = substr({fourth}, 1, 64) WHERE {fourth} IS NOT NULL")
    op.create_index(
        "ix_run_portal", "run", ["portal_id", "id", "stored_at", "action", "line_id", "outcome", "error_code"]
    )
    op.create_index("ix_run_item", "run", ["portal_id", "item"])
    op.create_index(
        "ix_message_failed",
        "message",
        ["portal_id", "run_id", "error_code", "line_id"],
        sqlite_where=_FAILED,
        postgresql_where=_FAILED,
    )


def downgrade() -> None:
    op.drop_index("ix_message_failed", table_name="message")
    op.drop_index("ix_run_item", table_name="run")
    op.drop_index("ix_run_portal", table_name="run")
    op.drop_column("run", "item")
