"""What was seen in the traffic: open points of the vendors' documentation, and shapes of unknown and refused payloads."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "observation",
        sa.Column("portal_id", _KEY, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("what", sa.String(2000), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", _KEY, nullable=False),
    )
    op.create_index("ix_observation_last", "observation", ["last_seen"])


def downgrade() -> None:
    op.drop_table("observation")
