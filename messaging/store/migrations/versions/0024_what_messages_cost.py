"""What messages cost, by prices with dates and by Gupshup's word; balances and budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_SPENT = sa.text("cost IS NOT NULL")
_ASKED = sa.text("due_at IS NOT NULL")


def _word(name: str, length: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def upgrade() -> None:
    for column in (
        *(sa.Column("estimate", sa.BigInteger), sa.Column("cost", sa.BigInteger), _word("currency", 3)),
        *(sa.Column("billed", sa.SmallInteger), _word("billed_category", 40)),
    ):
        op.add_column("message", column)
    op.create_index(
        "ix_message_spent", "message", ["line_id", "created_at"], sqlite_where=_SPENT, postgresql_where=_SPENT
    )
    op.add_column("campaign", sa.Column("budget", sa.BigInteger))
    op.add_column("campaign", _word("budget_currency", 3))
    op.add_column("portal", sa.Column("prices_version", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "price",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        *(sa.Column("country", sa.String(2), nullable=False), sa.Column("category", sa.String(40), nullable=False)),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("portal_id", "country", "category", "since"),
        # The page removes a price by its id: another one must never get it.
        sqlite_autoincrement=True,
    )
    op.create_table(
        "line_account",
        sa.Column("line_id", _KEY, sa.ForeignKey("line.id"), primary_key=True, autoincrement=False),
        sa.Column("shard", sa.Integer, nullable=False),
        *(sa.Column("budget", sa.BigInteger), _word("budget_currency", 3)),
        sa.Column("balance", sa.BigInteger),
        sa.Column("overdraft", sa.BigInteger, nullable=False, server_default="0"),
        _word("currency", 3),
        sa.Column("balance_at", _MOMENT),
        *(_word("quality", 10), sa.Column("quality_at", _MOMENT)),
        *(sa.Column("info", sa.JSON), sa.Column("info_at", _MOMENT)),
        sa.Column("due_at", _MOMENT),
        sa.Column("tries", sa.SmallInteger, nullable=False, server_default="0"),
        _word("problem", 300),
    )
    op.create_index(
        "ix_line_account_due", "line_account", ["shard", "due_at"], sqlite_where=_ASKED, postgresql_where=_ASKED
    )


def downgrade() -> None:
    for table in ("line_account", "price"):
        op.drop_table(table)
    op.drop_column("portal", "prices_version")
    op.drop_column("campaign", "budget_currency")
    op.drop_column("campaign", "budget")
    op.drop_index("ix_message_spent", "message")
    for column in ("billed_category", "billed", "currency", "cost", "estimate"):
        op.drop_column("message", column)
