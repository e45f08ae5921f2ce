"""Eviction notices as rows."""

from sqlmodel import Session, select

from marketplace.adapters.store.tables import NoticeRow
from marketplace.domain.notices import NoticeRecord


class Notices:
    """Those that stand."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, notice: NoticeRecord) -> None:
        names = NoticeRecord.__dataclass_fields__
        self._session.add(NoticeRow(**{name: getattr(notice, name) for name in names}))
        self._session.flush()

    def all(self) -> list[NoticeRecord]:
        rows = self._session.exec(select(NoticeRow).order_by(NoticeRow.lease_id))
        return [
            NoticeRecord(**{name: getattr(row, name) for name in NoticeRecord.__dataclass_fields__}) for row in rows
        ]

    def remove(self, lease_id: str) -> None:
        row = self._session.get(NoticeRow, lease_id)
        if row is not None:
            self._session.delete(row)
            self._session.flush()
