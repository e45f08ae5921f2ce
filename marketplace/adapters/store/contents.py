"""Orders as they were signed, with the documents that they name by digest: read and parsed once, while they are kept.

A row of an order has some kilobytes of JSON, which every round and every list would read again; and it never changes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy import bindparam
from sqlalchemy.orm import InstrumentedAttribute, defer
from sqlmodel import Session, select

from marketplace.adapters.store.columns import PlainText
from marketplace.adapters.store.paging import in_parts
from marketplace.domain.kept import Kept

Value = TypeVar("Value")


class Contents(Generic[Value]):
    """What `parse` makes of the documents of one kind of row, by the row's hash. Safe to share between threads."""

    def __init__(
        self,
        key: InstrumentedAttribute,
        documents: Sequence[InstrumentedAttribute],
        parse: Callable[..., Value],
        limit: int,
    ) -> None:
        self._key, self._parse = key.key, parse
        self._names = tuple(each.key for each in documents)
        self._without = tuple(map(defer, documents))
        self._of_hashes = select(key, *documents).where(key.in_(bindparam("hashes", type_=PlainText(), expanding=True)))
        self._kept: Kept[str, Value] = Kept(limit)

    def of(self, row: Any) -> Value:
        """Of one row; its documents are read where they were left out and are not known."""
        return self._kept.get(
            getattr(row, self._key), lambda: self._parse(*(getattr(row, name) for name in self._names))
        )

    def load(self, session: Session, query: Any) -> list[tuple[Any, Value]]:
        """The rows that `query` finds, in its order, each with its contents: documents are read of unknown ones alone.

        However many are found and however few are kept, each is read once.
        """
        rows = session.exec(query.options(*self._without)).all()
        hashes = [getattr(row, self._key) for row in rows]
        known = self.by_hash(session, hashes)
        return [(row, known[one]) for row, one in zip(rows, hashes, strict=True)]

    def by_hash(self, session: Session, hashes: Sequence[str]) -> dict[str, Value]:
        """Of rows that there are, without looking at those that are known."""
        known = {one: found for one in hashes if (found := self._kept.find(one)) is not None}  # which may go meanwhile
        return known | self._read(session, [one for one in hashes if one not in known])

    def _read(self, session: Session, hashes: Sequence[str]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for some in in_parts(hashes):
            for one, *documents in session.execute(self._of_hashes, {"hashes": some}):
                found[one] = self._kept.get(one, partial(self._parse, *documents))
        return found
