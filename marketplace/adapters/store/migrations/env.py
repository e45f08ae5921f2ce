"""What Alembic runs for a command: within the connection, and the transaction, that `migrate.py` gives it."""

from alembic import context

from marketplace.adapters.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
