"""The tables of the audit log."""

from sqlmodel import Field, SQLModel


class LogEntryRow(SQLModel, table=True):
    __tablename__ = "log_entries"
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    subject: str
    entry: str
    """Its canonical JSON: what was hashed."""
    nodes: bytes
    """The nodes of the tree that it completes, from its leaf upwards: two hashes on average."""


class LogFrontierRow(SQLModel, table=True):
    __tablename__ = "log_frontier"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Always 1: there is one log."""
    size: int
    peaks: bytes
