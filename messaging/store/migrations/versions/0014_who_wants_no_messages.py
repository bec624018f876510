"""Clients who want no messages. Marketing messages of a conversation are found without the others."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "opt_out",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("line_id", _KEY, nullable=False),
        sa.Column("phone", sa.Text, nullable=False),
        sa.Column("phone_key", sa.String(32), nullable=False),
        sa.Column("alias_key", sa.String(32)),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("run_id", _KEY),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("portal_id", "phone_key", "line_id"),
        # The page lifts an entry by its id: another client must never get it.
        sqlite_autoincrement=True,
    )
    _partial("ix_opt_out_alias", "opt_out", ["portal_id", "alias_key"], "alias_key IS NOT NULL")
    op.create_index("ix_opt_out_list", "opt_out", ["portal_id", "id"])
    _partial("ix_message_marketing", "message", ["conversation_id", "id"], "category = 'MARKETING'")


def downgrade() -> None:
    op.drop_index("ix_message_marketing", "message")
    op.drop_table("opt_out")
