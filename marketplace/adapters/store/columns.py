"""Column types that keep the same values on SQLite and on PostgreSQL.

Documents are `JSON` there too, not `JSONB`: what was signed is kept as it came, and JSONB takes no `\\u0000` and orders
keys anew. What is searched for inside a document has a column of its own.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    Boolean,
    Column,
    Double,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlmodel import Field
from sqlmodel.sql.sqltypes import AutoString

POSTGRESQL = "postgresql"
MOST_IN_A_QUERY = 500
"""Values that one `IN` names: databases have a limit of parameters, and a statement is kept for each number of them."""
_NUL, _REPLACEMENT = "\x00", "\N{REPLACEMENT CHARACTER}"

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits, signed; SQLite numbers rows by itself only where the type is named INTEGER."""
NUMBER = Double().with_variant(REAL(), "sqlite")
"""64 bits on both: REAL has 32 on PostgreSQL."""


class PlainText(TypeDecorator):
    """Text compared byte by byte, whatever the server's language. NUL, which PostgreSQL cannot hold, becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        plain = String(collation="C") if dialect.name == POSTGRESQL else Text()
        return dialect.type_descriptor(plain)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace(_NUL, _REPLACEMENT) if value is not None else None


def json_field() -> Any:
    """A document or list that is always there."""
    return Field(sa_column=Column(JSON, nullable=False))


def make_portable(table: Table) -> None:
    """Give the columns that SQLModel declares by Python's types those that mean the same on both databases."""
    for column in table.columns:
        if isinstance(column.type, AutoString):
            column.type = PlainText()
        elif type(column.type) is Integer:
            column.type = WHOLE
        elif type(column.type) is Float:
            column.type = NUMBER
        elif not isinstance(column.type, JSON | Boolean | LargeBinary):
            raise TypeError(f"{table.name}.{column.name}: no rule for {column.type!r}")
