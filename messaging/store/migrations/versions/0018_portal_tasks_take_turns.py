"""Portal tasks: when the portal cannot be at work on one any more, since when one fails; each portal has its turn."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_WAITS = "state = 'due' OR state = 'unclear'"


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "portal_task", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.add_column("portal_task", sa.Column("settled_at", _MOMENT))
    op.add_column("portal_task", sa.Column("failing_since", _MOMENT))
    _partial("ix_portal_task_next", ["portal_id", "kind", "id", "due_at"], _WAITS)
    _partial("ix_portal_task_stuck", ["due_at"], "done_at IS NULL")


def downgrade() -> None:
    op.drop_index("ix_portal_task_stuck", "portal_task")
    op.drop_index("ix_portal_task_next", "portal_task")
    op.drop_column("portal_task", "failing_since")
    op.drop_column("portal_task", "settled_at")
