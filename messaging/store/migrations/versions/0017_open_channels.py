"""Open Channels: the open line of a line, the chats of clients, what operators write."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "open_line",
        sa.Column("line_id", _KEY, sa.ForeignKey("line.id"), primary_key=True, autoincrement=False),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("open_line_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("warnings", sa.JSON),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("error", sa.String(300), nullable=False),
        sa.UniqueConstraint("portal_id", "open_line_id"),
    )
    op.create_table(
        "client_chat",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("conversation_id", _KEY, nullable=False),
        sa.Column("open_line_id", sa.Integer, nullable=False),
        sa.Column("chat_id", _KEY, nullable=False),
        sa.Column("known_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("conversation_id", "open_line_id"),
    )
    op.create_index("ix_client_chat_chat", "client_chat", ["portal_id", "chat_id"])
    op.create_table(
        "operator_message",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("portal_id", _KEY, sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("line_id", _KEY, sa.ForeignKey("line.id"), nullable=False),
        sa.Column("conversation_id", _KEY, nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("chat_id", _KEY),
        sa.Column("im_message_id", _KEY),
        sa.Column("user_id", _KEY),
        sa.Column("position", _KEY, nullable=False),
        sa.Column("content", sa.Text),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.UniqueConstraint("portal_id", "key"),
    )
    _partial("ix_operator_message_due", "operator_message", ["shard", "due_at"], "state = 'stored'")
    _partial("ix_operator_message_lane", "operator_message", ["conversation_id", "id"], "state = 'stored'")
    im = "im_message_id IS NOT NULL"
    _partial("ix_operator_message_im", "operator_message", ["portal_id", "im_message_id"], im)
    op.create_index("ix_operator_message_created", "operator_message", ["created_at"])


def downgrade() -> None:
    op.drop_table("operator_message")
    op.drop_table("client_chat")
    op.drop_table("open_line")
