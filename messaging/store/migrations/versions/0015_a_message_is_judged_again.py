"""A message is judged again if it could not leave in time; runs wait for messages of other runs."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITS = sa.text("state = 'waiting' AND awaits_message_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("message", sa.Column("judge_at", sa.DateTime(timezone=True)))
    op.add_column("message", sa.Column("is_awaited", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("run", sa.Column("awaits_message_id", _KEY))
    op.create_index("ix_run_awaits", "run", ["awaits_message_id"], sqlite_where=_WAITS, postgresql_where=_WAITS)


def downgrade() -> None:
    op.drop_index("ix_run_awaits", "run")
    op.drop_column("run", "awaits_message_id")
    op.drop_column("message", "is_awaited")
    op.drop_column("message", "judge_at")
