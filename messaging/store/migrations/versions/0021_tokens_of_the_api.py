"""Tokens of the REST API, and its calls that must not be done twice."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("tail", sa.String(4), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
        sa.UniqueConstraint("digest"),
        # A page revokes a token by its id: another one must never get it.
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_token_portal", "api_token", ["portal_id", "id"])
    op.create_table(
        "idempotency_key",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("token_id", _KEY, sa.ForeignKey("api_token.id"), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("body_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("answer", sa.Text),
        sa.Column("run_id", _KEY),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("busy_until", _MOMENT),
        sa.UniqueConstraint("token_id", "digest"),
    )
    op.create_index("ix_idempotency_key_old", "idempotency_key", ["created_at"])
    op.create_index("ix_reply_line", "reply", ["line_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_reply_line", "reply")
    op.drop_table("idempotency_key")
    op.drop_table("api_token")
