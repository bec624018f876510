"""What lines sent is kept by hour, because a day begins elsewhere in each time zone; failed runs are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FAILED = sa.text("outcome = 'failed'")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "hour_tally",
        sa.Column("line_id", key, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["line.id"]),
        sa.PrimaryKeyConstraint("line_id", "hour", "status"),
    )
    op.create_index("ix_hour_tally_hour", "hour_tally", ["hour"])
    columns = ["portal_id", "stored_at", "id", "line_id", "error_code"]
    op.create_index("ix_run_failed", "run", columns, sqlite_where=FAILED, postgresql_where=FAILED)


def downgrade() -> None:
    op.drop_index("ix_run_failed", table_name="run")
    op.drop_table("hour_tally")
