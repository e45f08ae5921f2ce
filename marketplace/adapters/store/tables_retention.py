"""The tables of what is forgotten, of how far those are that go through rows, and of which history they are."""

from sqlmodel import Field, SQLModel


class ForgottenBlobRow(SQLModel, table=True):
    __tablename__ = "forgotten_blobs"
    digest: str = Field(primary_key=True)
    gone_at: int | None = None
    """None while it is being deleted."""


class ExitRow(SQLModel, table=True):
    __tablename__ = "exits"
    lease_id: str = Field(primary_key=True)
    exit_code: int
    """Of a workflow's job whose attestation is forgotten: how the workflow ended follows from it."""


class HistoryRow(SQLModel, table=True):
    __tablename__ = "history"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Always 1; without it the database was never put in another's place."""
    name: str


class CursorRow(SQLModel, table=True):
    __tablename__ = "cursors"
    name: str = Field(primary_key=True)
    position: int
