"""Drafts of templates, what happened to templates, and which messages used one."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_USES = sa.text("template <> ''")


def upgrade() -> None:
    op.create_table(
        "template_draft",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("line_id", _KEY, sa.ForeignKey("line.id"), nullable=False),
        sa.Column("template_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("updated_at", _MOMENT, nullable=False),
        # A page that is old names a draft by its id: another one must never get it.
        sqlite_autoincrement=True,
    )
    op.create_index("ix_template_draft_list", "template_draft", ["portal_id", "id"])
    op.create_table(
        "template_change",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("line_id", _KEY, sa.ForeignKey("line.id"), nullable=False),
        sa.Column("template_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("before", sa.String(32), nullable=False),
        sa.Column("after", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("at", _MOMENT, nullable=False),
    )
    op.create_index("ix_template_change_of", "template_change", ["line_id", "template_id", "id"])
    op.create_index("ix_template_change_recent", "template_change", ["portal_id", "at"])
    op.create_index(
        "ix_message_template",
        "message",
        ["line_id", "template", "created_at"],
        sqlite_where=_USES,
        postgresql_where=_USES,
    )


def downgrade() -> None:
    op.drop_index("ix_message_template", "message")
    op.drop_table("template_change")
    op.drop_table("template_draft")
