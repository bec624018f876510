"""The country in which a portal's numbers without a country code are read, when an administrator has chosen it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("portal", sa.Column("phone_region", sa.String(2), nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    op.drop_column("portal", "phone_region")
