"""What alembic runs around a migration: it gets the connection, and with it the transaction, from the caller."""

from alembic import context

from server.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite changes most things about a column only by copying the table; this writes migrations that way.
    render_as_batch=True,
)
context.run_migrations()
