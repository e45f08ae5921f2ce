"""Matches as rows."""

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from marketplace.adapters.store.columns import PlainText
from marketplace.adapters.store.paging import in_parts
from marketplace.adapters.store.tables import MatchRow
from marketplace.domain.leases import MatchRecord, MatchState

_MATCHES_OF_BID = (
    select(MatchRow).where(MatchRow.bid_hash == bindparam("bid_hash", type_=PlainText())).order_by(col(MatchRow.id))
)


class Matches:
    """What the market planned."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[int, MatchRow] = {}
        """Only there so that the session keeps them: what was looked up once is not looked up again."""

    def add(self, match: MatchRecord) -> int:
        """Its id; `match.id` is not looked at."""
        plain = {name: getattr(match, name) for name in MatchRecord.__dataclass_fields__ if name != "id"}
        row = MatchRow(**plain | {"state": match.state.value})
        self._session.add(row)
        self._session.flush()
        return row.id

    def get(self, match_id: int) -> MatchRecord | None:
        row = self._session.get(MatchRow, match_id)
        return _match(row) if row else None

    def reserved(self) -> list[MatchRecord]:
        """Matches whose lease is not on chain yet."""
        return self._where(MatchRow.state == MatchState.RESERVED.value)

    def of_bid(self, bid_hash: str) -> list[MatchRecord]:
        return self._noted(self._session.exec(_MATCHES_OF_BID, params={"bid_hash": bid_hash}))

    def of_bids(self, bid_hashes: Collection[str]) -> dict[str, list[MatchRecord]]:
        """The same of several, in one look."""
        found: dict[str, list[MatchRecord]] = {one: [] for one in bid_hashes}
        for some in in_parts(bid_hashes):
            for match in self._where(col(MatchRow.bid_hash).in_(some)):
                found[match.bid_hash].append(match)
        return found

    def of_round(self, number: int) -> list[MatchRecord]:
        return self._where(MatchRow.round_number == number)

    def of_outbox(self, outbox_id: int) -> list[MatchRecord]:
        return self._where(MatchRow.outbox_id == outbox_id)

    def of_lease(self, lease_id: str) -> list[MatchRecord]:
        return self._where(MatchRow.lease_id == lease_id)

    def reserve_again(self, match_id: int) -> None:
        """Its lease, or its being left out, was reorganised away: the transaction is to come again."""
        self._set(match_id, MatchState.RESERVED)

    def open(self, match_id: int, lease_id: str) -> None:
        self._set(match_id, MatchState.OPENED, lease_id=lease_id)

    def drop(self, match_id: int, reason: str, block: int | None) -> None:
        """`block` is where the contract left it out, if that was on chain."""
        self._set(match_id, MatchState.DROPPED, reason=reason, dropped_block=block)

    def move(self, match_id: int, outbox_id: int) -> None:
        """To another transaction."""
        row = self._session.get(MatchRow, match_id)
        row.outbox_id = outbox_id
        self._save(row)

    def roll_back(self, block: int) -> list[MatchRecord]:
        """Matches that the contract left out above `block` are reserved again; they, as they were before."""
        found = self._where(col(MatchRow.dropped_block) > block)
        for match in found:
            self.reserve_again(match.id)
        return found

    def _set(
        self,
        match_id: int,
        state: MatchState,
        *,
        lease_id: str = "",
        reason: str = "",
        dropped_block: int | None = None,
    ) -> None:
        row = self._session.get(MatchRow, match_id)
        row.state, row.lease_id, row.reason, row.dropped_block = state.value, lease_id, reason, dropped_block
        self._save(row)

    def _save(self, row: MatchRow) -> None:
        """Written with others of its kind, before anything is searched for."""
        self._session.add(row)

    def _where(self, condition) -> list[MatchRecord]:
        return self._noted(self._session.exec(select(MatchRow).where(condition).order_by(col(MatchRow.id))))

    def _noted(self, rows: Iterable[MatchRow]) -> list[MatchRecord]:
        found = {row.id: row for row in rows}
        self._rows |= found
        return list(map(_match, found.values()))


def _match(row: MatchRow) -> MatchRecord:
    plain = {name: getattr(row, name) for name in MatchRecord.__dataclass_fields__}
    return MatchRecord(**plain | {"state": MatchState(row.state)})
