"""The database of the market: tables, migrations, and one class a subject that turns rows into domain values."""

from marketplace.adapters.store.database import Database

__all__ = ["Database"]
