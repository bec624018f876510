"""How much room a portal's files take, without reading the table."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_file_portal", "file", ["portal_id", "size"])


def downgrade() -> None:
    op.drop_index("ix_file_portal", table_name="file")
