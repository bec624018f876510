"""A message stands on its own: where it comes from, its place in the queues, and what reports will ask for.

A robot's message keeps its run. `send_at` is empty while the line is paused; before, it was a day in the year 9999.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EMPTY = sa.text("''")
_NEW = (
    sa.Column("origin", sa.String(length=10), server_default=_EMPTY, nullable=False),
    sa.Column("origin_id", _KEY, nullable=True),
    sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
    sa.Column("position", _KEY, server_default="0", nullable=False),
    sa.Column("action", sa.String(length=40), server_default=_EMPTY, nullable=False),
    sa.Column("template", sa.String(length=512), server_default=_EMPTY, nullable=False),
    sa.Column("category", sa.String(length=20), server_default=_EMPTY, nullable=False),
    sa.Column("country", sa.String(length=2), server_default=_EMPTY, nullable=False),
    sa.Column("item", sa.String(length=64), server_default=_EMPTY, nullable=False),
)
_FROM_RUN = """
UPDATE message SET
    origin = CASE run.side WHEN 'robots' THEN 'robot' ELSE 'activity' END,
    origin_id = run.id, position = run.id, action = run.action, item = run.item
FROM run WHERE run.id = message.run_id
"""
#: Partial indexes by name: columns, and which rows.
_QUEUES = {
    "ix_message_turn": (["line_id", "priority", "position", "id"], "status = 'queued'"),
    "ix_message_lane": (
        ["conversation_id", "priority", "position", "id"],
        "status = 'queued' OR status = 'sending'",
    ),
}
_OLD_QUEUES = {
    "ix_message_turn": (["line_id", "run_id"], "status = 'queued'"),
    "ix_message_lane": (["conversation_id", "run_id"], "status = 'queued' OR status = 'sending'"),
}


def upgrade() -> None:
    for column in _NEW:
        op.add_column("message", column)
    op.execute(_FROM_RUN)
    for name in _OLD_QUEUES:
        op.drop_index(name, table_name="message")
    with op.batch_alter_table("message") as batch:
        batch.alter_column("run_id", existing_type=_KEY, nullable=True)
        batch.alter_column("send_at", existing_type=sa.DateTime(timezone=True), nullable=True)
        batch.alter_column("origin", existing_type=sa.String(length=10), server_default=None)
        batch.alter_column("position", existing_type=_KEY, server_default=None)
        batch.create_unique_constraint("message_origin_origin_id_key", ["origin", "origin_id"])
    op.execute("UPDATE message SET send_at = NULL WHERE status = 'queued' AND send_at > '9000-01-01'")
    _create(_QUEUES)


def downgrade() -> None:
    op.execute("DELETE FROM message WHERE run_id IS NULL")
    op.execute("UPDATE message SET send_at = '9999-01-01 00:00:00' WHERE send_at IS NULL")
    for name in _QUEUES:
        op.drop_index(name, table_name="message")
    with op.batch_alter_table("message") as batch:
        batch.drop_constraint("message_origin_origin_id_key", type_="unique")
        for column in reversed(_NEW):
            batch.drop_column(column.name)
        batch.alter_column("run_id", existing_type=_KEY, nullable=False)
        batch.alter_column("send_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    _create(_OLD_QUEUES)


def _create(indexes: dict[str, tuple[list[str], str]]) -> None:
    for name, (columns, rows) in indexes.items():
        op.create_index(name, "message", columns, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))
