"""A line can be paused: since when, and by which user of the portal."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("line", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("line", sa.Column("paused_by", _KEY, nullable=True))


def downgrade() -> None:
    op.drop_column("line", "paused_by")
    op.drop_column("line", "paused_at")
