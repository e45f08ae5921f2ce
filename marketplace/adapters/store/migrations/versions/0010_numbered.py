"""Everything up to version 10: the numbered scripts on SQLite, what they amount to on PostgreSQL."""

from alembic import op

from marketplace.adapters.store.columns import POSTGRESQL
from marketplace.adapters.store.history import POSTGRESQL_SCRIPT, apply_scripts, statements
from marketplace.errors import SettingsError

revision = "0010"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != POSTGRESQL:
        apply_scripts(connection)
        return
    for statement in statements(POSTGRESQL_SCRIPT.read_text()):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    raise SettingsError("Nothing leads back behind version 0010.", hint="Restore a backup from before it.")
