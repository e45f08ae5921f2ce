"""Asks and the nodes behind them, as rows."""

from sqlmodel import Session, col, func, select

from marketplace.adapters.store.paging import load_page
from marketplace.adapters.store.tables import AskRow, NodeRow
from marketplace.domain.orders import AskRecord, OrderState
from marketplace.domain.paging import Page
from marketplace.protocol.messages import Ask
from marketplace.protocol.profile import NodeProfile


class Asks:
    """Every ask that was ever accepted, newest last."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: AskRecord) -> None:
        self._session.add(
            AskRow(
                ask_hash=record.ask_hash,
                provider=record.ask.provider,
                agent=record.ask.agent,
                salt=record.ask.salt,
                ask=record.ask.to_json(),
                signature=record.signature,
                profile=record.profile.to_json(),
                placed_at=record.placed_at,
                state=record.state.value,
                reason=record.reason,
            )
        )
        self._session.flush()

    def get(self, ask_hash: str) -> AskRecord | None:
        row = self._row(ask_hash)
        return self._record(row) if row else None

    def live(self) -> list[AskRecord]:
        """Asks that can still be matched, in the order in which they came."""
        query = select(AskRow).where(AskRow.state == OrderState.LIVE.value).order_by(col(AskRow.id))
        return [self._record(row) for row in self._session.exec(query).all()]

    def live_of_node(self, provider: str, agent: str) -> list[AskRecord]:
        query = select(AskRow).where(
            AskRow.state == OrderState.LIVE.value,
            AskRow.provider == provider,
            AskRow.agent == agent,
        )
        return [self._record(row) for row in self._session.exec(query).all()]

    def count_live_of(self, provider: str) -> int:
        query = select(func.count()).where(AskRow.state == OrderState.LIVE.value, AskRow.provider == provider)
        return self._session.exec(query).one()

    def below_salt(self, provider: str, salt: int) -> list[AskRecord]:
        """The provider's asks with a smaller salt."""
        query = select(AskRow).where(AskRow.provider == provider, AskRow.salt < salt)
        return [self._record(row) for row in self._session.exec(query).all()]

    def newest_of(self, provider: str) -> AskRecord | None:
        """The provider's ask that came last, live or not."""
        row = self._session.exec(
            select(AskRow).where(AskRow.provider == provider).order_by(col(AskRow.id).desc())
        ).first()
        return self._record(row) if row else None

    def page(self, *, provider: str | None, live_only: bool, cursor: str | None, limit: int) -> Page[AskRecord]:
        query = select(AskRow)
        if live_only:
            query = query.where(AskRow.state == OrderState.LIVE.value)
        if provider is not None:
            query = query.where(AskRow.provider == provider)
        return load_page(self._session, query, AskRow.id, self._record, cursor, limit)

    def latest_of_agent(self, agent: str) -> AskRecord | None:
        query = select(AskRow).where(AskRow.agent == agent).order_by(col(AskRow.id).desc())
        row = self._session.exec(query).first()
        return self._record(row) if row else None

    def set_state(
        self,
        ask_hash: str,
        state: OrderState,
        reason: str = "",
        ended_block: int | None = None,
    ) -> None:
        row = self._row(ask_hash)
        row.state, row.reason, row.ended_block = (
            state.value,
            reason,
            ended_block,
        )
        self._session.add(row)
        self._session.flush()

    def revive_after(self, block: int) -> list[str]:
        """Asks that an event in a block above `block` had taken out of the book are live again; their hashes."""
        rows = self._session.exec(select(AskRow).where(col(AskRow.ended_block) > block)).all()
        for row in rows:
            self.set_state(row.ask_hash, OrderState.LIVE)
        return [row.ask_hash for row in rows]

    def seen(self, agent: str, at: int, drains_by: int = 0) -> None:
        """Note a sign of life; an older one never overwrites a newer."""
        row = self._session.get(NodeRow, agent) or NodeRow(agent=agent, last_seen=0)
        if at >= row.last_seen:
            row.last_seen, row.drains_by = at, drains_by
        self._session.add(row)
        self._session.flush()

    def draining(self, since: int) -> list[AskRecord]:
        """The newest ask of each node that takes no new leases and showed signs of life `since` then."""
        query = select(NodeRow.agent).where(NodeRow.drains_by > 0, NodeRow.last_seen >= since).order_by(NodeRow.agent)
        found = map(self.latest_of_agent, self._session.exec(query).all())
        return [record for record in found if record is not None]

    def last_seen(self, agent: str) -> int:
        row = self._session.get(NodeRow, agent)
        return row.last_seen if row else 0

    def _row(self, ask_hash: str) -> AskRow | None:
        return self._session.exec(select(AskRow).where(AskRow.ask_hash == ask_hash)).first()

    def _record(self, row: AskRow) -> AskRecord:
        node = self._session.get(NodeRow, row.agent)
        return AskRecord(
            ask_hash=row.ask_hash,
            ask=Ask.parse(row.ask),
            signature=row.signature,
            profile=NodeProfile.parse(row.profile),
            placed_at=row.placed_at,
            state=OrderState(row.state),
            reason=row.reason,
            last_seen=max(row.placed_at, node.last_seen if node else 0),
            drains_by=node.drains_by if node else 0,
        )
