"""Sessions and keys as rows."""

from dataclasses import asdict

from sqlalchemy import delete, update
from sqlmodel import Session as Rows
from sqlmodel import col, select

from marketplace.adapters.store.tables_access import ApiKeyRow, SessionRow
from marketplace.domain.access import ApiKey, Session


class Sessions:
    """Those that have not expired; the others go when a new one comes."""

    def __init__(self, session: Rows) -> None:
        self._session = session

    def add(self, record: Session) -> None:
        self._session.add(SessionRow(**asdict(record)))
        self._session.flush()

    def with_token(self, token_hash: str) -> Session | None:
        row = self._session.exec(select(SessionRow).where(SessionRow.token_hash == token_hash)).first()
        return _session(row) if row else None

    def is_used(self, nonce: str) -> bool:
        return self._session.exec(select(SessionRow.id).where(SessionRow.nonce == nonce)).first() is not None

    def of(self, account: str) -> list[Session]:
        query = select(SessionRow).where(SessionRow.account == account).order_by(col(SessionRow.created_at))
        return [_session(row) for row in self._session.exec(query)]

    def end(self, session_id: str, at: int) -> None:
        self._session.execute(update(SessionRow).where(col(SessionRow.id) == session_id).values(ended_at=at))

    def forget(self, before: int) -> None:
        self._session.execute(delete(SessionRow).where(col(SessionRow.expires_at) < before))


class ApiKeys:
    """All that were made, revoked ones too."""

    def __init__(self, session: Rows) -> None:
        self._session = session

    def add(self, record: ApiKey) -> None:
        self._session.add(ApiKeyRow(**asdict(record) | {"scopes": list(record.scopes)}))
        self._session.flush()

    def with_token(self, token_hash: str) -> ApiKey | None:
        row = self._session.exec(select(ApiKeyRow).where(ApiKeyRow.token_hash == token_hash)).first()
        return _key(row) if row else None

    def of(self, account: str) -> list[ApiKey]:
        query = select(ApiKeyRow).where(ApiKeyRow.account == account).order_by(col(ApiKeyRow.created_at))
        return [_key(row) for row in self._session.exec(query)]

    def use(self, key_id: str, at: int) -> None:
        self._session.execute(update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id).values(used_at=at))

    def revoke(self, key_id: str, at: int) -> None:
        self._session.execute(update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id).values(revoked_at=at))


def _session(row: SessionRow) -> Session:
    return Session(**row.model_dump())


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(**row.model_dump() | {"scopes": tuple(row.scopes)})
