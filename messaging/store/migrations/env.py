"""Alembic's entry: runs the migrations on the connection it is handed (messaging.store.schema)."""

from alembic import context

from messaging.store.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=False,
)
with context.begin_transaction():
    context.run_migrations()
