"""Why a line is stopped, when it is looked at again, and what its administrator is still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = {"ix_line_stopped": "stopped_at", "ix_line_probe": "probe_at", "ix_line_news": "news_at"}


def upgrade() -> None:
    for name in ("stopped_at", "resumed_at", "probe_at", "trial_at", "news_at"):
        op.add_column("line", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("line", sa.Column("trial_run_id", _KEY, nullable=True))
    for name, length in (("stop_code", 64), ("stop_reason", 300), ("news", 8), ("news_error", 200)):
        op.add_column("line", sa.Column(name, sa.String(length=length), server_default=sa.text("''"), nullable=False))
    for name in ("probe_tries", "news_tries"):
        op.add_column("line", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    for index, column in _INDEXES.items():
        condition = sa.text(f"{column} IS NOT NULL")
        op.create_index(index, "line", [column], sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for index in _INDEXES:
        op.drop_index(index, table_name="line")
    names = "stopped_at resumed_at probe_at trial_at news_at trial_run_id stop_code stop_reason news news_error"
    for name in (*names.split(), "probe_tries", "news_tries"):
        op.drop_column("line", name)
