"""The database of the market: tables, migrations, and one class a subject that turns rows into domain values."""

# Before anything that asks a table: a query that is built before has the types that SQLModel takes for numbers.
import marketplace.adapters.store.schema  # noqa: F401
from marketplace.adapters.store.database import Database
from marketplace.adapters.store.engines import url_of
from marketplace.adapters.store.migrate import migrate

__all__ = ["Database", "migrate", "url_of"]
