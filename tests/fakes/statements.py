"""SQL statements compiled once for all databases of a run, where SQLAlchemy would compile them once for each.

Every test has a database of its own, and a third of what tests of the market took was compiling the same statements
again: they are remembered by engine, and by the very object that stands for SQLite's dialect.
"""

from typing import Any

from sqlalchemy import Engine, Pool
from sqlalchemy.engine import Dialect

_first: list[Engine] = []
"""The engine whose dialect and statements the later ones take over."""


def share_compiled_statements() -> None:
    """Have all SQLite engines made from now on share what they compile. Doing so twice changes nothing."""
    if hasattr(Engine.__init__, "is_shared"):
        return
    usual = Engine.__init__

    def begin(engine: Engine, pool: Pool, dialect: Dialect, *rest: Any, **options: Any) -> None:
        usual(engine, pool, dialect, *rest, **options)
        if dialect.name != "sqlite":
            return
        # A dialect learns at its first connection what it is of: until then it is of no use to others.
        if _first and type(_first[0].dialect) is type(dialect) and _first[0].dialect.server_version_info:
            engine.dialect = pool._dialect = _first[0].dialect
            engine._compiled_cache = _first[0]._compiled_cache
        else:
            _first[:] = [engine]

    begin.is_shared = True
    Engine.__init__ = begin
