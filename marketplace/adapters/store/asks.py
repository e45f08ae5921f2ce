"""Asks and the nodes behind them, as rows."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, func, select

from marketplace.adapters.store.columns import MOST_IN_A_QUERY, PlainText
from marketplace.adapters.store.contents import Contents
from marketplace.adapters.store.paging import in_parts, load_page
from marketplace.adapters.store.tables import AskRow, NodeRow
from marketplace.domain.orders import AskRecord, OrderState, SignOfLife
from marketplace.domain.paging import Page
from marketplace.protocol.messages import Ask
from marketplace.protocol.profile import NodeProfile

_ASKS, _NODES = AskRow.__table__, NodeRow.__table__
_AGENTS = bindparam("agents", expanding=True)
_NODES_OF = select(_NODES.c.agent, _NODES.c.last_seen, _NODES.c.drains_by).where(_NODES.c.agent.in_(_AGENTS))
_ASKED = select(_ASKS.c.agent).where(_ASKS.c.agent.in_(_AGENTS)).distinct()
_UPDATE = (
    update(_NODES)
    .where(_NODES.c.agent == bindparam("of"))
    .values(last_seen=bindparam("last_seen"), drains_by=bindparam("drains_by"))
)
"""Every heartbeat comes through these: made once, and not of mapped rows."""
_LIVE = select(_ASKS.c.ask_hash).where(_ASKS.c.state == OrderState.LIVE.value).order_by(_ASKS.c.id)
_OF_HASH = select(AskRow).where(AskRow.ask_hash == bindparam("ask_hash", type_=PlainText()))
_CONTENTS: Contents[tuple[Ask, NodeProfile]] = Contents(
    AskRow.ask_hash,
    (AskRow.ask, AskRow.profile),
    lambda ask, profile: (Ask.parse(ask), NodeProfile.parse(profile)),
    8_192,
)
"""Asks with the node profiles that they name by their digests."""


class Asks:
    """Every ask that was ever accepted, newest last. What was looked up once is not looked up again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[str, AskRow] = {}
        self._nodes: dict[str, NodeRow] = {}

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
        rows = _CONTENTS.load(self._session, query)
        for some in in_parts({row.agent for row, _ in rows}):
            nodes = self._session.exec(select(NodeRow).where(col(NodeRow.agent).in_(some)))
            self._nodes |= {node.agent: node for node in nodes}
        return [self._record(row, known) for row, known in rows]

    def late(self, now: int) -> list[AskRecord]:
        """Those of the live ones that were valid until before `now`: rows are looked at of these alone."""
        self._session.flush()
        hashes = list(self._session.execute(_LIVE).scalars())
        known = _CONTENTS.by_hash(self._session, hashes)
        late = (self.get(one) for one in hashes if known[one][0].valid_until < now)
        return [record for record in late if record is not None]

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
        query = select(AskRow).where(AskRow.provider == provider).order_by(col(AskRow.id).desc()).limit(1)
        row = self._session.exec(query).first()
        return self._record(row) if row else None

    def page(self, *, provider: str | None, live_only: bool, cursor: str | None, limit: int) -> Page[AskRecord]:
        query = select(AskRow)
        if live_only:
            query = query.where(AskRow.state == OrderState.LIVE.value)
        if provider is not None:
            query = query.where(AskRow.provider == provider)
        return load_page(self._session, query, AskRow.id, self._record, cursor, limit)

    def latest_of_agent(self, agent: str) -> AskRecord | None:
        query = select(AskRow).where(AskRow.agent == agent).order_by(col(AskRow.id).desc()).limit(1)
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

    def hear(self, signs: Sequence[SignOfLife]) -> dict[str, int]:
        """What `seen` does, of many nodes at once; when each that has an ask was last seen, by agent."""
        agents = sorted({one.agent for one in signs})
        before = {row.agent: row for row in self._of_agents(_NODES_OF, agents)}
        known = before.keys() | {row.agent for row in self._of_agents(_ASKED, [a for a in agents if a not in before])}
        now = {agent: SignOfLife(agent, row.last_seen, row.drains_by) for agent, row in before.items()}
        for sign in signs:
            if sign.agent in known and (sign.agent not in now or sign.at >= now[sign.agent].at):
                now[sign.agent] = sign
        rows = [{"agent": one.agent, "last_seen": one.at, "drains_by": one.drains_by} for one in now.values()]
        self._write_nodes([row for row in rows if row["agent"] not in before], insert(_NODES))
        self._write_nodes([row | {"of": row["agent"]} for row in rows if row["agent"] in before], _UPDATE)
        return {agent: one.at for agent, one in now.items()}

    def draining(self, since: int) -> list[AskRecord]:
        """The newest ask of each node that takes no new leases and showed signs of life `since` then."""
        query = select(NodeRow.agent).where(NodeRow.drains_by > 0, NodeRow.last_seen >= since).order_by(NodeRow.agent)
        found = map(self.latest_of_agent, self._session.exec(query).all())
        return [record for record in found if record is not None]

    def last_seen(self, agent: str) -> int:
        row = self._session.get(NodeRow, agent)
        return row.last_seen if row else 0

    def _of_agents(self, query: Any, agents: Sequence[str]) -> Iterator[Any]:
        for first in range(0, len(agents), MOST_IN_A_QUERY):
            yield from self._session.execute(query, {"agents": agents[first : first + MOST_IN_A_QUERY]})

    def _write_nodes(self, rows: Sequence[dict[str, Any]], statement: Any) -> None:
        if rows:
            self._session.execute(statement, rows)

    def _row(self, ask_hash: str) -> AskRow | None:
        row = self._rows.get(ask_hash) or self._session.exec(_OF_HASH, params={"ask_hash": ask_hash}).first()
        if row is not None:
            self._rows[ask_hash] = row
        return row

    def _record(self, row: AskRow, known: tuple[Ask, NodeProfile] | None = None) -> AskRecord:
        node = self._nodes.get(row.agent) or self._session.get(NodeRow, row.agent)
        if node is not None:
            self._nodes[row.agent] = node
        ask, profile = known or _CONTENTS.of(row)
        return AskRecord(
            ask_hash=row.ask_hash,
            ask=ask,
            signature=row.signature,
            profile=profile,
            placed_at=row.placed_at,
            state=OrderState(row.state),
            reason=row.reason,
            last_seen=max(row.placed_at, node.last_seen if node else 0),
            drains_by=node.drains_by if node else 0,
        )
